"""The arrays of a tree that decoders read, as tensors on a device or as numpy arrays, and node probabilities."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from hierapp.decoding import arrays
from hierapp.trees import LabelTree


class Tables:
    """Arrays of a tree; each is made when it is first read.

    Args:
        tree: the label tree.
        made: converts a numpy array.
    """

    def __init__(self, tree: LabelTree, made: Callable[[Any], Any]) -> None:
        self.tree, self._made = tree, made

    @cached_property
    def leaf_nodes(self) -> Any:
        """Positions of the leaves in `tree.nodes`, [L]."""
        return self._made(self.tree.leaf_nodes)

    @cached_property
    def start(self) -> Any:
        """First leaf below each node, [N]."""
        return self._made(self.tree.leaf_ranges[:, 0])

    @cached_property
    def stop(self) -> Any:
        """The leaf after the last one below each node, [N]."""
        return self._made(self.tree.leaf_ranges[:, 1])

    @cached_property
    def paths(self) -> Any:
        """Path of each leaf from the root, the leaf repeated at the end, [L, D]."""
        return self._made(self.tree.leaf_paths)

    @cached_property
    def depth(self) -> Any:
        """Depth of each node, [N]."""
        return self._made(self.tree.depth)

    @cached_property
    def height(self) -> Any:
        """Height of each node, [N]."""
        return self._made(self.tree.height)

    @cached_property
    def parents(self) -> Any:
        """Parent of each node, the root's own for the root, [N]."""
        return self._made(np.maximum(self.tree.parents, 0))

    @cached_property
    def levels(self) -> list[tuple[Any, Any]]:
        """For each depth from 2 on, its nodes and their parents."""
        nodes = [np.flatnonzero(self.tree.depth == depth) for depth in range(2, int(self.tree.depth.max()) + 1)]
        return [(self._made(each), self._made(self.tree.parents[each])) for each in nodes]

    @cached_property
    def place(self) -> Any:
        """Position of each node among the internal nodes, -1 for leaves, [N]."""
        return self._made(self._place)

    @cached_property
    def group(self) -> Any:
        """Position of each node's parent among the internal nodes, for all nodes but the root, [N - 1]."""
        return self._made(self._place[self.tree.parents[1:]])

    @cached_property
    def columns(self) -> Any:
        """0, 1, ..., N - 1."""
        return self._made(np.arange(len(self.tree.nodes)))

    @cached_property
    def _place(self) -> Any:
        place = np.full(len(self.tree.nodes), -1)
        place[self.tree.internal_nodes] = np.arange(len(self.tree.internal_nodes))
        return place


def tables_of(tree: LabelTree, like: Any) -> Tables:
    """Return the tables of a tree for tensors on the device of `like`, or for numpy arrays."""
    return _tables(tree, like.device if arrays.is_tensor(like) else None)


@lru_cache(maxsize=16)
def _tables(tree: LabelTree, device: Any) -> Tables:
    if device is None:
        return Tables(tree, np.asarray)
    import torch

    # A copy, because arrays of a tree are read-only.
    return Tables(tree, lambda array: torch.tensor(array, device=device))


class Rows:
    """Rows of leaf probabilities that a decoder reads.

    Attributes:
        p: [n, L] probabilities in double precision, an array or a tensor.
        tree: the label tree.
        tables: the tree's arrays, of the kind of `p`.
        xp: torch or numpy.
    """

    def __init__(self, p: Any, tree: LabelTree) -> None:
        self.p, self.tree = p, tree
        self.tables, self.xp = tables_of(tree, p), arrays.namespace(p)

    @cached_property
    def z(self) -> Any:
        """Probabilities of all nodes, [n, N]."""
        return self.sums_below(self.p)

    def sums_below(self, values: Any) -> Any:
        """Return for each node the sum of the values [n, L] of the leaves below it, [n, N]."""
        sums = arrays.cumulative(values)
        return arrays.columns(sums, self.tables.stop) - arrays.columns(sums, self.tables.start)

    def leaves_at(self, leaves: Any) -> Any:
        """Return the node indices of leaf indices [n]."""
        return self.tables.leaf_nodes[leaves]

    def first_largest(self, values: Any, tolerance: float = 1e-9) -> Any:
        """Return the column of the largest value in each row, the first of those equal up to rounding, [n]."""
        top = self.xp.amax(values, 1)[:, None]
        return arrays.first(values >= top - tolerance * (1 + abs(top)))
