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

from hierapp.tree import LabelTree

Join = Callable[[Tensor, Tensor, int], Tensor]


def segment_logsumexp(rows: Tensor, segments: Tensor, count: int) -> Tensor:
    """log of the sum of exp(rows) over the rows of each segment.

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

    Attributes:
        leaf_nodes: [L], the node of each leaf.
        internal_nodes: [G], the nodes that have children.
        group: [N - 1], for each column the position of its parent among the internal nodes.
        group_size: [G], children of each internal node.
    """

    leaf_nodes: Tensor
    internal_nodes: Tensor
    group: Tensor
    group_size: Tensor
    back: Tensor

    def __init__(self, tree: LabelTree) -> None:
        super().__init__()
        self._add("leaf_nodes", tree.leaf_nodes)
        self._add("internal_nodes", tree.internal_nodes)
        self._add("group", np.searchsorted(tree.internal_nodes, tree.parents[1:]))
        self._add("group_size", [len(tree.children[node]) for node in tree.internal_nodes])
        # Level by level: the nodes of one depth, where their parents stand in the level above, and for the way up
        # which rows make each node: its children in the level below, or its leaf.
        depths = [np.flatnonzero(tree.depth == depth) for depth in range(1, int(tree.depth.max()) + 1)]
        position = np.empty(len(tree.nodes), np.int64)
        for nodes in depths:
            position[nodes] = np.arange(len(nodes))
        self.counts = [len(nodes) for nodes in depths]
        leaf_of_node = tree.leaf_ranges[:, 0]
        is_leaf = np.isin(np.arange(len(tree.nodes)), tree.leaf_nodes)
        for level, nodes in enumerate(depths):
            ends = nodes[is_leaf[nodes]]
            parents = position[tree.parents[nodes]] if level else np.zeros(0, np.int64)
            self._add(f"columns_{level}", nodes - 1)
            self._add(f"parents_{level}", parents)
            self._add(f"leaves_{level}", leaf_of_node[ends])
            self._add(f"ends_{level}", position[ends])
        self._add("back", np.argsort(np.concatenate(depths)))

    def _add(self, name: str, values: object) -> None:
        self.register_buffer(name, torch.tensor(np.asarray(values, np.int64)), persistent=False)

    def sibling_log_softmax(self, logits: Tensor) -> Tensor:
        """log p(v) = log P(v | parent(v)) of every node but the root, [N - 1, B] from logits [B, N - 1].

        It is 0 for an only child, whatever its logit.
        """
        rows = logits.t()
        return rows - segment_logsumexp(rows, self.group, len(self.group_size)).index_select(0, self.group)

    def sum_down(self, log_p: Tensor) -> Tensor:
        """log z of all nodes, [N, B]: the sums of `log_p` [N - 1, B] over the path from the root to each node."""
        levels = [log_p.new_zeros(1, log_p.shape[1])]
        for level in range(1, len(self.counts)):
            parents, columns = self.get_buffer(f"parents_{level}"), self.get_buffer(f"columns_{level}")
            levels.append(levels[-1].index_select(0, parents) + log_p.index_select(0, columns))
        return torch.cat(levels).index_select(0, self.back)

    def sum_up(self, leaf_rows: Tensor) -> Tensor:
        """For every node the sum of `leaf_rows` [L, B] over the leaves below it, [N, B]."""
        return self._up(leaf_rows, lambda rows, to, n: rows.new_zeros(n, rows.shape[1]).index_add(0, to, rows))

    def log_sum_up(self, leaf_rows: Tensor) -> Tensor:
        """For every node the log of the sum of exp(`leaf_rows`) over the leaves below it, [N, B]."""
        return self._up(leaf_rows, segment_logsumexp)

    def _up(self, leaf_rows: Tensor, join: Join) -> Tensor:
        levels: list[Tensor] = []
        for level in range(len(self.counts) - 1, -1, -1):
            rows = leaf_rows.index_select(0, self.get_buffer(f"leaves_{level}"))
            if levels:
                to = torch.cat([self.get_buffer(f"ends_{level}"), self.get_buffer(f"parents_{level + 1}")])
                rows = join(torch.cat([rows, levels[-1]]), to, self.counts[level])
            levels.append(rows)
        return torch.cat(levels[::-1]).index_select(0, self.back)
