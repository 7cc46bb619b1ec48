"""Metrics of a run's stored outputs under another tree or decoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hierapp import metrics
from hierapp.decoding import decoders
from hierapp.metrics.calibration import BINS, bin_counts, calibration_error
from hierapp.metrics.operating import OperatingCurve, operating_curve
from hierapp.metrics.probabilities import node_report
from hierapp.training.predictions import Outputs
from hierapp.trees import LabelTree

Floats = NDArray[np.float64]
# Points of a curve in a plot.
POINTS = 201


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


def predictions(given: TreeProbabilities, tree: LabelTree, rule: str = "leaf", **options: Any) -> NDArray[np.int64]:
    """Apply a decoder and return positions in `tree.nodes` [n].

    Raises:
        ConfigError: if the decoder or an option is unknown, or a value is out of bounds.
    """
    nodes: NDArray[np.int64] = decoders.decode_probabilities(given.p, tree, rule, **options)
    return nodes


def reevaluate(outputs: Outputs, tree: LabelTree, rule: str = "leaf", **options: Any) -> dict[str, Any]:
    """Compute all metrics of the outputs under a tree and a decoder; see `reevaluated`."""
    return reevaluated(on_tree(outputs, tree), tree, rule, **options)


def reevaluated(given: TreeProbabilities, tree: LabelTree, rule: str = "leaf", **options: Any) -> dict[str, Any]:
    """Compute all metrics of probabilities over a tree with a decoder.

    These are `metrics.report` if all predictions of the decoder are leaves, and `node_report` otherwise.

    Raises:
        TreeError: if the leaves of the tree are not the classes.
        ConfigError: as `predictions`.
    """
    nodes = predictions(given, tree, rule, **options)
    if not decoders.find(rule).leaves_only:
        return node_report(nodes, given.target, tree)
    leaves = np.searchsorted(tree.leaf_nodes, nodes)
    counts = metrics.confusion_matrix(given.target, leaves, len(tree.leaves))
    return metrics.report(counts, tree)


def reliability(outputs: Outputs, bins: int = BINS) -> Reliability:
    """Compare predicted probabilities with accuracy; see `metrics.probability_report` for the calibration error."""
    p = outputs.probabilities.astype(np.float64)
    p /= p.sum(1, keepdims=True)
    best = p.argmax(1)
    counts = bin_counts(p[np.arange(len(p)), best], best == outputs.target, bins)
    known = np.where(counts[0] > 0, counts[0], np.nan)
    return Reliability(counts[0].astype(np.int64), counts[1] / known, counts[2] / known, calibration_error(counts))


def operating(outputs: Outputs, tree: LabelTree) -> OperatingCurve:
    """Compute the exact operating curve of the outputs under a tree; see `hierapp.metrics.operating_curve`.

    Raises:
        TreeError: if the leaves of the tree are not the classes.
    """
    given = on_tree(outputs, tree)
    with np.errstate(divide="ignore"):
        return operating_curve(np.log(given.p), given.target, tree)


def mean_operating(curves: Sequence[OperatingCurve], points: int = POINTS) -> OperatingCurve:
    """Return the mean of curves at common thresholds: evenly spaced among those where predictions change.

    Args:
        curves: at least one curve.
        points: the number of thresholds, fewer if there are not as many.
    """
    pooled = np.unique(np.concatenate([curve.thresholds for curve in curves]))
    thresholds = pooled[np.unique(np.linspace(0, len(pooled) - 1, points).round().astype(np.int64))]
    found = [curve.at_thresholds(thresholds) for curve in curves]
    return OperatingCurve(
        thresholds,
        *(np.mean([getattr(each, name) for each in found], axis=0) for name in OperatingCurve.VALUES),
    )
