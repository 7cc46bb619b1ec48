"""Common ancestors of a true leaf and all leaves, and the distances that follow from them, one row [L] a sample.

Where L is small the rows stand in a table [L, L]; where it is large they are made for each batch from the ranges of
leaves below the nodes of the true path, in O(B * L).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from hierapp.losses.kernels.path import MOST_KEPT
from hierapp.trees import DistanceKind, LabelTree
from hierapp.trees.distances import largest_distance


class SharedSteps(nn.Module):
    """How many steps from the root the paths to the true leaf and to every leaf have in common.

    Attributes:
        steps: D, the greatest number of steps from the root to a leaf.
        missing: bool [L, D + 1], the numbers of steps that a leaf's path has not.
    """

    missing: Tensor
    kept: Tensor | None

    def __init__(self, tree: LabelTree) -> None:
        super().__init__()
        paths, size = tree.leaf_paths, len(tree.leaves)
        self.steps, self.size = paths.shape[1] - 1, size
        missing = np.arange(paths.shape[1]) >= tree.depth[tree.leaf_nodes, None]
        # The leaves below the node of each step; past the end of a path none, behind the last leaf.
        ranges = np.where(missing[:, 1:, None], size, tree.leaf_ranges[paths[:, 1:]])
        self.register_buffer("missing", torch.tensor(missing), persistent=False)
        self.register_buffer("starts", torch.tensor(ranges[..., 0]), persistent=False)
        self.register_buffer("stops", torch.tensor(ranges[..., 1]), persistent=False)
        kept = self._made(torch.arange(size)) if size**2 <= MOST_KEPT else None
        self.register_buffer("kept", kept, persistent=False)

    def forward(self, target: Tensor) -> Tensor:
        """int64 [B, L] for true leaves [B]; the true leaf itself has all its steps in common."""
        return self._made(target) if self.kept is None else self.kept.index_select(0, target)

    def _made(self, target: Tensor) -> Tensor:
        starts, stops = (self.get_buffer(name).index_select(0, target) for name in ("starts", "stops"))
        marks = starts.new_zeros(len(target), self.size + 1)
        marks = marks.scatter_add(1, starts, torch.ones_like(starts)).scatter_add(1, stops, -torch.ones_like(stops))
        return marks.cumsum(1)[:, :-1]


class DistanceRows(nn.Module):
    """Distances from true leaves to all leaves; see `LabelTree.distances` for the kinds.

    Attributes:
        largest: the largest distance in the tree, at least 1.
    """

    depth: Tensor
    heights: Tensor
    kept: Tensor | None

    def __init__(self, tree: LabelTree, kind: DistanceKind) -> None:
        super().__init__()
        self.kind = kind
        self.largest = max(largest_distance(tree, kind), 1)
        self.shared = None
        if len(tree.leaves) ** 2 <= MOST_KEPT:
            kept = torch.tensor(tree.distances(kind), dtype=torch.float64)
            self.register_buffer("kept", kept, persistent=False)
            return
        self.kept = None
        self.shared = SharedSteps(tree)
        self.register_buffer("depth", torch.tensor(tree.depth[tree.leaf_nodes]), persistent=False)
        self.register_buffer("heights", torch.tensor(tree.height[tree.leaf_paths]), persistent=False)

    def forward(self, target: Tensor, dtype: torch.dtype) -> Tensor:
        """[B, L] for true leaves [B]."""
        if self.kept is not None:
            return self.kept.index_select(0, target).to(dtype)
        assert self.shared is not None
        shared = self.shared(target)
        if self.kind == "lca-height":
            return self.heights.index_select(0, target).gather(1, shared).to(dtype)
        own = self.depth.index_select(0, target)[:, None]
        edges = self.kind == "edges"
        rows: Tensor = own + self.depth - 2 * (shared + 1) if edges else torch.maximum(own, self.depth) - (shared + 1)
        return rows.to(dtype)
