"""Find the data set whose test part was predicted, by its classes and labels: then its images can be shown, and the
predictions are comparable with the runs on it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hierapp.data import content, registry as datasets
from hierapp.data.content import ContentHashes
from hierapp.data.dataset import Dataset
from hierapp.errors import DatasetError, PredictionsError, short
from hierapp.trees import LabelTree

LONGEST = 60
_NAME = re.compile(rf"[\w][\w. -]{{0,{LONGEST - 1}}}")


def name_of_unknown(tree_name: str) -> str:
    """Return what data is called of which only the tree is known.

    >>> name_of_unknown("animals (old).json")
    'imported-animals -old-'
    """
    return re.sub(r"[^\w. -]", "-", f"imported-{Path(tree_name).stem}")[:LONGEST]


def data_of(target: NDArray[np.int64], tree: LabelTree, tree_name: str, data: str | None) -> tuple[str, ContentHashes]:
    """Return name and content of the data set of some predictions.

    Args:
        target: [n], the true classes as positions in the leaves of the tree.
        tree: the tree.
        tree_name: its name, from which the name of unknown data is derived.
        data: the data set that the user named; None to find it.

    Raises:
        PredictionsError: if the data set that the user named has other test labels, or the name is invalid.
        DatasetError: if it cannot be read.
    """
    catalogue = datasets.catalogue()
    if data is not None and data in catalogue:
        entry = catalogue[data]
        status = datasets.status(data)
        if status.state != "ready":
            raise DatasetError(status.detail)
        if not _is_of(entry, target, tree):
            raise PredictionsError(
                f"The true labels are not those of the test part of {data!r} in its order ({entry.test_size:,}"
                " examples); predict that part without shuffling, or leave the data set out."
            )
        return data, datasets.content_hashes(data)
    if data is None:
        for name, entry in catalogue.items():
            if datasets.status(name).state == "ready" and _is_of(entry, target, tree):
                return name, datasets.content_hashes(name)
        data = name_of_unknown(tree_name)
    if not _NAME.fullmatch(data):
        raise PredictionsError(
            f"{short(data)} cannot be the name of a data set; use up to 60 letters, digits, spaces and . - _, beginning"
            " with a letter or digit."
        )
    labels = [tree.leaves[place] for place in target.tolist()]
    return data, ContentHashes(test=content.of_labels(labels))


def _is_of(entry: Dataset, target: NDArray[np.int64], tree: LabelTree) -> bool:
    """Return whether these are the test labels of a data set, in its order."""
    if entry.kind == "segmentation" or entry.test_size < len(target) or set(entry.class_names) != set(tree.leaves):
        return False
    try:
        labels = datasets.arrays(entry.name, "test")[1]
    except (DatasetError, OSError):
        return False
    fine = labels[labels < len(entry.class_names)]  # rows with coarse labels are not predicted
    return bool(np.array_equal(tree.positions_of(entry.class_names)[fine], target))
