"""Common ancestors of a label's node and all leaves, and the resulting distances, one row [L] per sample.

For small L the rows are read from a table [L, L]; for large L they are computed for each batch from the ranges of
leaves below the nodes of the label's path, in O(B * L).
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hierapp.losses.kernels.labels import Labels
from hierapp.losses.kernels.path import MOST_KEPT
from hierapp.trees import DistanceKind, LabelTree
from hierapp.trees.distances import largest_distance


class AncestorRows(nn.Module):
    """An integer for each label and every leaf, determined by their lowest common ancestor.

    From the root down, each node of the label's path changes the integer at its first leaf and reverts it after its
    last: the integers are running sums of these changes, exact in float32.

    Args:
        labels: the labels.
        values: [E, D + 1], the integer for the leaves that share 0 .. D steps with the path of each label.
    """

    places: Tensor
    changes: Tensor

    def __init__(self, labels: Labels, values: NDArray[np.integer]) -> None:
        super().__init__()
        tree, paths, missing = labels.tree, labels.paths, labels.missing
        self.size = len(tree.leaves)
        # Missing steps of a path are changes of 0 at the first leaf; so are changes after the last leaf.
        steps = np.where(missing[:, 1:], 0, np.diff(values, axis=1))
        starts, stops = np.where(missing[:, 1:, None], 0, tree.leaf_ranges[paths[:, 1:]]).transpose(2, 0, 1)
        places = np.concatenate([np.zeros_like(starts[:, :1]), starts, stops % self.size], 1)
        changes = np.concatenate([values[:, :1], steps, np.where(stops == self.size, 0, -steps)], 1)
        self.register_buffer("places", torch.tensor(places), persistent=False)
        self.register_buffer("changes", torch.tensor(changes, dtype=torch.float64), persistent=False)

    def forward(self, target: Tensor, dtype: torch.dtype) -> Tensor:
        """Return [B, L] for labels [B]."""
        changes = self.changes.index_select(0, target).to(dtype)
        rows = changes.new_zeros(len(target), self.size)
        return rows.scatter_add(1, self.places.index_select(0, target), changes).cumsum_(1)


class SharedSteps(nn.Module):
    """The number of steps from the root that the paths to a label's node and to every leaf share.

    Attributes:
        missing: bool [E, D + 1], the numbers of steps beyond the end of a label's path.
    """

    missing: Tensor
    kept: Tensor | None

    def __init__(self, labels: Labels) -> None:
        super().__init__()
        missing = labels.missing
        self.register_buffer("missing", torch.tensor(missing), persistent=False)
        self.rows = AncestorRows(labels, np.broadcast_to(np.arange(labels.levels), missing.shape))
        few = len(missing) * len(labels.tree.leaves) <= MOST_KEPT
        kept = self._made(torch.arange(len(missing))) if few else None
        self.register_buffer("kept", kept, persistent=False)

    def forward(self, target: Tensor) -> Tensor:
        """Return int64 [B, L] for labels [B]; the leaves below a label's node share all its steps."""
        return self._made(target) if self.kept is None else self.kept.index_select(0, target)

    def _made(self, target: Tensor) -> Tensor:
        rows: Tensor = self.rows(target, torch.float32)
        return rows.long()


class DistanceRows(nn.Module):
    """Distances from true leaves to all leaves; see `LabelTree.distances` for the kinds.

    Attributes:
        largest: the largest distance in the tree, at least 1.
    """

    depth: Tensor
    kept: Tensor | None

    def __init__(self, tree: LabelTree, kind: DistanceKind) -> None:
        super().__init__()
        self.kind = kind
        self.largest = max(largest_distance(tree, kind), 1)
        self.rows = None
        if len(tree.leaves) ** 2 <= MOST_KEPT:
            kept = torch.tensor(tree.distances(kind), dtype=torch.float64)
            self.register_buffer("kept", kept, persistent=False)
            return
        self.kept = None
        labels = Labels(tree, "leaf")
        depth, paths = labels.depth, labels.paths
        # The part of the distance that the common ancestor determines; other kinds also need the other leaf's depth.
        values = {
            "lca-height": tree.height[paths],
            "lca-depth": -tree.depth[paths],
            "edges": depth[:, None] - 2 * tree.depth[paths],
        }
        self.rows = AncestorRows(labels, values[kind])
        self.register_buffer("depth", torch.tensor(depth), persistent=False)

    def forward(self, target: Tensor, dtype: torch.dtype) -> Tensor:
        """Return [B, L] for true leaves [B]."""
        if self.kept is not None:
            return self.kept.index_select(0, target).to(dtype)
        assert self.rows is not None
        rows: Tensor = self.rows(target, dtype)
        if self.kind == "lca-height":
            return rows
        if self.kind == "edges":
            return rows.add_(self.depth)
        return rows.add_(torch.maximum(self.depth.index_select(0, target)[:, None], self.depth))
