"""Losses with one softmax over all leaves: cross-entropy, and cross-entropy with an entropy penalty."""

from __future__ import annotations

from typing import Unpack

from numpy.typing import ArrayLike
from torch import Tensor
from torch.nn import functional as F

from hierapp.losses import propriety
from hierapp.losses.arguments import Reduction, Shared
from hierapp.losses.base import FlatLoss
from hierapp.losses.kernels.adjustment import LogitAdjustment
from hierapp.losses.kernels.masking import finite
from hierapp.losses.priors import TAU
from hierapp.losses.spec import LossSpec
from hierapp.trees import LabelTree
from hierapp.utils.options import Option


class CrossEntropy(FlatLoss):
    """Cross-entropy, -log softmax(u)_y (Loss in Layers, eq. 5).

    Equal to `F.cross_entropy`, including class weights and label smoothing. Reads L logits; see `TreeLoss` for shapes
    and errors.

    Args:
        tree: the label tree.
        label_smoothing: share of the target, from 0 (default) to 1, that is spread evenly over all leaves.
        tau: strength of logit adjustment (default 0, Menon et al. 2021): tau * log prior of the classes is added to the
            logits, in training mode only, so that frequent classes have no advantage in evaluation.
        prior: [L], probabilities or counts of the classes in the training data, for `tau`.
        shared: see `TreeLoss`.

    >>> import torch
    >>> tree = LabelTree.from_edges([("root", "cat"), ("root", "dog")])
    >>> round(CrossEntropy(tree)(torch.zeros(1, 2), torch.tensor([0])).item(), 4)
    0.6931
    """

    spec = LossSpec(
        name="cross-entropy",
        title="Cross-entropy",
        summary="One softmax over all classes; the tree is not used.",
        formula=r"-\log \mathrm{softmax}(u)_y",
        source="Loss in Layers, eq. 5",
        judge=lambda tree, options: propriety.adjusted_by_leaf(
            propriety.cross_entropy(options["label_smoothing"]), tree, options
        ),
        proper="yes",
        options=(
            Option("label_smoothing", 0.0, "share of the target distributed uniformly over all classes", high=1.0),
            TAU,
        ),
        arguments=("prior",),
        order=1,
    )

    def __init__(
        self,
        tree: LabelTree,
        label_smoothing: float = 0.0,
        tau: float = 0.0,
        prior: ArrayLike | Tensor | None = None,
        **shared: Unpack[Shared],
    ) -> None:
        super().__init__(tree, **shared)
        self.label_smoothing = label_smoothing
        self.adjustment = LogitAdjustment(tree, tau, "leaf", prior) if tau else None
        self.plain_propriety = propriety.cross_entropy(label_smoothing)

    def _joined(self, logits: Tensor, target: Tensor, reduction: Reduction) -> Tensor:
        # For probability targets neither torch nor this class divides by the weights. With label smoothing of integer
        # targets torch queries the device for the number of ignored samples.
        if target.ndim == 2 or self.label_smoothing or self.below is not None:
            return super()._joined(logits, target, reduction)
        weight = None if self.weight is None else self.weight.to(logits.dtype)
        try:
            return F.cross_entropy(logits, target, weight, ignore_index=self.ignore_index, reduction=reduction)
        except (IndexError, RuntimeError):
            self._explain(target)
            raise

    def of_weighted_indices(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return `of_indices` times the class weights."""
        if self.below is None:
            return self.of_weighted_probabilities(logits, target)
        log_p = F.log_softmax(logits, dim=1)
        values = -self.below.log_mass(log_p, target)
        if self.label_weight is not None:
            values = values * self.label_weight.to(logits.dtype).index_select(0, target)
        if not self.label_smoothing:
            return values
        weighted = log_p if self.weight is None else log_p * self.weight.to(logits.dtype)
        return (1 - self.label_smoothing) * values - self.label_smoothing * weighted.mean(1)

    def of_weighted_probabilities(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return `of_probabilities` with the target multiplied by the class weights."""
        # F.cross_entropy distinguishes indices from probabilities by shape.
        weight = None if self.weight is None else self.weight.to(logits.dtype)
        return F.cross_entropy(logits, target, weight=weight, reduction="none", label_smoothing=self.label_smoothing)


class RegularizedCrossEntropy(FlatLoss):
    """Cross-entropy with an entropy penalty, -log p_y + penalty * sum_i p_i log p_i, with p = softmax(u).

    Source: Loss in Layers, eq. 6, after Pereyra et al. 2017. The second term is the negative entropy: it lowers the
    loss of uncertain outputs. Reads L logits; see `TreeLoss` for shapes and errors.

    Args:
        tree: the label tree.
        penalty: weight of the negative entropy (default 0.1).
        shared: see `TreeLoss`.

    >>> import torch
    >>> tree = LabelTree.from_edges([("root", "cat"), ("root", "dog")])
    >>> round(RegularizedCrossEntropy(tree, penalty=1.0)(torch.zeros(1, 2), torch.tensor([0])).item(), 4)
    0.0
    """

    spec = LossSpec(
        name="regularized-cross-entropy",
        title="Regularized cross-entropy",
        summary="Cross-entropy with a bonus for the entropy of the output.",
        formula=r"-\log p_y + \lambda \sum_i p_i \log p_i",
        source="Loss in Layers, eq. 6; Pereyra et al. 2017",
        judge=lambda tree, options: propriety.regularized(options["penalty"]),
        options=(Option("penalty", 0.1, "weight of the negative entropy"),),
        order=2,
    )

    def __init__(self, tree: LabelTree, penalty: float = 0.1, **shared: Unpack[Shared]) -> None:
        super().__init__(tree, **shared)
        self.penalty = penalty
        self.plain_propriety = propriety.regularized(penalty)

    def of_indices(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the values [B] for logits [B, C] and labels [B]."""
        log_p = F.log_softmax(logits, dim=1)
        if self.below is None:
            values = F.nll_loss(log_p, target, reduction="none")
        else:
            values = -self.below.log_mass(log_p, target)
        return values + self.penalty * self._negative_entropy(log_p)

    def of_probabilities(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the values [B] for logits [B, C] and leaf weights [B, L], which need not sum to 1."""
        log_p = F.log_softmax(logits, dim=1)
        return -(target * log_p).sum(1) + self.penalty * target.sum(1) * self._negative_entropy(log_p)

    @staticmethod
    def _negative_entropy(log_p: Tensor) -> Tensor:
        return (log_p.exp() * finite(log_p)).sum(1)
