"""The paper's hierarchical losses, (2) and (4)."""

from __future__ import annotations

import warnings
from typing import Literal, Unpack

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hierapp.errors import ConfigError
from hierapp.losses import propriety, reference
from hierapp.losses.base import Shared
from hierapp.losses.conditional import PathLoss
from hierapp.losses.propriety import ImproperLossWarning
from hierapp.trees import LabelTree

SoftReduction = Literal["mean", "sum"]


class SoftPathLoss(PathLoss):
    """A path loss with soft labels off the path (the paper's section 5.4) and a term that no target changes.

    With `soft` > 0 each internal node i off the path adds soft * g(i) * KL(uniform || p_i), where p_i is the softmax
    over its children; `soft_reduction` joins them by their mean or their sum.

    Args:
        tree: the label tree.
        weights: [L, D], see `PathLoss`.
        node_weights: [G], g for each internal node in the order of `tree.internal_nodes`.
        soft: weight of the soft labels.
        soft_reduction: "mean" over the internal nodes off the path, or the paper's plain "sum".
        shared: see `TreeLoss`.
    """

    path_rows: Tensor
    node_weights: Tensor
    off_path: Tensor

    def __init__(
        self,
        tree: LabelTree,
        weights: NDArray[np.float64],
        node_weights: NDArray[np.float64],
        soft: float,
        soft_reduction: SoftReduction,
        **shared: Unpack[Shared],
    ) -> None:
        super().__init__(tree, weights, **shared)
        self.soft = soft
        others = len(tree.internal_nodes) - (tree.depth[tree.leaf_nodes] - 1)
        # What one node off the path of each leaf counts; a leaf whose path holds all internal nodes has none.
        share = 1.0 / np.maximum(others, 1) if soft_reduction == "mean" else np.ones(len(others))
        self.register_buffer("path_rows", self.nodes.preorder[self.path.step_columns + 1] - 1, persistent=False)
        self.register_buffer("node_weights", torch.tensor(node_weights), persistent=False)
        self.register_buffer("off_path", torch.tensor(share), persistent=False)

    def of_indices(self, logits: Tensor, target: Tensor) -> Tensor:
        if not self.reads_all_nodes:
            values = super().of_indices(logits, target)
            return values + self.constant if self.constant else values
        log_p = self.nodes.sibling_log_softmax(logits)
        along = log_p.t().gather(1, self.path_rows.index_select(0, target))
        weights = self.weights[:, : self.path.steps].index_select(0, target).to(along.dtype)
        values = -(weights * along).sum(1)
        if self.soft:
            divergence = self._uniform_divergence(log_p).t()
            # The root is on every path, so that the 0 of missing steps removes nothing more.
            off = divergence.scatter(1, self.path.step_groups.index_select(0, target), 0.0).sum(1)
            values = values + self.soft * self.off_path.index_select(0, target).to(off.dtype) * off
        return values + self.everywhere(log_p)

    def of_probabilities(self, logits: Tensor, target: Tensor) -> Tensor:
        log_p = self.nodes.sibling_log_softmax(logits)
        values = self.of_sibling_probabilities(log_p, target)
        if self.soft:
            share = (target * self.off_path.to(target.dtype)).t()
            off = share.sum(0) - self.nodes.sum_up(share).index_select(0, self.nodes.internal)
            values = values + self.soft * (off * self._uniform_divergence(log_p)).sum(0)
        return values + target.sum(1) * self.everywhere(log_p)

    @property
    def reads_all_nodes(self) -> bool:
        """Whether the value depends on logits off the true path."""
        return self.soft > 0

    @property
    def constant(self) -> float:
        """What the loss adds whatever logits and target."""
        return 0.0

    def everywhere(self, log_p: Tensor) -> Tensor | float:
        """What the loss adds whatever the target, [B] from log p [N - 1, B]."""
        return self.constant

    def _uniform_divergence(self, log_p: Tensor) -> Tensor:
        """g(i) * KL(uniform || p_i) for each internal node i, [G, B]."""
        size = self.nodes.group_size.to(log_p.dtype)[:, None]
        total = log_p.new_zeros(len(size), log_p.shape[1]).index_add(0, self.nodes.group, log_p)
        return self.node_weights.to(log_p.dtype)[:, None] * (-size.log() - total / size)


