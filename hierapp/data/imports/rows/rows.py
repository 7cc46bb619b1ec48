"""The rows that a reader found in a source, before they are checked and stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hierapp.data.imports.layout import PART_OF
from hierapp.errors import DatasetError, short

# Names of arrays and columns, in lower case, the preferred ones first.
FEATURES = ("features", "embeddings", "x", "data", "inputs", "vectors")
LABELS = ("labels", "label", "y", "targets", "target", "class", "category", "species")
CLASSES = ("classes", "class_names", "label_names", "target_names")
PARTS = ("test", "is_test", "part", "parts", "split", "splits", "subset", "fold")
TEXTS = ("texts", "text", "names", "name", "titles", "title", "paths", "path", "files", "file", "filename")


@dataclass
class Rows:
    """Rows of features as they are in the source.

    Attributes:
        layout: what was read as features, labels and parts, in words.
        features: [n, F] numbers of any type; may be a memory map.
        labels: [n] as in the source: integers, numbers or strings.
        class_names: the names of labels that are positions; None if the labels name the classes themselves.
        part: [n] as in the source: flags of the test part or names of parts; None if the parts are to be drawn.
        texts: what is shown for a row; None if the source has nothing but numbers.
        columns: names of the features; empty for arrays.
        scaled: whether the columns have different units and are standardized.
        ignored: names of arrays or columns that are not used.
        embeds: whether the texts are still to be embedded as features, which are empty.
    """

    layout: str
    features: NDArray[Any]
    labels: NDArray[Any]
    class_names: Sequence[str] | None = None
    part: NDArray[Any] | None = None
    texts: Sequence[str] | None = None
    columns: tuple[str, ...] = ()
    scaled: bool = False
    ignored: list[str] = field(default_factory=list)
    embeds: bool = False


def known_name(names: Sequence[str], wanted: str, usual: Sequence[str], what: str) -> str | None:
    """Return the name of an array or column: the requested one, else the first of the usual names, else None.

    Raises:
        DatasetError: if the requested one does not exist.
    """
    if wanted:
        if wanted not in names:
            shown = ", ".join(short(name) for name in names[:10])
            raise DatasetError(f"There is no {what} named {short(wanted)}; choose one of {shown}.")
        return wanted
    by_lower = {name.strip().casefold(): name for name in reversed(names)}
    return next((by_lower[name] for name in usual if name in by_lower), None)


def test_flags(part: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which rows belong to the test part, from flags or from names such as train, validation and test.

    Validation rows belong to the training part, from which every run draws its own validation part.

    Raises:
        DatasetError: if a value is neither a flag nor a known name.

    >>> test_flags(np.array(["train", "Test", "dev"])).tolist()
    [False, True, False]
    """
    if part.dtype == bool:
        return part
    if np.issubdtype(part.dtype, np.number):
        if set(np.unique(part).tolist()) <= {0, 1}:
            return part.astype(bool)
        raise DatasetError(
            f"Expected the parts as train and test, or as flags of the test part, but got the number {part.max()}; name"
            " the parts train and test."
        )
    known = {
        each: {"true": "test", "false": "train", "1": "test", "0": "train"}.get(
            each.strip().casefold(), PART_OF.get(each.strip().casefold())
        )
        for each in np.unique(part).tolist()
    }
    for each, meaning in known.items():
        if meaning is None:
            raise DatasetError(
                f"Expected the parts train and test but got {short(each)}; name the parts train and test."
            )
    return np.array([known[each] == "test" for each in part.tolist()], bool)
