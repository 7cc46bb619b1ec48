"""Losses that share the path kernel: weighted cross-entropies of the decisions along the true path."""

from __future__ import annotations

from typing import Unpack

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from hierapp.losses import propriety
from hierapp.losses.arguments import Shared
from hierapp.losses.base import ConditionalLoss
from hierapp.losses.kernels.adjustment import LogitAdjustment
from hierapp.losses.kernels.path import PathTables
from hierapp.losses.priors import TAU
from hierapp.losses.spec import LossSpec
from hierapp.trees import LabelTree


class PathLoss(ConditionalLoss):
    """sum over v on path(y), v != root, of w(y, v) * (-log p(v)), where p is a softmax over each set of siblings.

    Integer targets cost O(B * K), where K is the number of children of all internal nodes on the longest path;
    probability targets cost O(B * N).

    Args:
        tree: the label tree.
        weights: [D] or [E, D], w for each step from the root down, of all labels' paths or of each; entries past the
            end of a path are ignored.
        shared: see `TreeLoss`.

    Attributes:
        constant: what is added to every value.
    """

    constant = 0.0
    weights: Tensor
    step_weights: Tensor
    step_leaves: Tensor
    step_rows: Tensor

    def __init__(self, tree: LabelTree, weights: NDArray[np.float64], **shared: Unpack[Shared]) -> None:
        super().__init__(tree, **shared)
        self.path = PathTables(self.labels)
        weights = np.where(self.path.missing, 0.0, weights)
        of_choices = np.take_along_axis(weights, self.path.choices.order, 1)
        self.register_buffer("weights", torch.tensor(of_choices), persistent=False)
        # The same steps as a list, for probability targets: leaf, row and weight of each step.
        of_leaves = self.labels.of_leaves
        leaves, steps = np.nonzero(~self.path.missing[of_leaves])
        rows = self.nodes.sibling_rows[tree.leaf_paths[leaves, steps + 1] - 1]
        self.register_buffer("step_leaves", torch.tensor(leaves), persistent=False)
        self.register_buffer("step_rows", rows, persistent=False)
        self.register_buffer("step_weights", torch.tensor(weights[of_leaves[leaves], steps]), persistent=False)

    @property
    def reads_path_only(self) -> bool:
        """Whether the value depends on the choices along the label's path alone, up to `constant`."""
        return True

    def of_indices(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the values [B] for logits [B, C] and labels [B]."""
        return self.of_choices(self.path.choices(logits, target), target)

    def of_choices(self, costs: Tensor, target: Tensor) -> Tensor:
        """Return the values [B], without `constant`, from -log p of the choices of labels [B], [B, P]."""
        return (self.weights.index_select(0, target).to(costs.dtype) * costs).sum(1)

    def of_probabilities(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the values [B] for logits [B, C] and leaf weights [B, L], which need not sum to 1."""
        return self.of_sibling_probabilities(self.nodes.siblings(logits), target)

    def of_sibling_probabilities(self, log_p: Tensor, target: Tensor) -> Tensor:
        """Return `of_probabilities` from log p [N - 1, B], the rows of `nodes.siblings`."""
        each = target.t().index_select(0, self.step_leaves) * self.step_weights.to(log_p.dtype)[:, None]
        return -(torch.zeros_like(log_p).index_add(0, self.step_rows, each) * log_p).sum(0)


class Conditional(PathLoss):
    """Hierarchical softmax: sum over v on path(y) of -log p(v) = -log z(y), with a softmax over each set of siblings.

    Reads N - 1 logits; see `TreeLoss` for shapes and errors.

    Args:
        tree: the label tree.
        tau: strength of logit adjustment (default 0, Plaud et al. 2024): tau * log prior(v given its parent) is added
            to the logits, in training mode only, so that frequent classes have no advantage in evaluation.
        prior: [L], probabilities or counts of the classes in the training data, for `tau`.
        shared: see `TreeLoss`.

    >>> tree = LabelTree.from_edges([("root", "animal"), ("animal", "cat"), ("animal", "dog"), ("root", "truck")])
    >>> round(Conditional(tree)(torch.zeros(1, 4), torch.tensor([0])).exp().item(), 3)  # 2 choices of 2
    4.0
    """

    spec = LossSpec(
        name="conditional",
        title="Conditional",
        summary="A softmax over each set of siblings; all decisions along the true path have the same weight.",
        formula=r"-\log z(y) = -\sum_{v \in \mathrm{path}(y)} \log p(v)",
        source="hierarchical softmax",
        judge=lambda tree, options: propriety.adjusted_by_node(propriety.siblings_alike(), tree, options),
        outputs="N - 1",
        proper="yes",
        options=(TAU,),
        arguments=("prior",),
        order=5,
    )

    def __init__(
        self,
        tree: LabelTree,
        tau: float = 0.0,
        prior: ArrayLike | Tensor | None = None,
        **shared: Unpack[Shared],
    ) -> None:
        super().__init__(tree, np.ones(tree.leaf_paths.shape[1] - 1), **shared)
        self.adjustment = LogitAdjustment(tree, tau, "node", prior) if tau else None
        self.plain_propriety = propriety.siblings_alike()