class Hierarchical(SoftPathLoss):
    """The paper's (2) and (3): sum over v on path(y), v != root, of s(v) * (-log p(v)), plus mass * sum of z(v) over
    the internal nodes v, the root included.

    On a tree of uniform depth each level holds probability 1, so that the second term is the number of internal
    levels, a constant without gradient, and is not computed. On ragged trees it matters: expected loss is least at the
    truth for targets="path" with mass = 1, and for targets="leaf" with mass = 0; any other pair is warned of.

    Args:
        tree: the label tree.
        targets: "path", s(v) = depth(y) - depth(v) + 1 (y = 1 on every node of the path); "leaf", s(v) = 1.
        mass: weight of the second term.
        soft: weight of uniform targets off the path (section 5.4).
        soft_reduction: "mean" over the internal nodes off the path, or the paper's plain "sum".
        matrix_form: compute (3) as printed, with the matrix J of paths: O(B * N ** 2), to teach and to check.
        shared: see `TreeLoss`.

    Raises:
        ConfigError: as `TreeLoss`; and if matrix_form is asked for with soft labels, which (3) has not.

    >>> import torch
    >>> tree = LabelTree.from_edges([("root", "animal"), ("animal", "cat"), ("animal", "dog"), ("root", "truck")])
    >>> loss = Hierarchical(tree)
    >>> round(loss(torch.zeros(1, 4), torch.tensor([0])).item(), 4)  # (2 + 1) log 2, and 1 + 1 / 2 for root and animal
    3.5794
    >>> loss.is_proper
    True
    """

    paths: Tensor | None

    def __init__(
        self,
        tree: LabelTree,
        targets: Literal["path", "leaf"] = "path",
        mass: float = 1.0,
        soft: float = 0.0,
        soft_reduction: SoftReduction = "mean",
        matrix_form: bool = False,
        **shared: Unpack[Shared],
    ) -> None:
        if matrix_form and soft:
            raise ConfigError("The matrix form (3) has no soft labels; leave soft at 0 or matrix_form out.")
        self.propriety = propriety.hierarchical(tree, targets, mass, soft)
        if not self.propriety.is_proper and not soft:
            warnings.warn(self.propriety.reason, ImproperLossWarning, stacklevel=2)
        steps = tree.depth[tree.leaf_nodes, None] - 1
        remaining = np.maximum(steps - np.arange(steps.max()), 0).astype(np.float64)
        weights = remaining if targets == "path" else np.ones_like(remaining)
        super().__init__(tree, weights, np.ones(len(tree.internal_nodes)), soft, soft_reduction, **shared)
        self.targets, self.mass = targets, mass
        paths = torch.tensor(tree.paths(), dtype=torch.float64) if matrix_form else None
        self.register_buffer("paths", paths, persistent=False)

    def of_indices(self, logits: Tensor, target: Tensor) -> Tensor:
        if self.paths is None:
            return super().of_indices(logits, target)
        leaves = torch.eye(self.num_leaves, dtype=logits.dtype, device=logits.device)
        return self.of_probabilities(logits, leaves.index_select(0, target))

    def of_probabilities(self, logits: Tensor, target: Tensor) -> Tensor:
        if self.paths is None:
            return super().of_probabilities(logits, target)
        return reference.matrix_form(self.nodes, self.paths.to(logits.dtype), logits, target, self.targets, self.mass)

    @property
    def reads_all_nodes(self) -> bool:
        return super().reads_all_nodes or (self.mass > 0 and not self.tree.is_uniform_depth)

    @property
    def constant(self) -> float:
        return self.mass * self.path.steps if self.tree.is_uniform_depth else 0.0

    def everywhere(self, log_p: Tensor) -> Tensor | float:
        if self.mass == 0 or self.tree.is_uniform_depth:
            return self.constant
        return self.mass * self.nodes.sum_down(log_p).index_select(0, self.nodes.internal).exp().sum(0)


class HierarchicalConvex(SoftPathLoss):
    """The paper's (4): sum over the internal nodes i on path(y) of -log p(child of i on the path) / depth(i).

    As printed (4) has the opposite sign, which is negative and unbounded below; the plus sign is meant. Convex in the
    logits.

    Args:
        tree: the label tree.
        soft: weight of uniform targets off the path (section 5.4), divided by depth(i) as well.
        soft_reduction: "mean" over the internal nodes off the path, or the paper's plain "sum".
        shared: see `TreeLoss`.

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
        **shared: Unpack[Shared],
    ) -> None:
        weights = np.tile(1.0 / np.arange(1, tree.leaf_paths.shape[1]), (len(tree.leaves), 1))
        super().__init__(tree, weights, 1.0 / tree.depth[tree.internal_nodes], soft, soft_reduction, **shared)
        self.propriety = propriety.convex(tree, soft)
