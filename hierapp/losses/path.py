"""The kernel of the conditional losses: softmaxes over siblings, and sums along the paths of the tree.

Everything is in log space and runs over segments of nodes; no [N, N] matrix and no padding to the widest node.
"Column" means a logit of a conditional loss: column j belongs to node j + 1, the root has none.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from hierapp.tree import LabelTree


def segment_logsumexp(values: Tensor, segments: Tensor, count: int) -> Tensor:
    """log of the sum of exp(values) over the columns of each segment.

    Args:
        values: [B, K], finite.
        segments: [K] int64 in 0 .. count - 1; every segment has at least one column.
        count: the number of segments.

    Returns:
        [B, count].

    >>> segment_logsumexp(torch.zeros(1, 3), torch.tensor([0, 1, 1]), 2).exp().tolist()
    [[1.0, 2.0]]
    """
    batch = len(values)
    top = values.detach().new_full((batch, count), -torch.inf)
    top = top.scatter_reduce(1, segments.expand(batch, -1), values.detach(), "amax")
    above = (values - top.index_select(1, segments)).exp()
    return values.new_zeros(batch, count).index_add(1, segments, above).log() + top


class TreeTables(nn.Module):
    """The index tables of a tree, as buffers that are not saved.

    Let D be the greatest number of steps from the root to a leaf, G the number of internal nodes.

    Attributes:
        leaf_nodes: [L], the node of each leaf.
        group: [N - 1], for each column the position of its parent among the internal nodes.
        group_size: [G], children of each internal node.
        path_columns: [L, D], the columns on the path to each leaf from the root down; the rest repeats column 0.
        path_groups: [L, D], the internal nodes on the path to each leaf; the rest repeats the root's 0.
        step_leaf, step_column, step_group: [S], one entry for each step of each leaf's path: the leaf, the column that
            the step goes to, the internal node that it leaves.
    """

    leaf_nodes: Tensor
    group: Tensor
    group_size: Tensor
    path_columns: Tensor
    path_groups: Tensor
    step_leaf: Tensor
    step_column: Tensor
    step_group: Tensor
    level_order: Tensor

    def __init__(self, tree: LabelTree) -> None:
        super().__init__()
        internal = {int(node): i for i, node in enumerate(tree.internal_nodes)}
        paths = [tree.path(int(node)) for node in tree.leaf_nodes]
        longest = max(map(len, paths)) - 1
        columns = np.zeros((len(paths), longest), np.int64)
        groups = np.zeros((len(paths), longest), np.int64)
        for leaf, path in enumerate(paths):
            columns[leaf, : len(path) - 1] = np.array(path[1:]) - 1
            groups[leaf, : len(path) - 1] = [internal[node] for node in path[:-1]]
        step_leaf, position = np.nonzero(np.arange(longest) < np.array([len(path) - 1 for path in paths])[:, None])
        self._add("leaf_nodes", tree.leaf_nodes)
        self._add("group", [internal[parent] for parent in tree.parents[1:].tolist()])
        self._add("group_size", [len(tree.children[node]) for node in tree.internal_nodes])
        self._add("path_columns", columns)
        self._add("path_groups", groups)
        self._add("step_leaf", step_leaf)
        self._add("step_column", columns[step_leaf, position])
        self._add("step_group", groups[step_leaf, position])
        self._add_levels(tree)

    def _add(self, name: str, values: object) -> None:
        self.register_buffer(name, torch.tensor(np.asarray(values, np.int64)), persistent=False)

    def _add_levels(self, tree: LabelTree) -> None:
        """Tables for `sum_down`: each level's columns, and where their parents stand in the level above."""
        order = [0]
        above = {0: 0}
        self.levels = int(tree.depth.max()) - 1
        for level in range(self.levels):
            nodes = np.flatnonzero(tree.depth == level + 2).tolist()
            self._add(f"level_columns_{level}", [node - 1 for node in nodes])
            self._add(f"level_parents_{level}", [above[int(tree.parents[node])] for node in nodes])
            above = {node: i for i, node in enumerate(nodes)}
            order += nodes
        self._add("level_order", np.argsort(order))

    def sibling_log_softmax(self, logits: Tensor) -> Tensor:
        """log p(v) = log P(v | parent(v)) of every node but the root, [B, N - 1]; 0 for an only child."""
        return logits - segment_logsumexp(logits, self.group, len(self.group_size)).index_select(1, self.group)

    def sum_down(self, log_p: Tensor) -> Tensor:
        """log z of all nodes [B, N]: the sums of `log_p` [B, N - 1] over the path from the root to each node."""
        levels = [log_p.new_zeros(len(log_p), 1)]
        for level in range(self.levels):
            columns, parents = self.get_buffer(f"level_columns_{level}"), self.get_buffer(f"level_parents_{level}")
            levels.append(levels[-1].index_select(1, parents) + log_p.index_select(1, columns))
        return torch.cat(levels, dim=1).index_select(1, self.level_order)
