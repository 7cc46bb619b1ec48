"""Metrics of a run's stored outputs under another tree or decoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hierapp import metrics
from hierapp.decoding import explain
from hierapp.metrics.probabilities import node_report
from hierapp.training.predictions import Outputs
from hierapp.trees import LabelTree

Floats = NDArray[np.float64]
BINS = 15
# Number of values processed at once: nodes * rows stay within about 100 MB.
NUMBERS_AT_ONCE = 4_000_000


class TreeProbabilities(NamedTuple):
    """Outputs in the order of a tree's leaves: probabilities [n, L] and true leaves [n]."""

    p: Floats
    target: NDArray[np.int64]


@dataclass(frozen=True)
class Reliability:
    """Reliability by bins of the maximum probability: number of images, mean probability and accuracy of each bin
    (NaN for an empty bin), and the expected calibration error."""

    count: NDArray[np.int64]
    confidence: Floats
    accuracy: Floats
    error: float


@dataclass(frozen=True)
class Operating:
    """The threshold decoder at several thresholds.

    Attributes:
        thresholds: [T].
        correct: share of the images whose predicted node is the true leaf or one of its ancestors.
        depth: mean depth of the predicted nodes, 1 at the root.
        leaves: share of the predictions that are leaves.
    """

    thresholds: Floats
    correct: Floats
    depth: Floats
    leaves: Floats


def on_tree(outputs: Outputs, tree: LabelTree) -> TreeProbabilities:
    """Return the outputs in the order of a tree's leaves; classes are matched by name.

    Raises:
        TreeError: if the leaves of the tree are not the classes.
    """
    at = tree.positions_of(outputs.classes)
    p = np.empty((len(outputs.target), len(at)))
    p[:, at] = outputs.probabilities
    p /= p.sum(1, keepdims=True)  # in half precision the sum is not exactly 1
    return TreeProbabilities(p, at[outputs.target])


def predictions(
    given: TreeProbabilities, tree: LabelTree, rule: str = "leaf", threshold: float = 0.5
) -> NDArray[np.int64]:
    """Apply a decoder and return positions in `tree.nodes` [n]; "min-risk" uses "lca-depth".

    Raises:
        ConfigError: if the decoder is unknown or the threshold is not from 0 to 1.
    """
    step = _rows_at_once(tree)
    parts = [
        explain.decode(given.p[start : start + step], tree, rule, threshold)
        for start in range(0, max(len(given.target), 1), step)
    ]
    return np.concatenate(parts)


def reevaluate(outputs: Outputs, tree: LabelTree, rule: str = "leaf", threshold: float = 0.5) -> dict[str, Any]:
    """Compute all metrics of the outputs under a tree and a decoder.

    These are `metrics.report` if the predictions are leaves, and `node_report` for the threshold decoder.

    Raises:
        TreeError: if the leaves of the tree are not the classes.
        ConfigError: as `predictions`.
    """
    given = on_tree(outputs, tree)
    nodes = predictions(given, tree, rule, threshold)
    if rule == "threshold":
        return node_report(nodes, given.target, tree)
    leaves = np.searchsorted(tree.leaf_nodes, nodes)
    counts = metrics.confusion_matrix(given.target, leaves, len(tree.leaves))
    return metrics.report(counts, tree)


def reliability(outputs: Outputs, bins: int = BINS) -> Reliability:
    """Compare predicted probabilities with accuracy; see `metrics.probability_report` for the calibration error."""
    p = outputs.probabilities.astype(np.float64)
    p /= p.sum(1, keepdims=True)
    best = p.argmax(1)
    confidence = p[np.arange(len(p)), best]
    place = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    count = np.bincount(place, minlength=bins)
    known = np.where(count, count, np.nan)
    mean = np.bincount(place, confidence, minlength=bins) / known
    hits = np.bincount(place, (best == outputs.target).astype(np.float64), minlength=bins) / known
    error = float(np.nansum(np.abs(hits - mean) * count) / max(len(p), 1))
    return Reliability(count, mean, hits, error)


def operating(outputs: Outputs, tree: LabelTree, thresholds: Sequence[float]) -> Operating:
    """Compute how often the threshold decoder is correct, and how deep its predictions are, at each threshold.

    The predictions range from only leaves at 0 to only the root at 1.

    Raises:
        TreeError: if the leaves of the tree are not the classes.
    """
    given = on_tree(outputs, tree)
    sums = np.zeros((3, len(thresholds)))
    start, stop = tree.leaf_ranges.T
    for first in range(0, len(given.target), step := _rows_at_once(tree)):
        rows = slice(first, first + step)
        deepest, target = explain.deepest(given.p[rows], tree), given.target[rows]
        for column, threshold in enumerate(thresholds):
            node = explain.at_threshold(deepest, threshold)
            right = (start[node] <= target) & (target < stop[node])
            sums[:, column] += right.sum(), tree.depth[node].sum(), (tree.height[node] == 0).sum()
    correct, depths, leaves = sums / max(len(given.target), 1)
    return Operating(np.asarray(thresholds, np.float64), correct, depths, leaves)


def mean_operating(curves: Sequence[Operating]) -> Operating:
    """Return the mean of curves over the same thresholds."""
    correct, depth, leaves = (
        np.mean([getattr(curve, name) for curve in curves], axis=0) for name in ("correct", "depth", "leaves")
    )
    return Operating(curves[0].thresholds, correct, depth, leaves)


def _rows_at_once(tree: LabelTree) -> int:
    return max(1, NUMBERS_AT_ONCE // len(tree.nodes))
