"""How far each node is from the answers that a label allows, one row [N] per sample, in O(B * N)."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from hierapp.losses.kernels.labels import Labels

Margin = Literal["incorrect", "depth"]


class NodeRanges(nn.Module):
    """Which nodes are in the subtree of each label's node; a subtree is a range of `tree.nodes`.

    Args:
        labels: the labels.

    Attributes:
        stops: [E], the end of each range, which starts at the label's node.
    """

    starts: Tensor
    stops: Tensor
    nodes: Tensor

    def __init__(self, labels: Labels) -> None:
        super().__init__()
        tree = labels.tree
        self.register_buffer("starts", torch.tensor(labels.nodes), persistent=False)
        # The last node of a subtree is a leaf.
        self.register_buffer("stops", torch.tensor(tree.leaf_nodes[labels.ranges[:, 1] - 1] + 1), persistent=False)
        self.register_buffer("nodes", torch.arange(len(tree.nodes)), persistent=False)

    def forward(self, target: Tensor, nodes: Tensor | None = None) -> Tensor:
        """Return bool [B, N] for labels [B], for `nodes` [N] or by default all in order."""
        start, stop = (each.index_select(0, target)[:, None] for each in (self.starts, self.stops))
        nodes = self.nodes if nodes is None else nodes
        return (nodes >= start) & (nodes < stop)


class Margins(nn.Module):
    """The margin m(y, v) of each node v for a label y.

    It is 0 in the subtree of y. For "incorrect" it is 1 at the nodes that are neither in the subtree nor above it; for
    "depth" it is the number of edges between v and y.

    Args:
        labels: the labels.
        kind: "incorrect" or "depth".

    >>> from hierapp import LabelTree
    >>> tree = LabelTree.from_edges([("root", "animal"), ("animal", "cat"), ("animal", "dog"), ("root", "truck")])
    >>> margins = Margins(Labels(tree, "leaf"), "depth")
    >>> margins(torch.tensor([0]), torch.float32).tolist()
    [[2.0, 1.0, 0.0, 2.0, 3.0]]
    """

    paths: Tensor
    depth: Tensor
    label_depth: Tensor
    steps: Tensor
    ends: Tensor

    def __init__(self, labels: Labels, kind: Margin) -> None:
        super().__init__()
        self.kind = kind
        tree, paths = labels.tree, labels.paths
        self.subtrees = NodeRanges(labels)
        stops = tree.leaf_nodes[tree.leaf_ranges[:, 1] - 1] + 1
        tables = {
            "paths": paths,
            "depth": tree.depth,
            "label_depth": labels.depth,
            "steps": np.where(labels.missing, 0, 1),
            "ends": stops[paths],
        }
        for name, values in tables.items():
            self.register_buffer(name, torch.tensor(values), persistent=False)

    def forward(self, target: Tensor, dtype: torch.dtype) -> Tensor:
        """Return [B, N] for labels [B]."""
        inside: Tensor = self.subtrees(target)
        paths = self.paths.index_select(0, target)
        if self.kind == "incorrect":
            return (~inside).to(dtype).scatter(1, paths, 0.0)
        # The depth of the lowest common ancestor: each node of the path adds 1 to the nodes of its subtree.
        steps = self.steps.index_select(0, target).to(dtype)
        changes = steps.new_zeros(len(target), len(self.depth) + 1)
        changes = changes.scatter_add(1, paths, steps).scatter_add(1, self.ends.index_select(0, target), -steps)
        common = changes.cumsum(1)[:, :-1]
        own = self.label_depth.index_select(0, target)[:, None].to(dtype)
        return (own + self.depth - 2 * common).masked_fill(inside, 0.0)
