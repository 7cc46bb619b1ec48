"""The sum of the probabilities of all internal nodes, as the term of a loss."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from hierapp.losses.kernels.nodes import Descent, SiblingSoftmax
from hierapp.trees import LabelTree


class InternalMass(nn.Module):
    """The sum of z(v) over the internal nodes v, including the root.

    A subtree of uniform depth adds z of its top times its number of internal levels, because each of these levels has
    the probability of the top. So only the tops and the nodes above them are needed, with their siblings.

    Args:
        tree: the label tree.
        sibling_rows: [N - 1], the row of each node in the log p of all nodes.
    """

    own_rows: Tensor
    rows: Tensor
    levels: Tensor

    def __init__(self, tree: LabelTree, sibling_rows: Tensor) -> None:
        super().__init__()
        leaf_depth = tree.depth[tree.leaf_nodes]
        starts, stops = tree.leaf_ranges.T
        # A node is uniform where no two neighbors among the leaves below it differ in depth.
        changes = np.concatenate([[0], (leaf_depth[1:] != leaf_depth[:-1]).cumsum()])
        uniform = changes[starts] == changes[stops - 1]
        internal = tree.internal_nodes
        needed = internal[(internal == 0) | ~uniform[tree.parents[internal]]]
        self.siblings = SiblingSoftmax(tree, np.unique(tree.parents[needed[1:]]))
        self.descent = Descent(tree, needed)
        row = np.zeros(len(tree.nodes), np.int64)
        row[self.siblings.nodes] = np.arange(len(self.siblings.nodes))
        nodes = self.descent.order[1:]
        self.register_buffer("own_rows", torch.tensor(row[nodes]), persistent=False)
        self.register_buffer("rows", sibling_rows[nodes - 1], persistent=False)
        levels = np.where(uniform, tree.height, 1)[self.descent.order]
        self.register_buffer("levels", torch.tensor(levels, dtype=torch.float64), persistent=False)

    def forward(self, logits: Tensor, log_p: Tensor | None) -> Tensor:
        """Return [B] from logits [B, N - 1], or from log p [N - 1, B] if it is already computed."""
        if log_p is None:
            log_p, rows = self.siblings(logits), self.own_rows
        else:
            rows = self.rows
        log_z: Tensor = self.descent(log_p.index_select(0, rows))
        return self.levels.to(log_z.dtype) @ log_z.exp()
