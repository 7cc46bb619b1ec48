"""Check what a file contains against a label tree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hierapp.errors import PredictionsError, TreeError, short, some
from hierapp.runs.predictions import kinds
from hierapp.runs.predictions.raw import Kind, RawPredictions, Warn, warn_caller
from hierapp.trees import LabelTree
from hierapp.trees.names import name_of

FEW = 10  # rows per class below which an accuracy under chance says nothing


@dataclass(frozen=True, eq=False)
class Predictions:
    """Checked predictions.

    A coarse label does not say which class is the true one, so its row counts in `coarse_accuracy` only.

    Attributes:
        shown: the name of the file.
        kind: what the values in the file were.
        log_probs: float32 [n, L], in the order of the tree's leaves, of the rows whose label is a class.
        target: int64 [n], the true classes as positions in the tree's leaves.
        nodes: int64 [m], the label of every row, coarse ones too, as positions in the tree's nodes.
        coarse_accuracy: the share of the rows with a coarse label whose predicted class is below it.
        texts, paths: of each of the n rows, if the file has them.
    """

    shown: str
    kind: Kind
    log_probs: NDArray[np.float32]
    target: NDArray[np.int64]
    nodes: NDArray[np.int64]
    coarse_accuracy: float = 0.0
    texts: tuple[str, ...] | None = None
    paths: tuple[str, ...] | None = None

    @property
    def coarse(self) -> int:
        """The number of rows with a coarse label."""
        return len(self.nodes) - len(self.target)


def check(
    raw: RawPredictions, tree: LabelTree, shown: str, kind: Kind | None = None, warn: Warn = warn_caller
) -> Predictions:
    """Check predictions and bring their columns into the order of the tree's leaves.

    Warns if all rows are predicted as one class, or the accuracy is below chance, which usually means that the classes
    are in another order.

    Args:
        raw: the content of the file.
        tree: a tree over the same classes.
        shown: the name of the file, for messages.
        kind: what the values are; by default what the file's names say, or as told by the values.
        warn: called with the text of each warning; by default raises a `DataWarning`.

    Raises:
        AmbiguousPredictionsError: if the kind is unknown.
        PredictionsError: if classes, labels, shapes or values are not those of predictions over the tree's leaves.
    """
    if not len(raw.values):
        raise PredictionsError(f"The file {shown} has no rows; export the predictions again.")
    classes = _classes(raw, tree, shown)
    if raw.labels is None:
        raise PredictionsError(
            f"The file {shown} has no true labels; add them as `labels`, or give a file with one on each line"
            " (--labels, or in the form)."
        )
    for what, each in (("labels", raw.labels), ("texts", raw.texts), ("paths", raw.paths)):
        if each is not None and len(each) != len(raw.values):
            raise PredictionsError(
                f"The file {shown} has {len(raw.values):,} rows of predictions and {len(each):,} {what}; give one for"
                " each row, in the same order."
            )
    column_of = {name: place for place, name in enumerate(classes)}
    positions = np.array([column_of[leaf] for leaf in tree.leaves])
    nodes = _nodes(raw.labels, classes, tree, shown)
    fine = tree.height[nodes] == 0
    target = np.searchsorted(tree.leaf_nodes, nodes[fine])
    if len(np.unique(target)) < 2:
        what = f"the true class {tree.leaves[target[0]]!r}" if len(target) else "coarse labels"
        raise PredictionsError(
            f"All {len(target) or len(nodes):,} rows of {shown} have {what}; metrics need rows of two classes or more:"
            " add them."
        )
    used = kind or raw.kind or kinds.kind_of(raw.values, shown)
    log_probs = np.ascontiguousarray(kinds.log_probabilities(raw.values, used, shown)[:, positions])
    guess = log_probs.argmax(1)
    if (said := _suspicion(guess[fine], target, tree, shown)) is not None:
        warn(said)
    first, end = tree.leaf_ranges[nodes[~fine]].T
    below = (first <= guess[~fine]) & (guess[~fine] < end)
    if not fine.all():
        log_probs = log_probs[fine]
    texts, paths = (None if each is None else tuple(np.array(each, object)[fine]) for each in (raw.texts, raw.paths))
    return Predictions(shown, used, log_probs, target, nodes, float(below.mean()) if len(below) else 0.0, texts, paths)


def _classes(raw: RawPredictions, tree: LabelTree, shown: str) -> list[str]:
    """Return the class of each column; they are exactly the leaves of the tree."""
    columns = raw.values.shape[1]
    if raw.classes is None:
        raise PredictionsError(
            f"The file {shown} does not name the classes of its {columns:,} columns; add them as `classes`, or give a"
            " file with one on each line, in the order of the columns (--classes, or in the form)."
        )
    classes = [_name(name, shown) for name in raw.classes]
    if len(classes) != columns:
        raise PredictionsError(
            f"The file {shown} has {columns:,} columns of predictions and {len(classes):,} class names; give one for"
            " each column."
        )
    known, leaves = set(classes), set(tree.leaves)
    twice = sorted({name for name in classes if classes.count(name) > 1}) if len(known) < columns else []
    unknown = [name for name in classes if name not in leaves]
    missing = [leaf for leaf in tree.leaves if leaf not in known]
    for names, what in (
        (twice, "given more than once"),
        (unknown, "not among the leaves of the tree"),
        (missing, "of the tree but not in the file"),
    ):
        if names:
            raise PredictionsError(
                f"The classes of {shown} do not fit the tree: {some(names)} {'are' if len(names) > 1 else 'is'} {what};"
                " choose a tree over exactly these classes."
            )
    return classes


def _nodes(labels: Sequence[str], classes: Sequence[str], tree: LabelTree, shown: str) -> NDArray[np.int64]:
    """Return the labels as positions in the nodes: classes, or inner nodes but the root. Labels are names; if none of
    them is one, they are positions in the file's order of the classes."""
    place_of = {name: place for place, name in enumerate(tree.nodes) if place}
    names = {label: _name(label, shown) for label in dict.fromkeys(labels)}
    if not any(name in place_of for name in names.values()) and all(name.isdecimal() for name in names.values()):
        highest = max(map(int, names.values()))
        if highest >= len(classes):
            raise PredictionsError(
                f"The labels of {shown} go up to {highest:,}, but there are {len(classes):,} classes, numbered from 0;"
                " give the labels by name."
            )
        names = {label: classes[int(name)] for label, name in names.items()}
    unknown = [label for label, name in names.items() if name not in place_of]
    if unknown:
        if unknown == [""]:
            raise PredictionsError(f"The file {shown} has rows without a true label; remove them or add the labels.")
        raise PredictionsError(
            f"The file {shown} has true labels that are neither classes nor inner nodes of the tree, {some(unknown)};"
            " correct them, or choose the tree over these classes."
        )
    return np.array([place_of[names[label]] for label in labels], np.int64)


def _name(name: str, shown: str) -> str:
    try:
        return name_of(name)
    except TreeError:
        raise PredictionsError(f"The file {shown} has the class name {short(name)}, which is no text.") from None


def _suspicion(guess: NDArray[Any], target: NDArray[np.int64], tree: LabelTree, shown: str) -> str | None:
    size = len(tree.leaves)
    accuracy = float((guess == target).mean())
    said = None
    if len(np.unique(guess)) < 2:
        said = f"All rows of {shown} are predicted as {tree.leaves[guess[0]]!r}"
    elif accuracy < 0.5 / size and len(target) >= FEW * size:
        said = f"The accuracy of {shown} is {accuracy:.2%}, below chance"
    return None if said is None else f"{said}; check that the classes are in the order of the columns."
