"""Content hashes of data sets: whether a name still stands for the images and labels that a run was trained on.

A user may delete a data set and import other pictures under its name, so the name alone does not identify the data.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from hierapp.data.dataset import Dataset, Part

DIGITS = 32  # hexadecimal, of SHA-256


class ContentHashes(NamedTuple):
    """The content hash of each part of a data set; None where it is unknown, as for runs of older versions."""

    train: str | None = None
    test: str | None = None

    def differ(self, other: ContentHashes) -> bool:
        """Return whether the content certainly differs: a part is known in both and is not the same.

        >>> ContentHashes("a", "b").differ(ContentHashes("a", "c")), ContentHashes("a", "b").differ(ContentHashes())
        (True, False)
        """
        return any(None not in pair and pair[0] != pair[1] for pair in zip(self, other, strict=True))

    @property
    def short(self) -> str:
        """The first digits of both hashes together, which tell data sets of one name apart for a reader."""
        return _digest(part or "" for part in self)[:6]


UNKNOWN = ContentHashes()


def of_arrays(images: np.ndarray, labels: np.ndarray) -> str:
    """Return the hash of one part from its arrays, which may be memory maps."""
    found = hashlib.sha256(f"{images.dtype} {images.shape} {labels.shape}".encode())
    found.update(np.ascontiguousarray(images).reshape(-1).data)
    if labels.ndim == 1:
        found.update(labels.astype("<i8").data)
    else:  # label maps, of one or two bytes a pixel
        found.update(np.ascontiguousarray(labels).astype(labels.dtype.newbyteorder("<"), copy=False).reshape(-1).data)
    return found.hexdigest()[:DIGITS]


def of_part(dataset: Dataset, part: Part, folder: Path) -> str:
    """Return the hash of one part of a published data set, from the checksums that reading compares its files with; a
    data set without files comes with a package, is small, and is read."""
    if not dataset.files:
        return of_arrays(*dataset.read(dataset, part, folder))
    return _digest(f"{file.path} {file.md5}" for file in dataset.files if file.part in (part, None))


def with_classes(part_hash: str, class_names: Iterable[str]) -> str:
    """Return the hash of one part together with the names of the classes, to which its labels refer."""
    return _digest([part_hash, *class_names])


def of_labels(labels: Iterable[str]) -> str:
    """Return the hash of a part of which only the true class of each example is known, by name."""
    return _digest(labels)


def _digest(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:DIGITS]
