"""What the leaves below a label's node have in common with each leaf, one row [L] per sample: means and distances.

For large trees no [E, L] table is stored. Leaves outside the node's subtree share an ancestor with all leaves below it,
so their entries depend on that ancestor and on their depth; those inside have a sum for each of their ancestors.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hierapp.losses.kernels.ancestors import SharedSteps
from hierapp.losses.kernels.labels import Labels
from hierapp.trees import DistanceKind, LabelTree
from hierapp.trees.distances import largest_distance

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def distance_below(kind: DistanceKind, ancestor: Any, one: Any, other: Any) -> Any:
    """Return distances of leaves of depths `one` and `other`, arrays or tensors that broadcast.

    `ancestor` is the depth of their lowest common ancestor; for "lca-height" its height, and the depths are not used.
    """
    if kind == "lca-height":
        return ancestor + 0 * (one + other)
    if kind == "edges":
        return one + other - 2 * ancestor
    return (one + other + abs(one - other)) // 2 - ancestor


def sums_over_leaves(tree: LabelTree, kind: DistanceKind, share: Callable[[Ints], Floats]) -> Floats:
    """Return for each leaf the sum of share(d) over its distances d to all leaves, [L], without a table [L, L]."""
    depths, groups = _leaf_groups(tree, kind)
    mass = _sums_below(tree, groups, np.ones(len(groups)))
    shares = share(np.arange(largest_distance(tree, kind) + 1))
    sums: Floats = _sums_inside(tree, kind, shares, mass, depths, groups)[0]
    return sums


class MeanRows(nn.Module):
    """For each label and each leaf c the mean over the leaves l below the label's node of scale(l) * share(d(l, c)).

    Args:
        labels: the labels.
        kind: kind of the distance d, see `LabelTree.distances`.
        share: a function of distances, from 0 to 1.
        normalized: scale by 1 / sum_c share(d(l, c)), so that every row sums to 1; by default the scale is 1.
    """

    mass: Tensor
    ancestors: Tensor
    inside: Tensor
    steps: Tensor
    counts: Tensor
    shares: Tensor
    groups: Tensor
    depths: Tensor

    def __init__(
        self, labels: Labels, kind: DistanceKind, share: Callable[[Ints], Floats], normalized: bool = False
    ) -> None:
        super().__init__()
        self.kind = kind
        tree = labels.tree
        self.shared_steps = SharedSteps(labels)
        depths, groups = _leaf_groups(tree, kind)
        shares = share(np.arange(largest_distance(tree, kind) + 1))
        mass = _sums_below(tree, groups, np.ones(len(groups)))
        inside = _sums_inside(tree, kind, shares, mass, depths, groups)
        if normalized:
            mass = _sums_below(tree, groups, 1.0 / inside[0])
            inside = _sums_inside(tree, kind, shares, mass, depths, groups)
        counts = np.diff(labels.ranges)
        self._add("mass", mass[labels.nodes] / counts)
        self._add("ancestors", (tree.height if kind == "lca-height" else tree.depth)[labels.paths])
        self._add("inside", inside)
        self._add("steps", labels.depth - 1)
        self._add("counts", counts)
        self._add("shares", shares)
        self._add("groups", groups)
        self._add("depths", depths)

    def _add(self, name: str, values: NDArray[np.generic]) -> None:
        self.register_buffer(name, torch.tensor(values), persistent=False)

    def forward(self, target: Tensor, dtype: torch.dtype) -> Tensor:
        """Return [B, L] for labels [B]."""
        mass, shares = self.mass.index_select(0, target).to(dtype), self.shares.to(dtype)
        ancestors = self.ancestors.index_select(0, target)[:, :, None]
        # For each ancestor and each depth of a leaf outside: the mean over the leaves below the label's node.
        outside = mass.new_zeros(len(target), ancestors.shape[1], len(self.depths))
        for group, depth in enumerate(self.depths.unbind()):
            # No leaf is above its ancestor; what such a distance gives is not read.
            apart = distance_below(self.kind, ancestors, depth, self.depths).clamp(0, len(shares) - 1)
            outside = outside + mass[:, group, None, None] * shares[apart]
        shared, steps = self.shared_steps(target), self.steps.index_select(0, target)
        rows = outside.flatten(1).gather(1, shared * len(self.depths) + self.groups)
        inside = self.inside.index_select(0, steps).to(dtype) / self.counts.index_select(0, target)
        return torch.where(shared == steps[:, None], inside, rows)


def _leaf_groups(tree: LabelTree, kind: DistanceKind) -> tuple[Ints, Ints]:
    """Return the depths of the leaves, and the place of each leaf's depth; one group where depth does not matter."""
    of_leaves = tree.depth[tree.leaf_nodes] * (kind != "lca-height")
    depths, groups = np.unique(of_leaves, return_inverse=True)
    return depths, groups


def _sums_below(tree: LabelTree, groups: Ints, values: Floats) -> Floats:
    """Return the sums of the values [L] of the leaves below each node, for each group of leaves, [N, groups]."""
    sums = np.zeros((len(tree.nodes), int(groups.max()) + 1))
    sums[tree.leaf_nodes, groups] = values
    for node in range(len(sums) - 1, 0, -1):
        sums[tree.parents[node]] += sums[node]
    return sums


def _sums_inside(
    tree: LabelTree, kind: DistanceKind, shares: Floats, mass: Floats, depths: Ints, groups: Ints
) -> Floats:
    """Return for each step and leaf c the sum of scale(l) * share(d(l, c)) over the leaves l below c's ancestor.

    The result is [levels, L]; row k is for the ancestor after k steps from the root, 0 beyond the end of a path.
    `mass` has the sums of scale(l), see `_sums_below`.
    """
    paths, above = tree.leaf_paths, tree.height if kind == "lca-height" else tree.depth
    own, last = depths[groups][:, None], tree.depth[tree.leaf_nodes] - 1
    sums = np.zeros((paths.shape[1] + 1, len(paths)))
    for step in range(paths.shape[1] - 1, -1, -1):
        node, following = paths[:, step], paths[:, min(step + 1, paths.shape[1] - 1)]
        # The leaves below this ancestor and not below the next; a difference of equal sums may round to below 0.
        between = np.maximum(mass[node] - np.where((step < last)[:, None], mass[following], 0.0), 0.0)
        apart = distance_below(kind, above[node][:, None], own, depths).clip(0, len(shares) - 1)
        sums[step] = np.where(step <= last, sums[step + 1] + (between * shares[apart]).sum(1), 0.0)
    return sums[:-1]


class SubtreeDistances(nn.Module):
    """Number of edges from each label's node, or from the subtree below it, to every leaf; 0 inside the subtree.

    Args:
        labels: the labels.
    """

    depth: Tensor
    label_depth: Tensor

    def __init__(self, labels: Labels) -> None:
        super().__init__()
        self.shared_steps = SharedSteps(labels)
        depth = labels.tree.depth[labels.tree.leaf_nodes]
        self.register_buffer("depth", torch.tensor(depth), persistent=False)
        self.register_buffer("label_depth", torch.tensor(labels.depth), persistent=False)

    def forward(self, target: Tensor, dtype: torch.dtype) -> Tensor:
        """Return [B, L] for labels [B]."""
        shared, depth = self.shared_steps(target) + 1, self.label_depth.index_select(0, target)[:, None]
        edges: Tensor = (self.depth + depth - 2 * shared).masked_fill(shared == depth, 0)
        return edges.to(dtype)
