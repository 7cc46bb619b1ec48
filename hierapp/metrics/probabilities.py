"""Metrics of leaf probabilities, and of predictions that may be internal nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hierapp.decoding.checks import check_log_probs
from hierapp.errors import ConfigError
from hierapp.metrics.calibration import BINS, bin_counts, calibration_error
from hierapp.metrics.confusion import hierarchical_metrics
from hierapp.metrics.spec import MetricSpec
from hierapp.trees import DistanceKind, LabelTree
from hierapp.trees.distances import expected_distances, pair_distances
from hierapp.utils.indices import here, indices

METRICS = (
    MetricSpec("top_5_accuracy", "top-5 accuracy", "share", True),
    MetricSpec("distance_at_5", "distance@5", "distance", False),
    MetricSpec("expected_distance", "expected distance", "distance", False),
    MetricSpec("log_loss", "log loss", "nats", False),
    MetricSpec("calibration_error", "calibration error", "share", False),
)

# Rows are processed in chunks of this many numbers, so that 10,000 images of 10,000 classes in half precision need no
# second full copy.
PART = 2**22


def probability_report(
    leaf_log_probs: Any,
    target: ArrayLike,
    tree: LabelTree,
    distance: DistanceKind = "lca-depth",
    top: Sequence[int] = (1, 5),
    bins: int = BINS,
) -> dict[str, Any]:
    """Compute metrics of predicted probabilities, as plain numbers for JSON.

    Args:
        leaf_log_probs: [n, L] log-probabilities in the order of `tree.leaves`, of any floating type: array or tensor.
        target: [n], positions in `tree.leaves`.
        tree: the label tree.
        distance: the distance between leaves (default "lca-depth"); see `LabelTree.distances`.
        top: the values of k of the top-k metrics (default 1 and 5); a k greater than L counts as L.
        bins: number of equal-width bins of the calibration error (default 15).

    Returns:
        - samples, distance
        - top_k_accuracy: the share of samples whose true leaf is among the k most probable leaves
        - distance_at_k: the mean distance of the k most probable leaves from the true leaf (Bertinetto et al. 2020)
        - log_loss: the mean of -log p of the true leaf
        - expected_distance: the mean of sum_c p_c d(c, y)
        - calibration_error: the mean over bins of the maximum probability of |accuracy - mean probability|, weighted by
          the number of samples in each bin (Guo et al. 2017)

    Raises:
        ConfigError: if the shapes do not match, the probabilities of a row do not sum to 1, a target is not a leaf,
            k < 1 or bins < 1.
        TreeError: if the distance is unknown.

    >>> tree = LabelTree.from_edges([("root", "animal"), ("animal", "cat"), ("animal", "dog"), ("root", "truck")])
    >>> metrics = probability_report(np.log([[0.5, 0.3, 0.2]]), [1], tree, top=[1, 2])
    >>> metrics["top_1_accuracy"], metrics["top_2_accuracy"], metrics["distance_at_2"]
    (0.0, 1.0, 0.5)
    """
    rows, true, size = here(leaf_log_probs), indices(target), len(tree.leaves)
    if not hasattr(rows, "shape"):
        rows = np.asarray(rows)
    if len(rows.shape) != 2 or rows.shape[1] != size or len(rows) != len(true):
        raise ConfigError(
            f"Expected log-probabilities of the leaves, [{len(true)}, {size}] for {len(true)} targets, but got"
            f" {list(rows.shape)}."
        )
    if true.size and not 0 <= true.min() <= true.max() < size:
        raise ConfigError(f"Expected classes from 0 to {size - 1} but got {true.min()} to {true.max()}.")
    if not all(isinstance(each, (int, np.integer)) for each in (bins, *top)) or bins < 1 or not top or min(top) < 1:
        raise ConfigError("Expected at least one bin, and every k of the top-k metrics to be 1 or more.")
    wanted = sorted({min(k, size) for k in top})
    sums = {f"top_{k}_accuracy": 0.0 for k in wanted} | {f"distance_at_{k}": 0.0 for k in wanted}
    sums |= {"log_loss": 0.0, "expected_distance": 0.0}
    calibration = np.zeros((3, bins))  # samples, probability, hits
    for start in range(0, len(true), max(1, PART // size)):
        part = slice(start, start + max(1, PART // size))
        check_log_probs(rows[part])
        _add(sums, calibration, _double(rows[part]), true[part], tree, distance, wanted)
    count = max(len(true), 1)
    metrics: dict[str, Any] = {"samples": len(true), "distance": distance}
    metrics |= {name: float(value / count) for name, value in sums.items()}
    metrics["calibration_error"] = calibration_error(calibration)
    return metrics


def _add(
    sums: dict[str, float],
    calibration: NDArray[np.float64],
    log_p: NDArray[np.float64],
    true: NDArray[np.int64],
    tree: LabelTree,
    distance: DistanceKind,
    wanted: Sequence[int],
) -> None:
    """Add the contribution of a part of the samples to `sums` and `calibration`."""
    most = wanted[-1]
    # Only the first few need sorting.
    first = np.argpartition(-log_p, most - 1, axis=1)[:, :most] if most < log_p.shape[1] else np.argsort(-log_p, axis=1)
    first = np.take_along_axis(first, np.argsort(-np.take_along_axis(log_p, first, 1), axis=1, kind="stable"), 1)
    away = pair_distances(tree, np.repeat(true, most), first.ravel(), distance).reshape(first.shape)
    for k in wanted:
        sums[f"top_{k}_accuracy"] += float((first[:, :k] == true[:, None]).any(1).sum())
        sums[f"distance_at_{k}"] += float(away[:, :k].mean(1).sum())
    sums["log_loss"] -= float(log_p[np.arange(len(true)), true].sum())
    p = np.exp(log_p)
    sums["expected_distance"] += float(expected_distances(tree, p, true, distance).sum())
    calibration += bin_counts(p.max(1), first[:, 0] == true, calibration.shape[1])


def node_report(predicted: ArrayLike, target: ArrayLike, tree: LabelTree) -> dict[str, Any]:
    """Compute metrics of predictions that may be internal nodes, such as those of the threshold decoder.

    Args:
        predicted: [n], positions in `tree.nodes`.
        target: [n], positions in `tree.leaves`.
        tree: the label tree.

    Returns:
        - samples
        - accuracy: the share of predictions that are the true leaf
        - correct: the share of predictions that are the true leaf or one of its ancestors
        - leaves: the share of predictions that are leaves
        - mean_depth: the mean depth of the predictions
        - hierarchical_precision, _recall, _f1 and hierarchical_macro_ + these; see `hierapp.metrics.report`

    Raises:
        ConfigError: if the lengths differ, or a position is not a node or leaf.

    >>> tree = LabelTree.from_edges([("root", "animal"), ("animal", "cat"), ("animal", "dog"), ("root", "truck")])
    >>> metrics = node_report([1, 2], [0, 1], tree)  # animal for a cat, cat for a dog
    >>> metrics["correct"], metrics["hierarchical_recall"]
    (0.5, 0.5)
    """
    guessed, true = indices(predicted, "nodes"), indices(target)
    if guessed.shape != true.shape:
        raise ConfigError("Expected as many predicted nodes as true leaves; give two lists of equal length.")
    for values, size, what in ((guessed, len(tree.nodes), "nodes"), (true, len(tree.leaves), "leaves")):
        if values.size and not 0 <= values.min() <= values.max() < size:
            raise ConfigError(f"Expected {what} from 0 to {size - 1} but got {values.min()} to {values.max()}.")
    leaves = tree.leaf_nodes[true]
    # Any leaf below a node shares its path down to that node.
    below = tree.leaf_ranges[guessed, 0]
    paths, depth = tree.leaf_paths, tree.depth
    shared = np.minimum((paths[true] == paths[below]).sum(1), np.minimum(depth[leaves], depth[guessed]))
    count = len(true) or 1
    ends = tree.height[guessed] == 0
    return {
        "samples": len(true),
        "accuracy": float((guessed == leaves).sum() / count),
        "correct": float((shared == depth[guessed]).sum() / count),
        "leaves": float(ends.sum() / count),
        "mean_depth": float(depth[guessed].sum() / count),
        **hierarchical_metrics(shared - 1, depth[leaves] - 1, depth[guessed] - 1, np.ones(len(true))),
    }


def _double(rows: Any) -> NDArray[np.float64]:
    # numpy does not support bfloat16.
    return np.asarray(rows.double() if hasattr(rows, "double") else rows, np.float64)
