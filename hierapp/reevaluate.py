"""The same predictions under another tree or decoder: figures anew from the outputs that a run has stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hierapp import metrics
from hierapp.errors import ConfigError
from hierapp.outputs import Outputs
from hierapp.probability_metrics import node_report
from hierapp.tree import DistanceKind, LabelTree

Floats = NDArray[np.float64]
RULES = ("leaf", "top-down", "min-risk", "threshold")  # as `decoders.DECODERS`, which needs torch
BINS = 15
ROUNDING = 1e-6  # as the threshold decoder's
# Rows that are worked on at once: nodes * rows stay within some 100 MB.
NUMBERS_AT_ONCE = 4_000_000


class Placed(NamedTuple):
    """Outputs in the order of a tree's leaves: log-probabilities [n, L] and true leaves [n]."""

    log_probs: NDArray[np.float32]
    target: NDArray[np.int64]


@dataclass(frozen=True)
class Reliability:
    """By bins of the greatest probability: images in each, their mean probability and their accuracy (NaN where there
    is none), and the expected calibration error."""

    count: NDArray[np.int64]
    confidence: Floats
    accuracy: Floats
    error: float


@dataclass(frozen=True)
class Operating:
    """The threshold decoder over its thresholds.

    Attributes:
        thresholds: [T].
        correct: share of the images whose predicted node is the true leaf or above it.
        depth: mean depth of the predicted nodes, 1 at the root.
        leaves: share of the predictions that are leaves.
    """

    thresholds: Floats
    correct: Floats
    depth: Floats
    leaves: Floats


def placed(said: Outputs, tree: LabelTree) -> Placed:
    """The outputs as the tree orders its leaves; classes are matched by name.

    Raises:
        TreeError: if the tree's leaves are not the classes.
    """
    at = tree.positions_of(said.classes)
    log_probs = np.empty((len(said.target), len(at)), np.float32)
    log_probs[:, at] = said.log_probs()
    return Placed(log_probs, at[said.target])


def predictions(
    given: Placed, tree: LabelTree, rule: str = "leaf", threshold: float = 0.5, distance: DistanceKind = "lca-depth"
) -> NDArray[np.int64]:
    """What a decoder makes of them, positions in `tree.nodes` [n]. All but "leaf" import torch.

    Raises:
        ConfigError: for an unknown decoder or a threshold that is not from 0 to 1.
    """
    if rule == "leaf":
        likeliest: NDArray[np.int64] = tree.leaf_nodes[given.log_probs.argmax(1)]
        return likeliest
    if rule not in RULES:
        raise ConfigError(f"Unknown decoder {rule!r}; choose one of {', '.join(RULES)}.")
    import torch

    from hierapp.decoders import decode

    options: dict[str, Any] = {}
    if rule == "threshold":
        options["threshold"] = threshold
    elif rule == "min-risk":
        options["distance"] = distance
    step = _rows_at_once(tree)
    parts = [
        decode(torch.from_numpy(given.log_probs[start : start + step]), tree, rule, **options).numpy()
        for start in range(0, len(given.target), step)
    ]
    return np.concatenate(parts) if parts else np.empty(0, np.int64)


def figures(
    said: Outputs, tree: LabelTree, rule: str = "leaf", threshold: float = 0.5, distance: DistanceKind = "lca-depth"
) -> dict[str, Any]:
    """All figures of the outputs under a tree and a decoder: `metrics.report` of predictions that are leaves,
    `node_report` of the threshold decoder's.

    Raises:
        TreeError: if the tree's leaves are not the classes.
        ConfigError: as `predictions`.
    """
    given = placed(said, tree)
    nodes = predictions(given, tree, rule, threshold, distance)
    if rule == "threshold":
        return node_report(nodes, given.target, tree)
    leaves = np.searchsorted(tree.leaf_nodes, nodes)
    counts = metrics.confusion_matrix(given.target, leaves, len(tree.leaves))
    return metrics.report(counts, tree, distance)


def reliability(said: Outputs, bins: int = BINS) -> Reliability:
    """Whether what is said with probability p is right in p of the cases; see `probability_metrics` for the error."""
    p = said.probabilities.astype(np.float64)
    p /= p.sum(1, keepdims=True)
    best = p.argmax(1)
    confidence = p[np.arange(len(p)), best]
    place = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    count = np.bincount(place, minlength=bins)
    known = np.where(count, count, np.nan)
    mean = np.bincount(place, confidence, minlength=bins) / known
    hits = np.bincount(place, (best == said.target).astype(np.float64), minlength=bins) / known
    error = float(np.nansum(np.abs(hits - mean) * count) / max(len(p), 1))
    return Reliability(count, mean, hits, error)


def operating(said: Outputs, tree: LabelTree, thresholds: Sequence[float]) -> Operating:
    """How often the threshold decoder is right, and how deep it goes, at each threshold: from all classes at 0 to
    nothing but the root at 1. In numpy, with the probabilities of the nodes computed once.

    Raises:
        TreeError: if the tree's leaves are not the classes.
    """
    given = placed(said, tree)
    sums = np.zeros((3, len(thresholds)))
    start, stop, depth = tree.leaf_ranges[:, 0], tree.leaf_ranges[:, 1], tree.depth
    for first in range(0, len(given.target), step := _rows_at_once(tree)):
        rows = slice(first, first + step)
        below = np.pad(np.exp(given.log_probs[rows].astype(np.float64)).cumsum(1), ((0, 0), (1, 0)))
        z = below[:, stop] - below[:, start]
        z[:, 0] = 1.0
        score = 2.0 * depth + np.minimum(z, 1.0)  # the deepest, and of equals the likeliest
        target = given.target[rows]
        for column, threshold in enumerate(thresholds):
            node = np.where(z >= threshold - ROUNDING, score, 0.0).argmax(1)
            sums[0, column] += ((start[node] <= target) & (target < stop[node])).sum()
            sums[1, column] += depth[node].sum()
            sums[2, column] += (tree.height[node] == 0).sum()
    correct, depths, leaves = sums / max(len(given.target), 1)
    return Operating(np.asarray(thresholds, np.float64), correct, depths, leaves)


def _rows_at_once(tree: LabelTree) -> int:
    return max(1, NUMBERS_AT_ONCE // len(tree.nodes))
