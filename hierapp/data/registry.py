"""Data sets by name, shipped and imported, each as an ImageSet of tensors.

A shipped data set is one file of the folder `shipped`. Only `load` needs torch.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Literal, overload

import numpy as np
from numpy.typing import NDArray

from hierapp import paths
from hierapp.data import content, shipped
from hierapp.data.content import UNKNOWN, ContentHashes
from hierapp.data.dataset import Arrays, Dataset, Part, how_to_fix, how_to_get, size_on_disk
from hierapp.data.image_set import ImageSet, split
from hierapp.data.imports import store as import_store
from hierapp.data.label_maps import pixel_counts
from hierapp.errors import DatasetError

__all__ = [
    "DATASETS",
    "Dataset",
    "ImageSet",
    "Part",
    "RowNumbers",
    "Status",
    "arrays",
    "best_ready",
    "catalogue",
    "class_counts",
    "content_hashes",
    "find",
    "has_images",
    "images",
    "load",
    "split",
    "status",
    "texts",
]


@dataclass(frozen=True)
class Status:
    """Whether a data set can be loaded, with a one-sentence explanation."""

    state: Literal["ready", "absent", "broken"]
    detail: str


def _found() -> dict[str, Dataset]:
    modules = [import_module(f"{shipped.__name__}.{each.name}") for each in iter_modules(shipped.__path__)]
    entries = sorted((module.DATASET for module in modules), key=lambda entry: (entry.order, entry.name))
    return {entry.name: entry for entry in entries}


# Every data set of the folder `shipped`.
DATASETS: dict[str, Dataset] = _found()


def catalogue(folder: Path | str | None = None) -> dict[str, Dataset]:
    """Return all data sets by name: the shipped ones in the order of DATASETS, then the user's own by name.

    Args:
        folder: the data folder; by default paths.data_folder().
    """
    return {**DATASETS, **_own(folder)}


def table() -> str:
    """Return the table of the shipped data sets in the documentation, as Markdown."""
    rows = ["| name | content | images | classes |", "| --- | --- | --- | --- |"]
    for entry in DATASETS.values():
        size = f"{entry.train_size + entry.test_size:,}{' rows' if entry.features else ''}"
        rows.append(f"| `{entry.name}` | {entry.summary} | {size} | {len(entry.class_names)} |")
    return "\n".join(rows)


def find(name: str, folder: Path | str | None = None) -> Dataset:
    """Return the catalogue entry; an unknown name raises a DatasetError that lists the names."""
    if name in DATASETS:
        return DATASETS[name]
    own = _own(folder)
    if name not in own:
        raise DatasetError(f"Unknown data set {name!r}; choose one of {', '.join([*DATASETS, *own])}.")
    return own[name]


def order_of(name: str, classes: Collection[str], folder: Path | str | None = None) -> tuple[str, ...] | None:
    """Return these classes in the order of a data set, if that has a meaning.

    None if it has none, if the name is unknown, as it may be for imported predictions, or if its classes are others.
    """
    entry = catalogue(folder).get(name)
    if entry is None or not entry.ordinal or set(entry.class_names) != set(classes):
        return None
    return entry.class_names


def status(name: str, folder: Path | str | None = None) -> Status:
    """Check whether a data set can be loaded, from the presence and size of its files; fast, for use on every page.

    Args:
        name: a key of the catalogue.
        folder: the data folder; by default paths.data_folder().
    """
    dataset = find(name, folder)
    places = dataset.places(_data_folder(folder))
    if not places:
        return Status("ready", "Included in scikit-learn.")
    sizes = {file: size_on_disk(file, path) for file, path in places.items()}
    if all(size is None for size in sizes.values()) and not dataset.own:
        return Status(
            "absent", f"{dataset.title} is not on this machine; to get it, {dataset.by_hand or how_to_get(name)}."
        )
    for file, size in sizes.items():
        if size != file.size:
            fault = "is missing" if size is None else f"has {size:,} bytes instead of {file.size:,}"
            fix = how_to_fix(dataset) if dataset.own else f"download it again: {how_to_get(name)}"
            return Status("broken", f"{dataset.title} is broken: {places[file]} {fault}; {fix}.")
    return Status("ready", f"Ready in {next(iter(places.values())).parent}.")


def best_ready(folder: Path | str | None = None) -> str:
    """Return the name of the best shipped data set that is ready; the digits always are."""
    best_first = sorted(DATASETS.values(), key=lambda entry: (entry.start_order, entry.order, entry.name))
    return next(entry.name for entry in best_first if status(entry.name, folder).state == "ready")


def arrays(name: str, part: Part, folder: Path | str | None = None) -> Arrays:
    """Read one part of a data set without torch, the data behind `load`; the other part's files are not opened.

    Args:
        name: a key of the catalogue.
        part: "train" or "test".
        folder: the data folder; by default paths.data_folder().

    Returns:
        (inputs, labels): images uint8 [n, H, W, C], contiguous, or features float16 or float32 [n, F]; and int64 [n],
        positions in the data set's label_names, or label maps of these [n, H, W], see `hierapp.data.label_maps`.

    Raises:
        DatasetError: if the data set is unknown or missing, or a file of the part is damaged; says how to repair it.
    """
    dataset = find(name, folder)
    if part not in ("train", "test"):
        raise DatasetError(f"Unknown part {part!r} of the data set {name!r}; choose train or test.")
    root = _data_folder(folder)
    now = status(name, root)
    if now.state == "absent":
        raise DatasetError(now.detail)
    inputs, labels = dataset.read(dataset, part, root)
    expected = dataset.train_size if part == "train" else dataset.test_size
    if len(inputs) != expected or len(labels) != expected:
        raise DatasetError(
            f"The {part} part of {name!r} has {len(inputs)} {dataset.noun} and {len(labels)} labels instead of"
            f" {expected}; {'' if dataset.own else 'download it again: '}{how_to_fix(dataset)}."
        )
    return inputs, labels


def has_images(name: str, folder: Path | str | None = None) -> bool:
    """Return whether there are images to show: the data set's own, or those from which its features were extracted."""
    dataset = find(name, folder)
    if dataset.kind == "images" or dataset.pictures is None:
        return dataset.kind == "images"
    source, content_then = dataset.pictures
    known = catalogue(folder)
    if source not in known or known[source].kind != "images" or status(source, folder).state != "ready":
        return False
    return content_hashes(source, folder) == content_then


