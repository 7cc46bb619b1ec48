"""Losses over the marginals of inner nodes under one softmax of all leaves: z of a node is the sum over its leaves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from hierapp.losses import propriety
from hierapp.losses.base import FlatLoss, Shared
from hierapp.losses.kernels.ancestors import SharedSteps
from hierapp.losses.kernels.path import MOST_MASKED
from hierapp.trees import LabelTree


def path_log_masses(log_p: Tensor, shared: Tensor, missing: Tensor) -> Tensor:
    """Log-probabilities of the nodes on each true path, from those of the leaves; exact in log space, O(B * L).

    The leaves are split by how many steps they share with the true leaf; each part is summed once, relative to its
    greatest member, and the node after r steps has the parts r, r + 1, ...

    Args:
        log_p: [B, L].
        shared: [B, L], how many steps each leaf shares with the true one, 0 .. D.
        missing: bool [B, D + 1], the numbers of steps that the true path has not.

    Returns:
        [B, D + 1]; 0 where missing.
    """
    fixed = log_p.detach()
    top = fixed.new_full(missing.shape, -torch.inf).scatter_reduce(1, shared, fixed, "amax")
    # One more part is 1 and stands for the path's missing nodes alone: log 1 = 0.
    parts = F.pad(torch.zeros_like(top), (0, 1), value=1.0)
    parts = parts.scatter_add(1, shared, (log_p - top.gather(1, shared)).exp())
    above = torch.ones(missing.shape[1], missing.shape[1], dtype=torch.bool, device=log_p.device).tril(-1)
    within = top[:, None, :].masked_fill(above, -torch.inf)
    most = within.amax(2).masked_fill(missing, 0.0)
    share = torch.cat([(within - most[:, :, None]).exp(), missing[:, :, None].to(log_p.dtype)], dim=2)
    # Each sum is at least 1: the part with the greatest member has it.
    return (share * parts[:, None, :]).sum(2).log() + most


class MarginalLoss(FlatLoss):
    """sum over v on path(y), v != root, of c(v) * (-log z(v)), with z from one softmax over all leaves.

    Args:
        tree: the label tree.
        coefficients: [N], c in the order of `tree.nodes`; the root's is not read, for its log z is 0.
        shared: see `TreeLoss`.
    """

    coefficients: Tensor
    step_coefficients: Tensor
    masks: Tensor | None

    def __init__(self, tree: LabelTree, coefficients: NDArray[np.float64], **shared: Unpack[Shared]) -> None:
        super().__init__(tree, **shared)
        self.shared_steps = SharedSteps(tree)
        steps = np.where(self.shared_steps.missing.cpu().numpy(), 0.0, -coefficients[tree.leaf_paths])
        steps[:, 0] = 0.0
        rows = torch.tensor(coefficients)[self.nodes.preorder.argsort()]
        self.register_buffer("coefficients", rows, persistent=False)
        self.register_buffer("step_coefficients", torch.tensor(steps), persistent=False)
        small = steps.shape[1] * len(tree.leaves) <= MOST_MASKED
        self.register_buffer("masks", self._masks() if small else None, persistent=False)

    def of_indices(self, logits: Tensor, target: Tensor) -> Tensor:
        """Values [B] for logits [B, C] and true leaves [B]."""
        log_p = F.log_softmax(logits, dim=1)
        if self.masks is not None:
            log_z = torch.logsumexp(log_p[:, None, :] + self.masks.index_select(0, target).to(log_p.dtype), dim=2)
        else:
            missing = self.shared_steps.missing.index_select(0, target)
            log_z = path_log_masses(log_p, self.shared_steps(target), missing)
        return (self.step_coefficients.index_select(0, target).to(logits.dtype) * log_z).sum(1)

    def _masks(self) -> Tensor:
        """[L, D + 1, L]: 0 at the leaves below the node after so many steps, at all where it is missing; else -inf."""
        leaves = torch.arange(self.num_leaves)
        below = self.shared_steps(leaves)[:, None, :] >= torch.arange(self.shared_steps.steps + 1)[:, None]
        return torch.zeros(below.shape, dtype=torch.float64).masked_fill(
            ~(below | self.shared_steps.missing[..., None]), -torch.inf
        )

    def of_probabilities(self, logits: Tensor, target: Tensor) -> Tensor:
        """Values [B] for logits [B, C] and weights [B, L] of the leaves, which need not sum to one."""
        log_z = self.nodes.log_sum_up(F.log_softmax(logits, dim=1).t())
        wanted = self.nodes.sum_up(target.t()) * self.coefficients.to(logits.dtype)[:, None]
        return -(wanted[1:] * log_z[1:]).sum(0)


class FlatHXE(MarginalLoss):
    """Hierarchical cross-entropy with conditionals from one softmax over all leaves, as published; see `hxe`.

    As p(v) = z(v) / z(parent of v), the sum of w(v) * (-log p(v)) is that of (w(v) - w(v')) * (-log z(v)) with v' next
    on the path: equal weights leave only the leaf's term, cross-entropy.
    """

    def __init__(self, tree: LabelTree, weights: NDArray[np.float64], **shared: Unpack[Shared]) -> None:
        of_node = np.concatenate([[0.0], weights])[tree.depth - 1]
        of_next = np.concatenate([weights, [0.0]])[tree.depth - 1]
        of_next[tree.leaf_nodes] = 0.0
        super().__init__(tree, of_node - of_next, **shared)
        self.propriety = propriety.siblings_alike()


class LevelWise(MarginalLoss):
    """sum over the levels below the root of weight * cross-entropy of the level's marginals: the multi-level baseline.

    A leaf that ends above a level stands for itself there.

    Args:
        tree: the label tree.
        weights: one weight for each level from the root's children down, at least one above 0; all 1 by default.
        shared: see `TreeLoss`.

    Raises:
        ConfigError: as `TreeLoss`; and if there is not one weight a level, finite and not negative.

    >>> tree = LabelTree.from_edges([("root", "animal"), ("animal", "cat"), ("animal", "dog"), ("root", "truck")])
    >>> round(LevelWise(tree)(torch.zeros(1, 3), torch.tensor([0])).exp().item(), 3)  # 3 / 2 and 3 / 1
    4.5
    """

    def __init__(self, tree: LabelTree, weights: Sequence[float] | None = None, **shared: Unpack[Shared]) -> None:
        chosen = propriety.checked_levels(tree, weights)
        of_level = np.array([0.0, *chosen])
        coefficients = of_level[tree.depth - 1]
        # A leaf's own level and all levels below it.
        coefficients[tree.leaf_nodes] = of_level[::-1].cumsum()[::-1][tree.depth[tree.leaf_nodes] - 1]
        super().__init__(tree, coefficients, **shared)
        self.propriety = propriety.level_wise(tree, chosen)
