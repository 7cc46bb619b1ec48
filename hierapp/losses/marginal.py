"""Losses on the marginals z of internal nodes, with one softmax over all leaves; z(v) sums the leaves below v."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from hierapp.losses import level_weights, propriety
from hierapp.losses.arguments import Shared
from hierapp.losses.base import FlatLoss
from hierapp.losses.kernels.ancestors import SharedSteps
from hierapp.losses.kernels.labels import Labels
from hierapp.losses.kernels.masking import finite
from hierapp.losses.kernels.path import Choices
from hierapp.losses.spec import LossSpec
from hierapp.trees import LabelTree
from hierapp.utils.options import Option

# The leaf sets of a true path are gathered if together they have at most this many times the leaves of the tree.
MOST_GATHERED = 2
# If together they have no more leaves than this, the set of all leaves is gathered with them.
SMALL = 128


def path_log_masses(log_p: Tensor, shared: Tensor, missing: Tensor) -> Tensor:
    """Compute the log-probabilities of the nodes on each true path from those of the leaves, in O(B * L).

    The computation is exact in log space. The leaves are split by the number of steps they share with the true leaf;
    each part is summed once, relative to its maximum, and the node after r steps is the sum of the parts r, r + 1, ...

    Args:
        log_p: [B, L].
        shared: [B, L], the number of steps each leaf shares with the true one, 0 .. D.
        missing: bool [B, D + 1], the numbers of steps beyond the end of the true path.

    Returns:
        [B, D + 1]; 0 where missing.
    """
    fixed = log_p.detach()
    top = fixed.new_full(missing.shape, -torch.inf).scatter_reduce(1, shared, fixed, "amax")
    # An extra part of value 1 is used only for missing nodes of the path: log 1 = 0.
    parts = F.pad(torch.zeros_like(top), (0, 1), value=1.0)
    parts = parts.scatter_add(1, shared, (log_p - top.gather(1, shared)).exp())
    above = torch.ones(missing.shape[1], missing.shape[1], dtype=torch.bool, device=log_p.device).tril(-1)
    within = top[:, None, :].masked_fill(above, -torch.inf)
    most = within.amax(2).masked_fill(missing, 0.0)
    share = torch.cat([(within - most[:, :, None]).exp(), missing[:, :, None].to(log_p.dtype)], dim=2)
    # Each sum is at least 1, because it contains the part with the maximum.
    return (share * parts[:, None, :]).sum(2).log() + most


class MarginalLoss(FlatLoss):
    """sum over v on path(y), v != root, of c(v) * (-log z(v)), with z from one softmax over all leaves.

    With C(v) the cross-entropy of y among only the leaves below v, -log z(v) = C(root) - C(v). Where these sets of
    leaves are small compared to all leaves, the path kernel computes C(v), and only C(root) costs O(L). The rounding
    error of the value is that of C(root); that of the gradients is that of softmaxes. For a coarse label any leaf below
    it may be y; the likeliest rounds least.

    Args:
        tree: the label tree.
        coefficients: [N], c of the nodes of a path before its last, in the order of `tree.nodes`; the root's is not
            used, because log z(root) = 0.
        of_last: [N], c of the last node of a path, a leaf unless the label is coarse.
        shared: see `TreeLoss`.
    """

    coefficients: Tensor
    steps: Tensor
    totals: Tensor | None

    def __init__(
        self,
        tree: LabelTree,
        coefficients: NDArray[np.float64],
        of_last: NDArray[np.float64],
        **shared: Unpack[Shared],
    ) -> None:
        super().__init__(tree, **shared)
        of_nodes = np.where(tree.height == 0, of_last, coefficients)
        rows = torch.tensor(of_nodes)[self.nodes.preorder.argsort()]
        self.register_buffer("coefficients", rows, persistent=False)
        self.choices = self.shared_steps = None
        labels = self.labels
        is_last = np.arange(labels.levels) == labels.depth[:, None] - 1
        own = np.where(is_last, of_last[labels.paths], coefficients[labels.paths])
        own[labels.missing | (labels.paths == 0)] = 0.0
        factors, first, size = _ranges(labels, own)
        apart = size.shape[1] * self.num_leaves > SMALL  # the kernel would gather all leaves
        self.register_buffer("totals", torch.tensor(factors[:, 0]) if apart else None, persistent=False)
        if apart:
            factors, first, size = factors[:, 1:], first[:, 1:], size[:, 1:]
        if size.max(0).sum() <= max(MOST_GATHERED * self.num_leaves, SMALL):
            self.choices = Choices(np.arange(self.num_leaves), first, size, labels.ranges[:, :1] - first)
            steps = np.take_along_axis(factors, self.choices.order, 1)
        else:
            self.shared_steps = SharedSteps(labels)
            steps = -own
        self.register_buffer("steps", torch.tensor(steps), persistent=False)

    def of_indices(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the values [B] for logits [B, C] and labels [B]."""
        steps = self.steps.index_select(0, target).to(logits.dtype)
        if self.shared_steps is not None:
            missing = self.shared_steps.missing.index_select(0, target)
            log_p = F.log_softmax(logits, dim=1)
            return (steps * path_log_masses(log_p, self.shared_steps(target), missing)).sum(1)
        assert self.choices is not None
        anchor = None
        if self.below is not None:
            # Of the leaves below the label even if all of them are masked.
            anchor = finite(logits.detach()).masked_fill(~self.below(target), -torch.inf).argmax(1)
        values: Tensor = (steps * self.choices(logits, target, anchor)).sum(1)
        if self.totals is None:
            return values
        whole = F.cross_entropy(logits, target if anchor is None else anchor, reduction="none")
        return torch.addcmul(values, self.totals.index_select(0, target).to(logits.dtype), whole)

    def of_probabilities(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the values [B] for logits [B, C] and leaf weights [B, L], which need not sum to 1."""
        log_z = self.nodes.log_sum_up(F.log_softmax(logits, dim=1).t())
        wanted = self.nodes.sum_up(target.t()) * self.coefficients.to(logits.dtype)[:, None]
        return -(wanted[1:] * log_z[1:]).sum(0)


def _ranges(
    labels: Labels, own: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the loss as a sum over sets of leaves: for each label factors of C, first leaf and number of leaves.

    All have shape [E, D + 1], as the coefficients `own` have, with one set for each node of the path from the root
    down; nodes with the same leaves are merged. Sets of one leaf, which also pad the rows, have factor 0.
    """
    tree = labels.tree
    below = tree.leaf_ranges[labels.paths]
    size = below[..., 1] - below[..., 0]
    own = np.where(size == len(tree.leaves), 0.0, own)
    factors = np.where(size > 1, -own, 0.0)
    factors[:, 0] = own.sum(1)
    for step in range(factors.shape[1] - 2, 0, -1):
        again = size[:, step] == size[:, step + 1]
        factors[:, step] += np.where(again, factors[:, step + 1], 0.0)
        factors[again, step + 1] = 0.0
    nothing = factors == 0.0
    nothing[:, 0] = False
    return factors, np.where(nothing, labels.ranges[:, :1], below[..., 0]), np.where(nothing, 1, size)


class LevelWise(MarginalLoss):
    """Multi-level baseline: sum over the levels below the root of weight * cross-entropy of the marginals of the level.

    A leaf above a level represents itself at that level; a coarse label has the levels down to its node. Reads L
    logits; see `TreeLoss` for shapes.

    Args:
        tree: the label tree.
        weights: one weight per level from the children of the root down, at least one above 0; all 1 by default. Or a
            preset, see `level_weights.preset_levels`: "uniform", "hxe", "report" or "geometric".
        shared: see `TreeLoss`.

    Raises:
        ConfigError: as `TreeLoss`; and if there is not one finite, non-negative weight per level.

    >>> tree = LabelTree.from_edges([("root", "animal"), ("animal", "cat"), ("animal", "dog"), ("root", "truck")])
    >>> round(LevelWise(tree)(torch.zeros(1, 3), torch.tensor([0])).exp().item(), 3)  # 3 / 2 and 3 / 1
    4.5
    """

    spec = LossSpec(
        name="level-wise",
        title="Level-wise",
        summary="A cross-entropy at each level of the tree, from one softmax summed up to that level.",
        formula=r"-\sum_{\ell} w_\ell \log z(\mathrm{ancestor}_\ell(y))",
        source="multi-level baseline",
        judge=lambda tree, options: propriety.level_wise(tree, options["weights"], options["index"]),
        proper="yes",
        options=(
            Option(
                "weights",
                None,
                "one weight per level from the top, as in 1,0.5,0.25; or uniform, hxe, report, geometric; all 1 if "
                "empty",
                presets=level_weights.LEVEL_PRESETS,
            ),
        ),
        order=10,
    )

    def __init__(self, tree: LabelTree, weights: str | Sequence[float] | None = None, **shared: Unpack[Shared]) -> None:
        chosen = level_weights.checked_levels(tree, weights)
        of_level = np.array([0.0, *chosen])
        coefficients = of_level[tree.depth - 1]
        # The level of the leaf and all levels below it.
        coefficients[tree.leaf_nodes] = of_level[::-1].cumsum()[::-1][tree.depth[tree.leaf_nodes] - 1]
        super().__init__(tree, coefficients, coefficients, **shared)
        self.plain_propriety = propriety.level_wise(tree, chosen, self.labels.index)