def images(name: str, part: Part, folder: Path | str | None = None) -> NDArray[np.uint8]:
    """Read the images of a part to show them, row by row, if the data set `has_images`: uint8 [n, H, W, C].

    Raises:
        DatasetError: see `arrays`; or if there are no images.
    """
    dataset = find(name, folder)
    if dataset.kind == "images":
        return arrays(name, part, folder)[0]
    if dataset.pictures is None or not has_images(name, folder):
        raise DatasetError(f"There are no images of the rows of {name!r}; its texts or numbers are shown.")
    return arrays(dataset.pictures[0], part, folder)[0]


def texts(name: str, part: Part, folder: Path | str | None = None) -> Sequence[str]:
    """Return what is shown for the rows of a data set without images: their texts, or their numbers.

    Args:
        name: a key of the catalogue.
        part: "train" or "test".
        folder: the data folder; by default paths.data_folder().
    """
    dataset = find(name, folder)
    found = () if dataset.texts is None else dataset.texts(dataset, part, _data_folder(folder))
    size = dataset.train_size if part == "train" else dataset.test_size
    return found if len(found) == size else RowNumbers(size, part)


class RowNumbers(Sequence[str]):
    """The names of rows that have no text: their part and number."""

    def __init__(self, size: int, part: Part) -> None:
        self.size, self.part = size, part

    def __len__(self) -> int:
        return self.size

    @overload
    def __getitem__(self, place: int) -> str: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[str]: ...

    def __getitem__(self, place: int | slice) -> str | Sequence[str]:
        if isinstance(place, slice):
            return [f"{self.part} row {each}" for each in range(self.size)[place]]
        return f"{self.part} row {range(self.size)[place]}"


def class_counts(name: str, folder: Path | str | None = None) -> dict[Part, NDArray[np.int64]]:
    """Count the images or rows of each class in each part: [L] in the order of the data set's class_names; those with
    coarse labels are not counted; of label maps the pixels are. Reads both parts.

    Raises:
        DatasetError: see `arrays`.
    """
    size = len(find(name, folder).class_names)
    parts: tuple[Part, Part] = ("train", "test")
    if find(name, folder).kind == "segmentation":
        return {part: pixel_counts(arrays(name, part, folder)[1], size) for part in parts}
    return {part: np.bincount(arrays(name, part, folder)[1], minlength=size)[:size] for part in parts}


def content_hashes(name: str, folder: Path | str | None = None) -> ContentHashes:
    """Return the content hash of each part of a data set, without reading it where a hash is stored.

    Args:
        name: a name, which need not be in the catalogue.
        folder: the data folder; by default paths.data_folder().

    Returns:
        None for a part that cannot be read.
    """
    dataset = catalogue(folder).get(name)
    if dataset is None:
        return UNKNOWN
    return ContentHashes(*(_content_hash(dataset, part, folder) for part in import_store.PARTS))


def load(name: str, part: Part, folder: Path | str | None = None) -> ImageSet:
    """Load one part of a data set; the other part's files are not opened.

    Args:
        name: a key of the catalogue.
        part: "train" or "test".
        folder: the data folder; by default paths.data_folder().

    Raises:
        DatasetError: if the data set is unknown or missing, or a file of the part is damaged; says how to repair it.
    """
    import torch

    inputs, labels = arrays(name, part, folder)
    dataset = find(name, folder)
    return ImageSet(
        torch.from_numpy(inputs),
        torch.from_numpy(labels),
        dataset.class_names,
        _content_hash(dataset, part, folder),
        dataset.coarse_names,
    )


def _content_hash(dataset: Dataset, part: Part, folder: Path | str | None) -> str | None:
    try:
        return content.with_classes(dataset.hash_part(dataset, part, _data_folder(folder)), dataset.class_names)
    except (DatasetError, OSError):
        return None


def _own(folder: Path | str | None) -> dict[str, Dataset]:
    # If a later version ships a data set with the name of a user's own, only that one of the user's is hidden.
    return {name: entry for name, entry in import_store.found(_data_folder(folder)).items() if name not in DATASETS}


def _data_folder(folder: Path | str | None) -> Path:
    return paths.data_folder() if folder is None else Path(folder)
