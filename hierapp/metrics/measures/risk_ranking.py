"""Distance@k of the ranking by expected distance, which min-risk decoding starts with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import ArrayLike

from hierapp.decoding import arrays, risks
from hierapp.decoding.inputs import chunks, flat_rows, target_leaves
from hierapp.metrics.spec import Evaluated, MetricSpec
from hierapp.trees import DistanceKind, LabelTree
from hierapp.trees.distances import pair_distances

METRICS = (
    MetricSpec("min_risk_distance_at_1", "distance@1 of min-risk", "distance", False),
    MetricSpec("min_risk_distance_at_5", "distance@5 of min-risk", "distance", False),
)


def compute(given: Evaluated) -> dict[str, Any]:
    """Compute the metrics."""
    return {**min_risk_distances(given.log_probs, given.target, given.tree, given.distance)}


def min_risk_distances(
    leaf_log_probs: Any,
    target: ArrayLike,
    tree: LabelTree,
    distance: DistanceKind = "lca-depth",
    top: Sequence[int] = (1, 5),
) -> dict[str, float]:
    """Compute the mean distance from the true leaf of the k leaves of least expected distance (Karthik et al. 2021).

    Args:
        leaf_log_probs: [n, L, ...] log-probabilities in the order of `tree.leaves`, array or tensor.
        target: [n, ...], positions in `tree.leaves`.
        tree: the label tree.
        distance: the distance between leaves (default "lca-depth").
        top: the values of k; a k greater than L counts as L.

    Returns:
        min_risk_distance_at_k for each k. Leaves of equal risk are ordered by their probability, then by position.

    Raises:
        ConfigError: if the shapes do not match, the probabilities of a row do not sum to 1, or a target is not a leaf.
    """
    log_p, _ = flat_rows(leaf_log_probs, tree)
    true = target_leaves(target, len(log_p), tree)
    most = min(max(top), len(tree.leaves))
    sums = dict.fromkeys(top, 0.0)
    for part, rows in chunks(log_p, tree):
        of_leaves = arrays.columns(risks.node_risks(rows, distance), rows.tables.leaf_nodes)
        # Probabilities order leaves of equal risk: they change a risk by less than its rounding error matters.
        _, first = arrays.largest(1e-9 * rows.p - of_leaves, most)
        leaves = arrays.to_numpy(first)
        far = pair_distances(tree, true[part].repeat(most), leaves.ravel(), distance).reshape(leaves.shape)
        for k in top:
            sums[k] += float(far[:, :k].mean(1).sum())
    return {f"min_risk_distance_at_{k}": value / max(len(true), 1) for k, value in sums.items()}
