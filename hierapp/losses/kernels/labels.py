"""The nodes that integer targets name: the leaves or, with coarse labels, all nodes of the tree."""

from __future__ import annotations

from functools import cached_property
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hierapp.losses.kernels.masking import finite
from hierapp.trees import LabelTree

Index = Literal["leaf", "node"]
Ints = NDArray[np.int64]


class Labels:
    """The labels of a tree, one for each integer that a target may be.

    An inner node as a label says that the true leaf is one of those below it.

    Args:
        tree: the label tree.
        index: "leaf", a target is a position in `tree.leaves`; "node", in `tree.nodes`.

    >>> tree = LabelTree.from_edges([("root", "animal"), ("animal", "cat"), ("animal", "dog"), ("root", "truck")])
    >>> Labels(tree, "node").paths.tolist()
    [[0, 0, 0], [0, 1, 1], [0, 1, 2], [0, 1, 3], [0, 4, 4]]
    """

    def __init__(self, tree: LabelTree, index: Index) -> None:
        self.tree, self.index = tree, index

    @property
    def nodes(self) -> Ints:
        """The node of each label, [E]."""
        return self.tree.leaf_nodes if self.index == "leaf" else np.arange(len(self.tree.nodes))

    @property
    def depth(self) -> Ints:
        """Depth of each label's node, [E]."""
        return self.tree.depth[self.nodes]

    @property
    def ranges(self) -> Ints:
        """The leaves below each label's node, [E, 2]: `tree.leaves[start:stop]`."""
        return self.tree.leaf_ranges[self.nodes]

    @cached_property
    def paths(self) -> Ints:
        """The nodes from the root to each label's node, [E, levels]; the last is repeated to fill the row."""
        if self.index == "leaf":
            return self.tree.leaf_paths
        steps = np.minimum(np.arange(self.levels), self.depth[:, None] - 1)
        return self.tree.leaf_paths[self.ranges[:, :1], steps]

    @property
    def levels(self) -> int:
        """Number of levels of the tree, the root's included."""
        return int(self.tree.leaf_paths.shape[1])

    @property
    def missing(self) -> NDArray[np.bool_]:
        """Whether each level is beyond the end of a label's path, [E, levels]."""
        return np.arange(self.levels) >= self.depth[:, None]

    @property
    def of_leaves(self) -> Ints:
        """The label of each leaf, [L]."""
        return np.arange(len(self.tree.leaves)) if self.index == "leaf" else self.tree.leaf_nodes


class LeavesBelow(nn.Module):
    """Which leaves are below the nodes of the labels.

    Args:
        labels: the labels.
    """

    ranges: Tensor

    def __init__(self, labels: Labels) -> None:
        super().__init__()
        self.size = len(labels.tree.leaves)
        self.register_buffer("ranges", torch.tensor(labels.ranges), persistent=False)

    def forward(self, target: Tensor) -> Tensor:
        """Return bool [B, L] for labels [B]."""
        start, stop = self.ranges.index_select(0, target).unsqueeze(1).unbind(2)
        leaves = torch.arange(self.size, device=target.device)
        return (leaves >= start) & (leaves < stop)

    def log_mass(self, log_p: Tensor, target: Tensor) -> Tensor:
        """Return log z of the nodes of labels [B], [B], from the log-probabilities of the leaves, [B, L]."""
        return finite(log_p).masked_fill(~self(target), -torch.inf).logsumexp(1)
