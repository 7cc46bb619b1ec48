"""The classes of rows, from labels that are names, positions or numbers."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hierapp.data.imports.folders import natural
from hierapp.errors import DatasetError, short, some
from hierapp.trees import LabelTree


@dataclass(frozen=True)
class Labels:
    """The label of each row.

    Attributes:
        names: what the labels are positions in: the classes, then the coarse labels.
        of_row: [n], positions in `names`; -1 for a row without a label.
        classes: how many of the names are classes; the others are inner nodes of the tree.
        ordinal: whether the order of the classes has a meaning.
    """

    names: tuple[str, ...]
    of_row: NDArray[np.int64]
    classes: int
    ordinal: bool = False


def read(
    labels: NDArray[Any],
    class_names: Sequence[str] | None = None,
    tree: LabelTree | None = None,
    ordinal: bool = False,
    bins: int = 0,
) -> Labels:
    """Find the classes.

    Args:
        labels: [n] names, positions in `class_names`, or numbers.
        class_names: the names of positions; by default the labels themselves are the names.
        tree: a tree whose leaves are the classes; labels that are its inner nodes are coarse labels.
        ordinal: whether the labels are numbers whose order has a meaning; each is a class.
        bins: number of classes of about equal size into which numbers are cut; 0 to leave them as they are.

    Raises:
        DatasetError: if the labels do not fit; says what was expected.

    >>> read(np.array([3.0, 9.0, 4.0, 8.0]), bins=2).names
    ('3-4', '8-9')
    """
    if labels.ndim != 1:
        raise DatasetError(
            f"Expected one label for each row but got labels of shape {list(labels.shape)}; give names or positions of"
            " classes, without one-hot columns."
        )
    if bins or ordinal:
        found = _of_numbers(labels, bins)
    elif class_names is not None and labels.dtype.kind in "iufb":
        found = _of_positions(labels, class_names)
    else:
        found = _of_names(labels, class_names)
    return found if tree is None else _over_tree(found, tree)


def _of_numbers(labels: NDArray[Any], bins: int) -> Labels:
    try:
        values = labels.astype(np.float64)
    except ValueError:
        bad = next(each for each in labels.tolist() if not _is_number(each))
        raise DatasetError(
            f"Expected numbers as labels for ordered classes but got {short(bad)}; choose the column of numbers, or"
            " leave the order out."
        ) from None
    known = np.isfinite(values)
    if not known.any():
        raise DatasetError("No row has a number as its label; choose the column of numbers.")
    if bins:
        inner = np.quantile(values[known], np.arange(1, bins) / bins, method="inverted_cdf")
        cut = np.searchsorted(np.unique(inner), values, side="left")
        groups = [values[known & (cut == each)] for each in range(len(np.unique(inner)) + 1)]
        kept = [place for place, group in enumerate(groups) if len(group)]
        names = [_interval(groups[place].min(), groups[place].max()) for place in kept]
        of_row = np.full(len(values), -1)
        for number, place in enumerate(kept):
            of_row[known & (cut == place)] = number
    else:
        numbers = np.unique(values[known])
        names = [f"{each:.12g}" for each in numbers]
        of_row = np.where(known, np.searchsorted(numbers, np.where(known, values, numbers[0])), -1)
    return Labels(tuple(names), of_row.astype(np.int64), len(names), ordinal=True)


def _interval(low: float, high: float) -> str:
    return f"{low:.6g}" if low == high else f"{low:.6g}-{high:.6g}"


def _is_number(value: object) -> bool:
    try:
        float(str(value))
    except ValueError:
        return False
    return True


def _of_positions(labels: NDArray[Any], class_names: Sequence[str]) -> Labels:
    names = _distinct(class_names)
    values = labels.astype(np.float64)
    known = np.isfinite(values) & (values != -1)
    bad = known & ((values != np.floor(values)) | (values < 0) | (values >= len(names)))
    if bad.any():
        raise DatasetError(
            f"Expected labels from 0 to {len(names) - 1}, one for each of the {len(names)} class names, but got"
            f" {values[bad][0]:g} in row {int(np.flatnonzero(bad)[0])}."
        )
    return Labels(names, np.where(known, values, -1).astype(np.int64), len(names))


def _of_names(labels: NDArray[Any], class_names: Sequence[str] | None) -> Labels:
    kind = labels.dtype.kind
    if kind == "f":
        known = np.isfinite(labels)
        if (labels[known] != np.floor(labels[known])).any():
            raise DatasetError(
                f"The labels are numbers with fractions, such as {labels[known][0]:g}, but expected classes; choose the"
                " number of bins to cut them into ordered classes."
            )
        texts = [str(int(each)) if ok else "" for each, ok in zip(labels.tolist(), known.tolist(), strict=True)]
    elif kind in "iub":
        texts = [str(each) for each in labels.tolist()]
    else:
        texts = [
            _clean(each.decode("utf-8", "replace") if isinstance(each, bytes) else each) for each in labels.tolist()
        ]
    names = _distinct(class_names) if class_names is not None else tuple(sorted(set(texts) - {""}, key=natural))
    place = {name: position for position, name in enumerate(names)}
    unknown = sorted(set(texts) - set(place) - {""})
    if unknown:
        raise DatasetError(
            f"The labels {some(unknown)} are not among the {len(names)} class names; add them to the names or correct"
            " the labels."
        )
    return Labels(names, np.array([place.get(text, -1) for text in texts], np.int64), len(names))


def _distinct(names: Sequence[str]) -> tuple[str, ...]:
    cleaned = [_clean(name) for name in names]
    twice = sorted(name for name, times in Counter(cleaned).items() if times > 1)
    if twice or "" in cleaned:
        raise DatasetError(
            f"Expected a different name for each class but got {some(twice) if twice else 'an empty one'}; rename the"
            " classes."
        )
    return tuple(cleaned)


def _clean(name: object) -> str:
    return unicodedata.normalize("NFC", " ".join(str(name).split()))


def _over_tree(found: Labels, tree: LabelTree) -> Labels:
    """Divide the labels into leaves and inner nodes of a tree."""
    used = {found.names[each] for each in np.unique(found.of_row).tolist() if each >= 0}
    strange = sorted(used - set(tree.nodes))
    if strange:
        raise DatasetError(
            f"The labels {some(strange)} are not nodes of the tree, whose classes are {some(tree.leaves)}; choose the"
            " tree of these classes, or none."
        )
    leaves = [name for name in tree.leaves if name in used]
    coarse = [name for name in tree.nodes[1:] if name in used and name not in tree.leaves]
    names = (*leaves, *coarse)
    place = {name: position for position, name in enumerate(names)}
    # The root says nothing about a row.
    new = np.array([*(place.get(name, -1) for name in found.names), -1], np.int64)
    return Labels(names, new[found.of_row], len(leaves), found.ordinal)
