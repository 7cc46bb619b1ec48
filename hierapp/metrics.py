"""From confusion counts to figures; numpy only, so that pages need no torch.

Rows are true classes and columns predicted ones, both in the order of `tree.leaves`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hierapp.errors import ConfigError
from hierapp.tree import DistanceKind, LabelTree

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


def confusion_matrix(target: ArrayLike, predicted: ArrayLike, num_classes: int) -> Counts:
    """Count the pairs of true and predicted class, int array [num_classes, num_classes], rows true.

    Raises:
        ConfigError: if the two differ in length or a class is outside 0 .. num_classes - 1.

    >>> confusion_matrix([0, 0, 1], [0, 1, 1], 2).tolist()
    [[1, 1], [0, 1]]
    """
    pairs = np.stack([_indices(target), _indices(predicted)]) if _same_shape(target, predicted) else None
    if pairs is None:
        raise ConfigError("Expected as many predicted classes as true ones; give two lists of equal length.")
    if pairs.size and not 0 <= pairs.min() <= pairs.max() < num_classes:
        raise ConfigError(f"Expected classes from 0 to {num_classes - 1} but got {pairs.min()} to {pairs.max()}.")
    counts = np.bincount(pairs[0] * num_classes + pairs[1], minlength=num_classes**2)
    return counts.reshape(num_classes, num_classes).astype(np.int64)


def report(confusion: ArrayLike, tree: LabelTree, distance: DistanceKind = "lca-depth") -> dict[str, Any]:
    """All figures that follow from a confusion matrix and a tree, as plain numbers and lists for JSON.

    With C the counts and D the distances between leaves (named by `distance`):

    - accuracy, mean_distance = sum of C * D / sum of C, severity = the mean distance over mistakes only, and
      random_mistake_distance, what a uniformly random mistake would have: the reference for severity
    - per class, lists in the order of `tree.leaves`: recall = TP / (TP + FN), precision = TP / (TP + FP), f1, and with
      wFN_i = sum_j D_ij C_ij and wFP_i = sum_j D_ij C_ji in place of FN and FP weighted_recall, weighted_precision,
      weighted_f1 (the report "Loss in Layers", section 6, its two names exchanged). class_accuracy is recall and
      weighted_class_accuracy is weighted_recall.
    - macro_ + any of these six: the mean over classes
    - hierarchical_precision, _recall, _f1: over the nodes of the predicted and the true path, the root left out,
      summed over all samples (micro)
    - level_accuracy: for each level below the root the share of samples whose true and predicted path agree there; a
      path that ends above stands with its leaf
    - undefined: the names of the figures in which some class is 0 / 0, counted as 0

    Raises:
        ConfigError: if the matrix has not one row and one column a leaf, or negative counts.

    >>> tree = LabelTree.from_edges([("root", "animal"), ("animal", "cat"), ("animal", "dog"), ("root", "truck")])
    >>> report([[8, 2, 0], [1, 8, 1], [0, 0, 10]], tree)["mean_distance"]  # (2 + 1 + 2) / 30
    0.16666666666666666
    """
    counts = np.asarray(confusion, np.float64)
    size = len(tree.leaves)
    if counts.shape != (size, size) or (counts < 0).any():
        raise ConfigError(
            f"Expected a confusion matrix of counts of shape [{size}, {size}], a row per leaf, but got"
            f" {list(counts.shape)}{' with negative entries' if counts.shape == (size, size) else ''}."
        )
    distances = tree.distances(distance).astype(np.float64)
    total, right = counts.sum(), np.trace(counts)
    paid = float((counts * distances).sum())
    per_class, undefined = _per_class(counts, distances)
    return {
        "samples": int(total),
        "distance": distance,
        "accuracy": _share(right, total),
        "mean_distance": _share(paid, total),
        "severity": _share(paid, total - right),
        "random_mistake_distance": _share(distances.sum(), size * (size - 1)),
        "class_accuracy": per_class["recall"],
        "weighted_class_accuracy": per_class["weighted_recall"],
        **per_class,
        **{f"macro_{name}": float(np.mean(values)) for name, values in per_class.items()},
        **_hierarchical(counts, tree),
        "level_accuracy": _level_accuracy(counts, tree),
        "undefined": undefined,
    }


def _per_class(counts: Floats, distances: Floats) -> tuple[dict[str, list[float]], list[str]]:
    """Recall, precision and F1 of each class, plain and weighted, and the names of those with a 0 / 0."""
    hit = np.diag(counts)
    figures: dict[str, list[float]] = {}
    undefined = []
    for prefix, weight in (("", 1.0 - np.eye(len(counts))), ("weighted_", distances)):
        missed, taken = (weight * counts).sum(1), (weight * counts.T).sum(1)
        for name, above, below in (
            ("recall", hit, hit + missed),
            ("precision", hit, hit + taken),
            ("f1", 2 * hit, 2 * hit + missed + taken),
        ):
            figures[prefix + name] = np.divide(above, below, out=np.zeros_like(hit), where=below > 0).tolist()
            if (below == 0).any():
                undefined.append(prefix + name)
    return figures, undefined


def _hierarchical(counts: Floats, tree: LabelTree) -> dict[str, float]:
    """Precision, recall and F1 of the nodes of the paths, summed over all samples."""
    steps = (tree.depth[tree.leaf_nodes] - 1).astype(np.float64)
    edges = tree.distances("edges")
    shared = (counts * (steps[:, None] + steps[None, :] - edges) / 2).sum()
    precision = _share(shared, (counts.sum(0) * steps).sum())
    recall = _share(shared, (counts.sum(1) * steps).sum())
    return {
        "hierarchical_precision": precision,
        "hierarchical_recall": recall,
        "hierarchical_f1": _share(2 * precision * recall, precision + recall),
    }


def _level_accuracy(counts: Floats, tree: LabelTree) -> list[float]:
    """For each level below the root the share of samples whose paths agree there."""
    paths = [tree.path(int(node)) for node in tree.leaf_nodes]
    levels = []
    for level in range(1, int(tree.depth.max())):
        group = np.array([path[min(level, len(path) - 1)] for path in paths])
        levels.append(_share(counts[group[:, None] == group[None, :]].sum(), counts.sum()))
    return levels


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole else 0.0


def _indices(values: ArrayLike) -> Counts:
    detached: Any = values
    # A tensor on an accelerator has to be brought here first; named by its method, so that this file needs no torch.
    if hasattr(detached, "cpu"):
        detached = detached.cpu()
    return np.asarray(detached, np.int64).ravel()


def _same_shape(first: ArrayLike, second: ArrayLike) -> bool:
    return _indices(first).shape == _indices(second).shape
