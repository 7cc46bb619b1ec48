"""What needs every node of the tree: softmaxes over siblings, sums down the paths, sums up the subtrees.

Nodes are rows here, [N, B], so that whole rows of a batch are gathered and added at once. Everything is O(B * N) over
segments of siblings: no [N, N] matrix and no padding to the widest node. "Column" means a logit of a conditional loss:
column j belongs to node j + 1, the root has none.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from hierapp.trees import LabelTree

Join = Callable[[Tensor, Tensor, int], Tensor]


def segment_logsumexp(rows: Tensor, segments: Tensor, count: int) -> Tensor:
    """Log of the sum of exp(rows) over the rows of each segment.

    Args:
        rows: [K, B], finite.
        segments: [K] int64 in 0 .. count - 1; every segment has at least one row.
        count: the number of segments.

    Returns:
        [count, B].

    >>> segment_logsumexp(torch.zeros(3, 1), torch.tensor([0, 1, 1]), 2).exp().T.tolist()
    [[1.0, 2.0]]
    """
    fixed = rows.detach()
    top = fixed.new_full((count, fixed.shape[1]), -torch.inf)
    top = top.scatter_reduce(0, segments[:, None].expand_as(fixed), fixed, "amax")
    shifted = (rows - top.index_select(0, segments)).exp()
    return torch.zeros_like(top).index_add(0, segments, shifted).log() + top


class NodeTables(nn.Module):
    """The tree's index tables for sums over all nodes, as buffers that are not saved.

    The rows of nodes stand in level order: the root, its children, their children, ... Siblings are neighbours there.

    Attributes:
        preorder: [N], the row of each node of `tree.nodes`.
        leaves: [L], the row of each leaf.
        internal: [G], the row of each internal node in the order of `tree.internal_nodes`.
        group: [N - 1], for each row but the root's the position of its parent in `internal`.
        group_size: [G], children of each internal node.
    """

    preorder: Tensor
    leaves: Tensor
    internal: Tensor
    group: Tensor
    group_size: Tensor
    columns: Tensor
    ordered_leaves: Tensor

    def __init__(self, tree: LabelTree) -> None:
        super().__init__()
        levels = [np.flatnonzero(tree.depth == depth) for depth in range(1, int(tree.depth.max()) + 1)]
        order = np.concatenate(levels)
        row = np.argsort(order)
        is_leaf = np.isin(order, tree.leaf_nodes)
        self._add("preorder", row)
        self._add("leaves", row[tree.leaf_nodes])
        self._add("internal", row[tree.internal_nodes])
        self._add("group", np.searchsorted(tree.internal_nodes, tree.parents[order[1:]]))
        self._add("group_size", [len(tree.children[node]) for node in tree.internal_nodes])
        self._add("columns", order[1:] - 1)
        self._add("ordered_leaves", tree.leaf_ranges[order[is_leaf], 0])
        # For each level the place of each node's parent in the level above; and of its leaves in the level.
        self.sizes = [len(nodes) for nodes in levels]
        self.leaf_counts = [int(np.isin(nodes, tree.leaf_nodes).sum()) for nodes in levels]
        start = 0
        for level, nodes in enumerate(levels):
            above = start - self.sizes[level - 1] if level else 0
            self._add(f"parents_{level}", row[tree.parents[nodes]] - above)
            self._add(f"ends_{level}", np.flatnonzero(is_leaf[start : start + len(nodes)]))
            start += len(nodes)

    def _add(self, name: str, values: object) -> None:
        self.register_buffer(name, torch.tensor(np.asarray(values, np.int64)), persistent=False)

    def sibling_log_softmax(self, logits: Tensor) -> Tensor:
        """Conditional log-probability of every node but the root, rows [N - 1, B] from logits [B, N - 1].

        It is log p(v) = log P(v | parent(v)), and 0 for an only child, whatever its logit.
        """
        rows = logits.t().index_select(0, self.columns)
        return rows - segment_logsumexp(rows, self.group, len(self.group_size)).index_select(0, self.group)

    def sum_down(self, log_p: Tensor) -> Tensor:
        """Log-probabilities of all nodes, rows [N, B]: sums of `log_p` [N - 1, B] over the path to each."""
        levels = [log_p.new_zeros(1, log_p.shape[1])]
        for level, rows in enumerate(torch.split(log_p, self.sizes[1:]), start=1):
            levels.append(levels[-1].index_select(0, self.get_buffer(f"parents_{level}")) + rows)
        return torch.cat(levels)

    def sum_up(self, leaf_rows: Tensor) -> Tensor:
        """For every node the sum of `leaf_rows` [L, B] over the leaves below it, rows [N, B]."""
        return self._up(leaf_rows, lambda rows, to, n: rows.new_zeros(n, rows.shape[1]).index_add(0, to, rows))

    def log_sum_up(self, leaf_rows: Tensor) -> Tensor:
        """For every node the log of the sum of exp(`leaf_rows`) over the leaves below it, rows [N, B]."""
        return self._up(leaf_rows, segment_logsumexp)

    def _up(self, leaf_rows: Tensor, join: Join) -> Tensor:
        parts = torch.split(leaf_rows.index_select(0, self.ordered_leaves), self.leaf_counts)
        levels = [parts[-1]]
        for level in range(len(self.sizes) - 2, -1, -1):
            to = torch.cat([self.get_buffer(f"ends_{level}"), self.get_buffer(f"parents_{level + 1}")])
            levels.append(join(torch.cat([parts[level], levels[-1]]), to, self.sizes[level]))
        return torch.cat(levels[::-1])
