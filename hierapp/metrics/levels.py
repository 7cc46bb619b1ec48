"""Accuracy, log loss and calibration error at every level of the tree, from the sums of leaf probabilities."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hierapp.decoding import arrays
from hierapp.decoding.inputs import flat_rows, row_chunks, target_leaves
from hierapp.metrics.calibration import BINS, bin_counts, calibration_error
from hierapp.trees import LabelTree

Floats = NDArray[np.float64]


def level_report(leaf_log_probs: Any, target: ArrayLike, tree: LabelTree, bins: int = BINS) -> dict[str, list[float]]:
    """Compute metrics of the nodes of each level below the root; a path that ends above is represented by its leaf.

    The prediction of a level is its most probable node. Unlike `report`'s level_accuracy, which follows the path to the
    predicted leaf, the predictions of two levels need not be on one path.

    Args:
        leaf_log_probs: [n, L, ...] log-probabilities in the order of `tree.leaves`, array or tensor.
        target: [n, ...], positions in `tree.leaves`.
        tree: the label tree.
        bins: number of bins of the calibration error (default 15).

    Returns:
        Lists with a number for each level, from the children of the root to the leaves: level_marginal_accuracy,
        level_log_loss (the mean of -log z of the true node) and level_calibration_error.

    Raises:
        ConfigError: if the shapes do not match, the probabilities of a row do not sum to 1, or a target is not a leaf.

    >>> tree = LabelTree.from_edges([("root", "animal"), ("animal", "cat"), ("animal", "dog"), ("root", "truck")])
    >>> metrics = level_report(np.log([[0.3, 0.3, 0.4]]), [1], tree)  # an animal (0.6), but a truck among the leaves
    >>> metrics["level_marginal_accuracy"], [round(loss, 4) for loss in metrics["level_log_loss"]]
    ([1.0, 0.0], [0.5108, 1.204])
    """
    log_p, _ = flat_rows(leaf_log_probs, tree)
    true = target_leaves(target, len(log_p), tree)
    return of_blocks(((arrays.to_numpy(exact), true[part]) for part, exact in row_chunks(log_p, tree)), tree, bins)


def of_blocks(
    blocks: Iterable[tuple[Floats, NDArray[np.int64]]], tree: LabelTree, bins: int = BINS
) -> dict[str, list[float]]:
    """Compute `level_report` of samples in blocks: log-probabilities [n, L] in double precision, true leaves [n]."""
    levels = [_groups(column) for column in tree.leaf_paths.T[1:]]
    losses = np.zeros(len(levels))
    counts = np.zeros((len(levels), 3, bins))
    samples = 0
    for log_rows, leaves in blocks:
        p = np.exp(log_rows)
        samples += len(p)
        for level, (starts, group) in enumerate(levels):
            z = np.add.reduceat(p, starts, axis=1)
            own = group[leaves]
            losses[level] -= _log_sums(log_rows, z, group, own).sum()
            counts[level] += bin_counts(z.max(1).clip(0, 1), z.argmax(1) == own, bins)
    count = max(samples, 1)
    return {
        "level_marginal_accuracy": (counts[:, 2].sum(1) / count).tolist(),
        "level_log_loss": (losses / count).tolist(),
        "level_calibration_error": [calibration_error(each) for each in counts],
    }


def _groups(nodes: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the first leaf of each node of a level, and each leaf's node by its number in the level."""
    first = np.append(True, nodes[1:] != nodes[:-1])
    return np.flatnonzero(first), first.cumsum() - 1


def _log_sums(log_p: Floats, z: Floats, group: NDArray[np.int64], own: NDArray[np.int64]) -> Floats:
    """Return log z of the true node of each row, also where z underflows."""
    found = z[np.arange(len(z)), own]
    lost = np.flatnonzero(found < 1e-290)
    logs = np.log(np.where(found < 1e-290, 1.0, found))
    if len(lost):
        below = group == own[lost, None]
        logs[lost] = np.logaddexp.reduce(np.where(below, log_p[lost], -np.inf), axis=1)
    return logs
