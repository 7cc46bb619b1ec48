"""Operations on all nodes of the tree: softmaxes over siblings, sums down the paths, sums up the subtrees.

Nodes are rows here, [N, B], so that complete rows of a batch are gathered and added at once. All operations are
O(B * N) over segments of siblings, without an [N, N] matrix and without padding to the widest node. "Column" means a
logit of a conditional loss: column j belongs to node j + 1; the root has none.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from hierapp.trees import LabelTree

Join = Callable[[Tensor, Tensor, int], Tensor]


def segment_logsumexp(rows: Tensor, segments: Tensor, count: int) -> Tensor:
    """Return the log of the sum of exp(rows) over the rows of each segment.

    Args:
        rows: [K, B], finite.
        segments: [K] int64 in 0 .. count - 1; every segment has at least one row.
        count: the number of segments.

    Returns:
        The logarithms, [count, B].

    >>> segment_logsumexp(torch.zeros(3, 1), torch.tensor([0, 1, 1]), 2).exp().T.tolist()
    [[1.0, 2.0]]
    """
    fixed = rows.detach()
    top = fixed.new_full((count, fixed.shape[1]), -torch.inf)
    top = top.scatter_reduce(0, segments[:, None].expand_as(fixed), fixed, "amax")
    shifted = (rows - top.index_select(0, segments)).exp()
    return torch.zeros_like(top).index_add(0, segments, shifted).log() + top


class SiblingSoftmax(nn.Module):
    """log p(v) = log P(v | parent(v)) of the children of some internal nodes.

    Siblings are adjacent, the smallest groups first. All groups of one size are a single softmax, which needs neither
    padding nor scattered sums. A tree of N nodes has at most sqrt(2 N) sizes, usually about ten.

    Args:
        tree: the label tree.
        parents: some of `tree.internal_nodes`.

    Attributes:
        parents: the same nodes in the order of their groups.
        nodes: [R], the node of each row.
        shapes: number of groups and group size of each softmax.
    """

    columns: Tensor

    def __init__(self, tree: LabelTree, parents: NDArray[np.int64]) -> None:
        super().__init__()
        size = np.array([len(tree.children[node]) for node in parents], np.int64)
        self.parents = np.asarray(parents)[np.argsort(size, kind="stable")]
        self.nodes = np.array([child for node in self.parents for child in tree.children[node]], np.int64)
        sizes, counts = np.unique(size, return_counts=True)
        self.shapes: list[tuple[int, int]] = list(zip(counts.tolist(), sizes.tolist(), strict=True))
        self.register_buffer("columns", torch.tensor(self.nodes - 1), persistent=False)

    def forward(self, logits: Tensor) -> Tensor:
        """Return rows [R, B] from logits [B, N - 1]; 0 for an only child, whatever its logit."""
        pieces = self.groups(logits.t().index_select(0, self.columns))
        return torch.cat([F.log_softmax(each, dim=1).flatten(0, 1) for each in pieces])

    def groups(self, rows: Tensor) -> list[Tensor]:
        """Return views [groups, size, B] of rows [R, B], one for each size."""
        pieces = torch.split(rows, [count * size for count, size in self.shapes])
        return [each.view(*shape, rows.shape[1]) for each, shape in zip(pieces, self.shapes, strict=True)]


class Descent(nn.Module):
    """Sums from the root down, over a set of nodes that contains every node's parent. Rows are in level order.

    Attributes:
        order: the nodes in level order: the root, its children, their children, ...
        sizes: number of nodes of each level.
    """

    def __init__(self, tree: LabelTree, nodes: NDArray[np.int64]) -> None:
        super().__init__()
        depth = tree.depth[nodes]
        levels = [np.asarray(nodes)[depth == level] for level in range(1, int(depth.max()) + 1)]
        self.order: NDArray[np.int64] = np.concatenate(levels)
        self.sizes = [len(level) for level in levels]
        # For each level, the position of each node's parent in the level above.
        for number, level in enumerate(levels[1:], start=1):
            above = np.searchsorted(levels[number - 1], tree.parents[level])
            self.register_buffer(f"parents_{number}", torch.tensor(above), persistent=False)

    def parents(self, level: int) -> Tensor:
        """Return the positions of the parents of a level's nodes in the level above."""
        return self.get_buffer(f"parents_{level}")

    def forward(self, log_p: Tensor) -> Tensor:
        """Return the sums over the path to each node, [K, B], from the rows [K - 1, B] of all nodes except the root."""
        return self.down(F.pad(log_p, (0, 0, 1, 0)), torch.add)

    def down(self, rows: Tensor, join: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        """Return for each node the rows [K, B] of its path joined from the root down, [K, B]."""
        first, *others = torch.split(rows, self.sizes)
        levels = [first]
        for level, own in enumerate(others, start=1):
            levels.append(join(levels[-1].index_select(0, self.parents(level)), own))
        return torch.cat(levels)


class LargestBelow(nn.Module):
    """The largest entry over each node and its descendants.

    On each level the nodes with the same number of children are one maximum, because scattered maxima are slow.

    Args:
        tree: the label tree.
        descent: the order of the rows, over all nodes.
    """

    def __init__(self, tree: LabelTree, descent: Descent) -> None:
        super().__init__()
        row = np.argsort(descent.order)
        width = np.array([len(below) for below in tree.children])
        starts = np.cumsum([0, *descent.sizes])
        self.sizes = descent.sizes
        # For each level, how many nodes have how many children.
        self.groups: list[list[tuple[int, int]]] = []
        for level in range(len(descent.sizes) - 1):
            nodes = descent.order[starts[level] : starts[level + 1]]
            nodes = nodes[np.argsort(width[nodes], kind="stable")]
            children = np.array([child for node in nodes for child in tree.children[node]], np.int64)
            widths, counts = np.unique(width[nodes], return_counts=True)
            self.groups.append(list(zip(counts.tolist(), widths.tolist(), strict=True)))
            self._add(f"nodes_{level}", row[nodes] - starts[level])
            self._add(f"places_{level}", np.argsort(row[nodes]))
            self._add(f"children_{level}", row[children] - starts[level + 1])

    def _add(self, name: str, values: NDArray[np.int64]) -> None:
        self.register_buffer(name, torch.tensor(values), persistent=False)

    def forward(self, rows: Tensor) -> Tensor:
        """Return [N, B] from rows [N, B] in level order."""
        *others, last = torch.split(rows, self.sizes)
        levels = [last]
        for level in range(len(others) - 1, -1, -1):
            groups = [(count, width) for count, width in self.groups[level] if width]
            children = levels[-1].index_select(0, self.get_buffer(f"children_{level}"))
            pieces = torch.split(children, [count * width for count, width in groups])
            sizes = zip(pieces, groups, strict=True)
            below = torch.cat([piece.view(*size, rows.shape[1]).max(1).values for piece, size in sizes])
            own = others[level].index_select(0, self.get_buffer(f"nodes_{level}"))
            leaves = len(own) - len(below)  # they come first and have only themselves
            most = torch.cat([own[:leaves], torch.maximum(own[leaves:], below)])
            levels.append(most.index_select(0, self.get_buffer(f"places_{level}")))
        return torch.cat(levels[::-1])


class NodeTables(nn.Module):
    """Index tables of the tree for sums over all nodes, as non-persistent buffers.

    Rows of nodes are in level order: the root, its children, their children, ... Siblings are adjacent.

    Attributes:
        preorder: [N], the row of each node of `tree.nodes`.
        leaves: [L], the row of each leaf.
        siblings: the softmaxes over the children of all internal nodes, with a different order of rows.
        sibling_rows: [N - 1], the row in `siblings` of each node except the root.
    """

    preorder: Tensor
    level_nodes: Tensor
    leaves: Tensor
    sibling_rows: Tensor
    sibling_levels: Tensor
    ordered_leaves: Tensor

    def __init__(self, tree: LabelTree) -> None:
        super().__init__()
        self.descent = Descent(tree, np.arange(len(tree.nodes)))
        self.siblings = SiblingSoftmax(tree, tree.internal_nodes)
        order = self.descent.order
        row = np.argsort(order)
        is_leaf = np.isin(order, tree.leaf_nodes)
        sibling_rows = np.argsort(self.siblings.nodes)
        self._add("preorder", row)
        self._add("level_nodes", order)
        self._add("leaves", row[tree.leaf_nodes])
        self._add("sibling_rows", sibling_rows)
        self._add("sibling_levels", sibling_rows[order[1:] - 1])
        self._add("ordered_leaves", tree.leaf_ranges[order[is_leaf], 0])
        # For each level, the positions of its leaves.
        levels = np.split(is_leaf, np.cumsum(self.descent.sizes)[:-1])
        self.leaf_counts = [int(level.sum()) for level in levels]
        for number, level in enumerate(levels):
            self._add(f"ends_{number}", np.flatnonzero(level))

    def _add(self, name: str, values: object) -> None:
        self.register_buffer(name, torch.tensor(np.asarray(values, np.int64)), persistent=False)

    def log_z(self, logits: Tensor) -> Tensor:
        """Return log z of all nodes, rows [N, B], by softmaxes over siblings from logits [B, N - 1]."""
        log_z: Tensor = self.descent(self.siblings(logits).index_select(0, self.sibling_levels))
        return log_z

    def in_levels(self, columns: Tensor) -> Tensor:
        """Return rows [N, B] in level order from columns [B, N] in the order of `tree.nodes`."""
        return columns.t().index_select(0, self.level_nodes)

    def sum_up(self, leaf_rows: Tensor) -> Tensor:
        """Return for every node the sum of `leaf_rows` [L, B] over the leaves below it, rows [N, B]."""
        return self._up(leaf_rows, lambda rows, to, n: rows.new_zeros(n, rows.shape[1]).index_add(0, to, rows))

    def log_sum_up(self, leaf_rows: Tensor) -> Tensor:
        """Return for every node the log of the sum of exp(`leaf_rows`) over the leaves below it, rows [N, B]."""
        return self._up(leaf_rows, segment_logsumexp)

    def _up(self, leaf_rows: Tensor, join: Join) -> Tensor:
        parts = torch.split(leaf_rows.index_select(0, self.ordered_leaves), self.leaf_counts)
        levels = [parts[-1]]
        sizes = self.descent.sizes
        for level in range(len(sizes) - 2, -1, -1):
            to = torch.cat([self.get_buffer(f"ends_{level}"), self.descent.parents(level + 1)])
            levels.append(join(torch.cat([parts[level], levels[-1]]), to, sizes[level]))
        return torch.cat(levels[::-1])
