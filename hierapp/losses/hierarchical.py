"""The report's hierarchical losses (2) and (4): weighted cross-entropies of the decisions along the true path."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hierapp.losses.base import ConditionalLoss, Reduction
from hierapp.tree import LabelTree

SoftReduction = Literal["mean", "sum"]


class PathLoss(ConditionalLoss):
    """sum over v on path(y), v != root, of w(y, v) * (-log p(v)), plus soft labels off the path (section 5.4).

    With `soft` > 0 each internal node i off the path adds soft * g(i) * KL(uniform || p_i), where p_i is the softmax
    over its children; `soft_reduction` joins them by their mean or their sum.

    Args:
        weights: [L, D], w for each step of each leaf's path from the root down, 0 past its end.
        node_weights: [G], g for each internal node in the order of `tree.internal_nodes`.
    """

    weights: Tensor
    step_weight: Tensor
    node_weights: Tensor
    off_path: Tensor

    def __init__(
        self,
        tree: LabelTree,
        weights: NDArray[np.float64],
        node_weights: NDArray[np.float64],
        soft: float,
        soft_reduction: SoftReduction,
        reduction: Reduction,
    ) -> None:
        super().__init__(tree, reduction)
        self.soft = soft
        steps = np.array([len(tree.path(int(node))) - 1 for node in tree.leaf_nodes])
        others = len(tree.internal_nodes) - steps
        # What one node off the path of each leaf counts; a leaf whose path holds all internal nodes has none.
        share = 1.0 / np.maximum(others, 1) if soft_reduction == "mean" else np.ones(len(steps))
        within = np.arange(weights.shape[1]) < steps[:, None]
        for name, table in (
            ("weights", weights),
            ("step_weight", weights[within]),
            ("node_weights", node_weights),
            ("off_path", share),
        ):
            self.register_buffer(name, torch.tensor(table), persistent=False)

    def of_indices(self, logits: Tensor, target: Tensor) -> Tensor:
        log_p = self.tables.sibling_log_softmax(logits)
        along = log_p.gather(1, self.tables.path_columns[target])
        values = -(self.weights[target].to(logits.dtype) * along).sum(1)
        if self.soft:
            # The root is on every path, so that the padding of path_groups removes nothing more.
            off = self._uniform_divergence(log_p).scatter(1, self.tables.path_groups[target], 0.0)
            values = values + self.soft * self.off_path[target].to(logits.dtype) * off.sum(1)
        return values + self.everywhere(log_p)

    def of_probabilities(self, logits: Tensor, target: Tensor) -> Tensor:
        log_p = self.tables.sibling_log_softmax(logits)
        each = target[:, self.tables.step_leaf] * self.step_weight.to(logits.dtype)
        wanted = torch.zeros_like(log_p).index_add(1, self.tables.step_column, each)
        values = -(wanted * log_p).sum(1)
        if self.soft:
            share = target * self.off_path.to(logits.dtype)
            divergence = self._uniform_divergence(log_p)
            below = torch.zeros_like(divergence).index_add(1, self.tables.step_group, share[:, self.tables.step_leaf])
            values = values + self.soft * ((share.sum(1, keepdim=True) - below) * divergence).sum(1)
        return values + target.sum(1) * self.everywhere(log_p)

    def everywhere(self, log_p: Tensor) -> Tensor:
        """What the loss adds whatever the target, [B]."""
        return log_p.new_zeros(len(log_p))

    def _uniform_divergence(self, log_p: Tensor) -> Tensor:
        """g(i) * KL(uniform || p_i) for each internal node i, [B, G]."""
        size = self.tables.group_size.to(log_p.dtype)
        total = log_p.new_zeros(len(log_p), len(size)).index_add(1, self.tables.group, log_p)
        return self.node_weights.to(log_p.dtype) * (-size.log() - total / size)


class Hierarchical(PathLoss):
    """The report's (2) and (3): sum over v on path(y), v != root, of s(v) * (-log p(v)), plus mass * sum of z(v) over
    the internal nodes v, the root included.

    On a tree of uniform depth each level holds probability 1, so that the second term is the number of internal
    levels, a constant without gradient. On ragged trees it matters: expected loss is least at the truth for
    targets="path" with mass = 1, and for targets="leaf" with mass = 0.

    Args:
        targets: "path", s(v) = depth(y) - depth(v) + 1 (y = 1 on every node of the path); "leaf", s(v) = 1.
        mass: weight of the second term.
        soft: weight of uniform targets off the path (section 5.4).
        soft_reduction: "mean" over the internal nodes off the path, or the report's plain "sum".

    >>> import torch
    >>> tree = LabelTree.from_edges([("root", "animal"), ("animal", "cat"), ("animal", "dog"), ("root", "truck")])
    >>> round(Hierarchical(tree, mass=0.0)(torch.zeros(1, 4), torch.tensor([0])).item() / 0.693147, 3)  # 2 + 1 steps
    3.0
    """

    def __init__(
        self,
        tree: LabelTree,
        targets: Literal["path", "leaf"] = "path",
        mass: float = 1.0,
        soft: float = 0.0,
        soft_reduction: SoftReduction = "mean",
        reduction: Reduction = "mean",
    ) -> None:
        steps = tree.depth[tree.leaf_nodes, None] - 1
        position = np.arange(steps.max())
        remaining = np.maximum(steps - position, 0).astype(np.float64)
        weights = remaining if targets == "path" else (remaining > 0).astype(np.float64)
        super().__init__(tree, weights, np.ones(len(tree.internal_nodes)), soft, soft_reduction, reduction)
        self.mass = mass
        self.register_buffer("internal_nodes", torch.tensor(tree.internal_nodes), persistent=False)

    def everywhere(self, log_p: Tensor) -> Tensor:
        if self.mass == 0:
            return super().everywhere(log_p)
        if self.tree.is_uniform_depth:
            return log_p.new_full((len(log_p),), self.mass * self.tables.levels)
        return self.mass * self.tables.sum_down(log_p)[:, self.get_buffer("internal_nodes")].exp().sum(1)


class HierarchicalConvex(PathLoss):
    """The report's (4): sum over the internal nodes i on path(y) of -log p(child of i on the path) / depth(i).

    As printed (4) has the opposite sign, which is negative and unbounded below; the plus sign is meant. Convex in the
    logits.

    Args:
        soft: weight of uniform targets off the path (section 5.4), divided by depth(i) as well.
        soft_reduction: "mean" over the internal nodes off the path, or the report's plain "sum".

    >>> import torch
    >>> tree = LabelTree.from_edges([("root", "animal"), ("animal", "cat"), ("animal", "dog"), ("root", "truck")])
    >>> round(HierarchicalConvex(tree)(torch.zeros(1, 4), torch.tensor([0])).item() / 0.693147, 3)  # 1 + 1 / 2
    1.5
    """

    def __init__(
        self,
        tree: LabelTree,
        soft: float = 0.0,
        soft_reduction: SoftReduction = "mean",
        reduction: Reduction = "mean",
    ) -> None:
        steps = tree.depth[tree.leaf_nodes, None] - 1
        position = np.arange(steps.max())
        weights = (position < steps) / (position + 1.0)
        super().__init__(tree, weights, 1.0 / tree.depth[tree.internal_nodes], soft, soft_reduction, reduction)
