"""Decoders by name: they convert leaf probabilities to predicted nodes.

All use z, the probability of each node, which is a sum over a range of leaves: O(B * N), without an [L, L] matrix.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from hierapp.decoding.checks import check_log_probs
from hierapp.errors import ConfigError
from hierapp.trees import DistanceKind, LabelTree
from hierapp.trees.distances import checked_kind

# Log-probabilities in single precision have an error of about 1e-7: values this close to a threshold count as equal.
ROUNDING = 1e-6


def leaf(leaf_log_probs: Tensor, tree: LabelTree) -> Tensor:
    """Predict the most probable leaf: argmax of z over the leaves, as node indices [B]."""
    check_log_probs(leaf_log_probs)
    return _leaf_nodes(tree, leaf_log_probs.argmax(dim=1))


def top_down(leaf_log_probs: Tensor, tree: LabelTree) -> Tensor:
    """Predict a leaf by moving from the root to the most probable child at each step, as node indices [B]."""
    z = node_probabilities(leaf_log_probs, tree)[:, 1:]
    tables = _tables(tree, z.device)
    group, place = tables.group, tables.place
    best = z.new_zeros(len(z), len(tree.internal_nodes)).scatter_reduce(1, group.expand_as(z), z, "amax")
    # Among equally probable children, choose the first.
    columns = torch.arange(z.shape[1], device=z.device).expand_as(z)
    # Sums of the same numbers in a different order differ in the last digits; this counts as equal.
    columns = columns.where(z >= (1 - 1e-9) * best.gather(1, group.expand_as(z)), z.shape[1])
    chosen = torch.full_like(best, z.shape[1], dtype=torch.int64)
    chosen = chosen.scatter_reduce(1, group.expand_as(z), columns, "amin") + 1
    node = chosen.new_zeros(len(z), 1)
    for _ in range(int(tree.depth.max()) - 1):
        below = place[node]
        # A leaf has no position among the internal nodes and is final.
        node = torch.where(below < 0, node, chosen.gather(1, below.clamp(min=0)))
    return node[:, 0]


def min_risk(leaf_log_probs: Tensor, tree: LabelTree, distance: DistanceKind = "lca-depth") -> Tensor:
    """Predict the leaf of minimum expected distance, argmin over leaves of sum_c P(c) d(c, .), as node indices [B].

    Source: conditional risk minimization, Karthik et al. 2021. Among leaves of equal risk, choose the most probable.
    """
    risks = leaf_risks(leaf_log_probs, tree, distance)
    least = risks.amin(dim=1, keepdim=True)
    tied = risks <= least + ROUNDING * (1 + least.abs())
    return _leaf_nodes(tree, leaf_log_probs.where(tied, -torch.inf).argmax(dim=1))


def leaf_risks(leaf_log_probs: Tensor, tree: LabelTree, distance: DistanceKind = "lca-depth") -> Tensor:
    """Compute the expected distance of each leaf, sum_c P(c) d(c, leaf), [B, L], in one pass down the tree.

    With s(v) the sum of z over path(v) without the root:

    - "edges": the expected depth, plus one step for each edge to the leaf, minus 2 s(leaf)
    - "lca-depth": the expectation of max(depth of the truth, depth of the leaf) - 1, minus s(leaf)
    - "lca-height": the sum over the edges down to the leaf of (height of the parent - height of the child) * (1 -
      z(child)); that is risk(child) = risk(parent) + height(parent) * (z(parent) - z(child)), summed by parts

    >>> tree = LabelTree.from_edges([("root", "animal"), ("animal", "cat"), ("animal", "dog"), ("root", "truck")])
    >>> risks = leaf_risks(torch.tensor([[0.3, 0.3, 0.4]]).log(), tree)[0]
    >>> [round(risk, 4) for risk in risks.tolist()]  # 0.3 * 1 + 0.4 * 2, twice; 0.6 * 2
    [1.1, 1.1, 1.2]
    """
    checked_kind(distance)
    z = node_probabilities(leaf_log_probs, tree)
    tables = _tables(tree, z.device)
    paths, depth = tables.paths, tables.depth[tables.leaf_nodes]
    total = z.new_zeros(len(z), len(tree.leaves))
    if distance == "lca-height":
        height = tables.height
        for level in range(1, paths.shape[1]):
            fall = height[paths[:, level - 1]] - height[paths[:, level]]  # 0 past the end of a path
            total += fall * (1 - z[:, paths[:, level]])
        return total
    for level in range(1, paths.shape[1]):
        total += torch.where(depth > level, z[:, paths[:, level]], 0.0)
    leaves = z[:, tables.leaf_nodes]
    if distance == "edges":
        return (leaves @ (depth - 1).to(z.dtype))[:, None] + (depth - 1) - 2 * total
    deepest = torch.maximum(depth, torch.arange(1, paths.shape[1] + 1, device=z.device)[:, None])  # [levels, L]
    return (leaves @ deepest.T.to(z.dtype))[:, depth - 1] - 1 - total


def threshold(leaf_log_probs: Tensor, tree: LabelTree, threshold: float = 0.5) -> Tensor:
    """Predict the deepest node with z >= threshold, which may be internal, as node indices [B].

    Nodes of equal depth can both qualify if the threshold is at most 0.5: then choose the most probable, and the first
    among equally probable nodes. The root always qualifies.

    Raises:
        ConfigError: if the threshold is not from 0 to 1.
    """
    if not 0 <= threshold <= 1:
        raise ConfigError(f"Expected a threshold from 0 to 1 but got {threshold:g}.")
    z = node_probabilities(leaf_log_probs, tree)
    z[:, 0] = 1.0
    depth = _tables(tree, z.device).depth
    # z is at most 1, so it decides only between nodes of equal depth.
    rank = torch.where(z >= threshold - ROUNDING, 2.0 * depth + z.clamp(max=1.0), 0.0)
    # As in `top_down`, the last digits of sums are ignored: they depend on the device.
    return (rank >= rank.amax(dim=1, keepdim=True) - 1e-9).int().argmax(dim=1)


def node_probabilities(leaf_log_probs: Tensor, tree: LabelTree) -> Tensor:
    """Compute the probabilities of all nodes, [B, N], from log-probabilities of the leaves [B, L].

    The result is in double precision if the device supports it.

    Raises:
        ConfigError: if the exponentials of a row do not sum to about 1.
    """
    check_log_probs(leaf_log_probs)
    exact = torch.float32 if leaf_log_probs.device.type == "mps" else torch.float64
    sums = torch.nn.functional.pad(leaf_log_probs.detach().to(exact).exp().cumsum(dim=1), (1, 0))
    ranges = _tables(tree, sums.device).ranges
    return sums[:, ranges[:, 1]] - sums[:, ranges[:, 0]]


DECODERS: dict[str, Callable[..., Tensor]] = {
    "leaf": leaf,
    "top-down": top_down,
    "min-risk": min_risk,
    "threshold": threshold,
}
# The options of each decoder.
OPTIONS: dict[str, tuple[str, ...]] = {"min-risk": ("distance",), "threshold": ("threshold",)}


def decode(leaf_log_probs: Tensor, tree: LabelTree, rule: str = "leaf", **options: Any) -> Tensor:
    """Predict a node for each sample.

    Args:
        leaf_log_probs: [B, L, ...] log-probabilities of the leaves, in the order of `tree.leaves`.
        tree: the label tree.
        rule: "leaf" (default), the most probable leaf; "top-down", from the root to the most probable child at each
            step; "min-risk", the leaf of minimum expected distance; "threshold", the deepest node whose probability
            reaches the threshold.
        options: `distance` for "min-risk" (default "lca-depth"), `threshold` for "threshold" (default 0.5).

    Returns:
        int64 [B, ...], positions in `tree.nodes`.

    Raises:
        ConfigError: if the rule is unknown, does not have an option, or the log-probabilities have the wrong shape or
            do not sum to 1 as probabilities.
        TreeError: if the distance is unknown.

    Example of Loss in Layers, figure 7: "leaf" predicts a truck, "top-down" a cat.

    >>> tree = LabelTree.from_edges(
    ...     [("root", "animal"), ("animal", "cat"), ("animal", "dog"), ("animal", "horse")]
    ...     + [("root", "vehicle"), ("vehicle", "truck"), ("vehicle", "ship")]
    ... )
    >>> p = torch.tensor([[0.6 * 0.4, 0.6 * 0.3, 0.6 * 0.3, 0.4 * 0.95, 0.4 * 0.05]])
    >>> [tree.nodes[decode(p.log(), tree, rule)] for rule in DECODERS]
    ['truck', 'cat', 'cat', 'animal']
    """
    if rule not in DECODERS:
        raise ConfigError(f"Unknown decoder {rule!r}; choose one of {', '.join(DECODERS)}.")
    for given in options:
        if given not in OPTIONS.get(rule, ()):
            raise ConfigError(f"The decoder {rule} has no option {given!r}.")
    if not isinstance(leaf_log_probs, Tensor):
        raise ConfigError(
            f"Expected a tensor of log-probabilities but got {type(leaf_log_probs).__name__}; convert it."
        )
    if leaf_log_probs.ndim < 2 or leaf_log_probs.shape[1] != len(tree.leaves):
        raise ConfigError(
            f"Expected log-probabilities of the leaves, [B, {len(tree.leaves)}], but got {list(leaf_log_probs.shape)}."
        )
    rows = leaf_log_probs.movedim(1, -1)
    return DECODERS[rule](rows.reshape(-1, len(tree.leaves)), tree, **options).view(rows.shape[:-1])


def _leaf_nodes(tree: LabelTree, leaves: Tensor) -> Tensor:
    return _tables(tree, leaves.device).leaf_nodes[leaves]


class _Tables(NamedTuple):
    """Arrays of the tree as tensors; `place` is the position of a node among the internal nodes, -1 for leaves."""

    leaf_nodes: Tensor
    ranges: Tensor
    paths: Tensor
    depth: Tensor
    height: Tensor
    place: Tensor
    group: Tensor


@lru_cache(maxsize=16)
def _tables(tree: LabelTree, device: torch.device) -> _Tables:
    place = np.full(len(tree.nodes), -1)
    place[tree.internal_nodes] = np.arange(len(tree.internal_nodes))
    arrays = (tree.leaf_nodes, tree.leaf_ranges, tree.leaf_paths, tree.depth, tree.height)
    return _Tables(*(torch.tensor(each, device=device) for each in (*arrays, place, place[tree.parents[1:]])))
