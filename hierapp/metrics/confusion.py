"""Metrics from confusion counts; uses only numpy and scipy, so that pages do not import torch.

Rows are true classes and columns predicted classes, both in the order of `tree.leaves`. All metrics are computed from
the pairs of classes that occur, without an [L, L] matrix of distances, so the cost stays low for 10,000 classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hierapp.errors import ConfigError
from hierapp.metrics.spec import MetricSpec
from hierapp.trees import DistanceKind, LabelTree
from hierapp.trees.distances import common_depths, largest_distance, mean_distance as mean_pair_distance, pair_distances
from hierapp.utils.indices import here, indices

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
Scale = Literal["none", "max", "mean"]
SCALES: tuple[Scale, ...] = ("none", "max", "mean")

METRICS = (
    MetricSpec("accuracy", "accuracy", "share", True),
    MetricSpec("mean_distance", "mean distance", "distance", False),
    MetricSpec("severity", "severity", "distance", False),
    MetricSpec("hierarchical_f1", "hierarchical F1", "", True),
    MetricSpec("macro_recall", "class accuracy", "share", True),
    MetricSpec("macro_weighted_recall", "weighted class accuracy", "share", True),
    MetricSpec("macro_f1", "F1", "", True),
    MetricSpec("macro_weighted_f1", "weighted F1", "", True),
    MetricSpec("superclass_accuracy", "superclass accuracy", "share", True),
    MetricSpec("failed_superclass_accuracy", "superclass accuracy of mistakes", "share", True),
    MetricSpec("level_accuracy", "accuracy of the level", "share", True, per="level"),
    MetricSpec("failed_level_accuracy", "accuracy of the level, of mistakes", "share", True, per="level"),
    MetricSpec("class_accuracy", "class accuracy", "share", True, per="class"),
    MetricSpec("weighted_class_accuracy", "weighted class accuracy", "share", True, per="class"),
)


def confusion_matrix(target: ArrayLike, predicted: ArrayLike, num_classes: int) -> Counts:
    """Count the pairs of true and predicted classes, with true classes as rows.

    Args:
        target: [n], true classes.
        predicted: [n], predicted classes.
        num_classes: number of classes.

    Returns:
        Counts, int array [num_classes, num_classes].

    Raises:
        ConfigError: if the lengths differ, or a class is not a whole number from 0 to num_classes - 1.

    >>> confusion_matrix([0, 0, 1], [0, 1, 1], 2).tolist()
    [[1, 1], [0, 1]]
    """
    true, guessed = _pairs(target, predicted, num_classes)
    return np.bincount(true * num_classes + guessed, minlength=num_classes**2).reshape(num_classes, num_classes)


def sparse_confusion_matrix(target: ArrayLike, predicted: ArrayLike, num_classes: int) -> csr_array:
    """Return `confusion_matrix` as a scipy.sparse array that stores only the pairs that occur, for many classes.

    >>> sparse_confusion_matrix([0, 0, 9999], [0, 1, 9999], 10_000).nnz
    3
    """
    from scipy.sparse import coo_array

    pairs = _pairs(target, predicted, num_classes)
    counts: csr_array = coo_array((np.ones(len(pairs[0]), np.int64), pairs), (num_classes, num_classes)).tocsr()
    counts.sum_duplicates()
    return counts


def report(
    confusion: ArrayLike | csr_array, tree: LabelTree, distance: DistanceKind = "lca-depth", scale: Scale = "none"
) -> dict[str, Any]:
    """Compute all metrics that follow from a confusion matrix and a tree, as plain numbers and lists for JSON.

    Args:
        confusion: counts [L, L], rows true: an array, or a scipy.sparse array.
        tree: the label tree.
        distance: the distance between leaves (default "lca-depth"), also part of the result; see `LabelTree.distances`.
        scale: divisor of the distances in the weighted metrics: 1 ("none", default), the largest distance ("max"), or
            the mean distance between two different leaves ("mean").

    Returns:
        A dict, where C are the counts and D the distances:

        - samples, accuracy, mean_distance = sum of C * D / sum of C, severity = the mean distance over mistakes only,
          and random_mistake_distance = that of a uniformly random mistake, the reference for severity
        - per class, lists in the order of `tree.leaves`: recall = TP / (TP + FN), precision = TP / (TP + FP), f1; and
          weighted_recall, weighted_precision, weighted_f1, which use wFN_i = sum_j D_ij C_ij and wFP_i = sum_j D_ij
          C_ji in place of FN and FP (Loss in Layers, section 6, with its two names exchanged). class_accuracy is recall
          and weighted_class_accuracy is weighted_recall.
        - macro_ + any of these six: the mean over classes
        - hierarchical_precision, _recall, _f1: over the nodes of the predicted and the true path without the root,
          summed over all samples (micro); hierarchical_macro_precision, ...: the mean over samples
        - level_accuracy: for each level below the root, the share of samples whose true and predicted paths agree
          there; a path that ends above the level is represented by its leaf. failed_level_accuracy: the same among the
          mistakes
        - superclass_accuracy: the share of samples whose prediction is below the parent of the true leaf, or is correct
          if that parent is the root; failed_superclass_accuracy: the same among the mistakes (SimLoss)
        - mistakes_by_height: for each height from 1 to that of the tree, the number of mistakes whose lowest common
          ancestor has this height
        - undefined: names of the metrics that are 0 / 0 for some class, where they count as 0

    Raises:
        ConfigError: if the matrix does not have one row and one column per leaf, or holds values that are no counts:
            negative, NaN, or fractions.
        TreeError: if the distance is unknown.

    >>> tree = LabelTree.from_edges([("root", "animal"), ("animal", "cat"), ("animal", "dog"), ("root", "truck")])
    >>> report([[8, 2, 0], [1, 8, 1], [0, 0, 10]], tree)["mean_distance"]  # (2 + 1 + 2) / 30
    0.16666666666666666
    """
    if scale not in SCALES:
        raise ConfigError(f"Expected scale to be one of {', '.join(SCALES)} but got {scale!r}.")
    true, predicted, counts = _triplets(confusion, len(tree.leaves))
    distances = pair_distances(tree, true, predicted, distance).astype(np.float64)
    random_mistake = mean_pair_distance(tree, distance)
    unit = {"none": 1.0, "max": largest_distance(tree, distance), "mean": random_mistake}[scale] or 1.0
    total, right = counts.sum(), counts[true == predicted].sum()
    paid = float((counts * distances).sum())
    per_class, undefined = _per_class(true, predicted, counts, distances / unit, len(tree.leaves))
    return {
        "samples": int(total),
        "distance": distance,
        "accuracy": _share(right, total),
        "mean_distance": _share(paid, total),
        "severity": _share(paid, total - right),
        "random_mistake_distance": random_mistake,
        "class_accuracy": per_class["recall"],
        "weighted_class_accuracy": per_class["weighted_recall"],
        **per_class,
        **{f"macro_{name}": float(np.mean(values)) for name, values in per_class.items()},
        **_of_paths(true, predicted, counts, tree),
        "undefined": undefined,
    }


def mean_distance(confusion: ArrayLike | csr_array, tree: LabelTree, distance: DistanceKind = "lca-depth") -> float:
    """Compute only `report`'s mean_distance: the mean over all samples of the distance from true to predicted leaf.

    >>> tree = LabelTree.from_edges([("root", "animal"), ("animal", "cat"), ("animal", "dog"), ("root", "truck")])
    >>> mean_distance([[8, 2, 0], [1, 8, 1], [0, 0, 10]], tree)
    0.16666666666666666
    """
    true, predicted, counts = _triplets(confusion, len(tree.leaves))
    return _share(float((counts * pair_distances(tree, true, predicted, distance)).sum()), counts.sum())


def _triplets(confusion: Any, size: int) -> tuple[Counts, Counts, Floats]:
    """Return row, column and count of each pair that occurs."""
    sparse = hasattr(confusion, "tocoo")
    matrix: Any = confusion.tocoo() if sparse else np.asarray(here(confusion))
    values: NDArray[Any] = matrix.data if sparse else matrix
    problem = f" of shape {list(matrix.shape)}" if matrix.shape != (size, size) else _no_counts(values)
    if problem:
        raise ConfigError(
            f"Expected a confusion matrix of counts of shape [{size}, {size}], a row per leaf, but got one{problem}."
        )
    true, predicted = matrix.coords if sparse else matrix.nonzero()
    counts = values if sparse else matrix[true, predicted]
    return true.astype(np.int64), predicted.astype(np.int64), counts.astype(np.float64)


def _no_counts(values: NDArray[Any]) -> str:
    """Return what keeps values from being counts, for a message; empty if they are."""
    if values.dtype.kind not in "biuf":
        return f" of {values.dtype}"
    if not np.isfinite(values).all():
        return " with NaN or infinite entries"
    if not (values >= 0).all():
        return " with negative entries"
    if values.dtype.kind == "f" and not (values == np.floor(values)).all():
        return " with fractions, such as rates; give the counts themselves"
    return ""


def _per_class(
    true: Counts, predicted: Counts, counts: Floats, distances: Floats, size: int
) -> tuple[dict[str, list[float]], list[str]]:
    """Return recall, precision and F1 of each class, plain and weighted, and the names of those with a 0 / 0."""

    def summed(classes: Counts, values: Floats) -> Floats:
        return np.bincount(classes, values, minlength=size).astype(np.float64)  # int if there are no samples

    wrong = true != predicted
    hit = summed(true, counts * ~wrong)
    metrics: dict[str, list[float]] = {}
    undefined = []
    for prefix, weight in (("", wrong.astype(np.float64)), ("weighted_", distances)):
        missed, taken = summed(true, weight * counts), summed(predicted, weight * counts)
        for name, above, below in (
            ("recall", hit, hit + missed),
            ("precision", hit, hit + taken),
            ("f1", 2 * hit, 2 * hit + missed + taken),
        ):
            metrics[prefix + name] = np.divide(above, below, out=np.zeros_like(hit), where=below > 0).tolist()
            if (below == 0).any():
                undefined.append(prefix + name)
    return metrics, undefined


def _of_paths(true: Counts, predicted: Counts, counts: Floats, tree: LabelTree) -> dict[str, Any]:
    """Compute the metrics that depend on the common part of the true and the predicted path."""
    depth = tree.depth[tree.leaf_nodes]
    common = common_depths(tree, true, predicted)
    wrong = true != predicted
    paths = tree.leaf_paths
    agree = paths[true] == paths[predicted]
    parents = tree.parents[tree.leaf_nodes[true]]
    within = ~wrong | ((common >= depth[true] - 1) & (parents != 0))
    heights = tree.height[paths[true, common - 1]]
    total, mistakes = counts.sum(), counts[wrong].sum()
    return {
        **hierarchical_metrics(common - 1, depth[true] - 1, depth[predicted] - 1, counts),
        "level_accuracy": [_share(counts[same].sum(), total) for same in agree.T[1:]],
        "failed_level_accuracy": [_share(counts[same & wrong].sum(), mistakes) for same in agree.T[1:]],
        "superclass_accuracy": _share(counts[within].sum(), total),
        "failed_superclass_accuracy": _share(counts[within & wrong].sum(), mistakes),
        "mistakes_by_height": [
            int(counts[wrong & (heights == height)].sum()) for height in range(1, int(tree.height[0]) + 1)
        ],
    }


def hierarchical_metrics(shared: Counts, true: Counts, predicted: Counts, counts: Floats) -> dict[str, float]:
    """Compute precision, recall, F1 of ancestor sets without the root: over all samples (micro) and averaged (macro).

    Args:
        shared: [K], number of nodes that the true and the predicted path share.
        true: [K], number of nodes of the true path.
        predicted: [K], number of nodes of the predicted path; 0 if the root is predicted, whose precision counts as 0.
        counts: [K], number of samples of each entry.
    """
    total = float(counts.sum())
    metrics = {}
    for name, above, below in (
        ("precision", shared, predicted),
        ("recall", shared, true),
        ("f1", 2 * shared, true + predicted),
    ):
        metrics[f"hierarchical_{name}"] = _share((counts * above).sum(), (counts * below).sum())
        metrics[f"hierarchical_macro_{name}"] = _share((counts * above / np.maximum(below, 1)).sum(), total)
    return metrics


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole else 0.0


def _pairs(target: ArrayLike, predicted: ArrayLike, size: int) -> tuple[Counts, Counts]:
    if isinstance(size, bool) or not isinstance(size, (int, np.integer)) or size < 1:
        raise ConfigError(f"Expected the number of classes to be an integer of 1 or more but got {size!r}.")
    true, guessed = indices(target), indices(predicted)
    if true.shape != guessed.shape:
        raise ConfigError("Expected as many predicted classes as true ones; give two lists of equal length.")
    if true.size:
        low, high = min(true.min(), guessed.min()), max(true.max(), guessed.max())
        if not 0 <= low <= high < size:
            raise ConfigError(f"Expected classes from 0 to {size - 1} but got {low} to {high}.")
    return true, guessed
