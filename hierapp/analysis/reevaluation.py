"""Metrics of a run's stored outputs under another tree or decoder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hierapp import metrics
from hierapp.decoding import decoders
from hierapp.metrics import levels as level_metrics
from hierapp.metrics.calibration import BINS, bin_counts, calibration_error
from hierapp.metrics.confusion import sparse_confusion_matrix
from hierapp.metrics.operating import OperatingCurve, of_blocks
from hierapp.metrics.probabilities import node_report
from hierapp.training.predictions import Outputs
from hierapp.trees import LabelTree

Floats = NDArray[np.float64]
# Points of a curve in a plot.
POINTS = 201
BLOCK = 2**23  # probabilities in double precision that are in memory at a time

# What tables show of decoders that predict leaves, and of those that predict inner nodes, too.
LEAF_METRICS = (
    "accuracy",
    "mean_distance",
    "severity",
    "hierarchical_f1",
    "macro_weighted_recall",
    "superclass_accuracy",
)
NODE_METRICS = {
    "correct": "correct: the class or an ancestor",
    "leaves": "predictions that are classes",
    "mean_depth": "mean depth",
    "accuracy": "accuracy",
    "hierarchical_precision": "hierarchical precision",
    "hierarchical_recall": "hierarchical recall",
    "hierarchical_f1": "hierarchical F1",
}


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


def blocks(outputs: Outputs, tree: LabelTree, temperature: float = 1.0) -> Iterator[TreeProbabilities]:
    """Yield the outputs as `on_tree`, scaled by a temperature, in blocks of rows that fit into memory.

    Raises:
        TreeError: if the leaves of the tree are not the classes.
    """
    step = max(1, BLOCK // len(outputs.classes))
    for start in range(0, max(1, len(outputs.target)), step):
        yield scaled(on_tree(outputs.rows(slice(start, start + step)), tree), temperature)


def scaled(given: TreeProbabilities, temperature: float) -> TreeProbabilities:
    """Return the probabilities softmax(log p / T)."""
    if temperature == 1:
        return given
    p = given.p ** (1 / temperature)
    return TreeProbabilities(p / p.sum(1, keepdims=True), given.target)


def predictions(given: TreeProbabilities, tree: LabelTree, rule: str = "leaf", **options: Any) -> NDArray[np.int64]:
    """Apply a decoder and return positions in `tree.nodes` [n].

    Raises:
        ConfigError: if the decoder or an option is unknown, or a value is out of bounds.
    """
    nodes: NDArray[np.int64] = decoders.decode_probabilities(given.p, tree, rule, **options)
    return nodes


def reevaluate(
    outputs: Outputs, tree: LabelTree, rule: str = "leaf", temperature: float = 1.0, **options: Any
) -> dict[str, Any]:
    """Compute all metrics of the outputs, scaled by a temperature, under a tree and a decoder; see `reevaluated`."""
    return reevaluated(blocks(outputs, tree, temperature), tree, rule, **options)


def reevaluated(
    given: TreeProbabilities | Iterable[TreeProbabilities], tree: LabelTree, rule: str = "leaf", **options: Any
) -> dict[str, Any]:
    """Compute all metrics of probabilities over a tree, in one or more blocks of rows, with a decoder.

    These are `metrics.report` if all predictions of the decoder are leaves, and `node_report` otherwise.

    Raises:
        TreeError: if the leaves of the tree are not the classes.
        ConfigError: as `predictions`.
    """
    each = [given] if isinstance(given, TreeProbabilities) else given
    found = [(predictions(block, tree, rule, **options), block.target) for block in each]
    nodes, target = (np.concatenate(parts) for parts in zip(*found, strict=True))
    if not decoders.find(rule).leaves_only:
        return node_report(nodes, target, tree)
    leaves = np.searchsorted(tree.leaf_nodes, nodes)
    counts = sparse_confusion_matrix(target, leaves, len(tree.leaves))
    return metrics.report(counts, tree)


def reliability(outputs: Outputs, bins: int = BINS) -> Reliability:
    """Compare predicted probabilities with accuracy; see `metrics.probability_report` for the calibration error."""
    highest, right = [], []
    for start in range(0, max(1, len(outputs.target)), step := max(1, BLOCK // len(outputs.classes))):
        p = outputs.probabilities[start : start + step].astype(np.float64)
        p /= p.sum(1, keepdims=True)
        highest.append(p.max(1))
        right.append(p.argmax(1) == outputs.target[start : start + step])
    counts = bin_counts(np.concatenate(highest), np.concatenate(right), bins)
    known = np.where(counts[0] > 0, counts[0], np.nan)
    return Reliability(counts[0].astype(np.int64), counts[1] / known, counts[2] / known, calibration_error(counts))


def operating(outputs: Outputs, tree: LabelTree) -> OperatingCurve:
    """Compute the exact operating curve of the outputs under a tree; see `hierapp.metrics.operating_curve`.

    Raises:
        TreeError: if the leaves of the tree are not the classes.
    """
    with np.errstate(divide="ignore"):
        return of_blocks(((np.log(given.p), given.target) for given in blocks(outputs, tree)), tree)


def levels(outputs: Outputs, tree: LabelTree) -> dict[str, list[float]]:
    """Compute accuracy, log loss and calibration error of the outputs at every level of a tree; see
    `hierapp.metrics.level_report`.

    Raises:
        TreeError: if the leaves of the tree are not the classes.
    """
    with np.errstate(divide="ignore"):
        return level_metrics.of_blocks(((np.log(given.p), given.target) for given in blocks(outputs, tree)), tree)


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
