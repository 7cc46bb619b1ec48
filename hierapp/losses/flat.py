"""Losses over one softmax of all leaves: cross-entropy, and cross-entropy with an entropy penalty."""

from __future__ import annotations

from typing import Unpack

from torch import Tensor
from torch.nn import functional as F

from hierapp.losses import propriety
from hierapp.losses.base import FlatLoss, Reduction, Shared
from hierapp.trees import LabelTree


class CrossEntropy(FlatLoss):
    """-log softmax(u)_y, the paper's (5): `F.cross_entropy`, class weights and label smoothing included.

    Args:
        label_smoothing: share of the target that is spread evenly over all leaves.
        shared: see `TreeLoss`.

    >>> import torch
    >>> tree = LabelTree.from_edges([("root", "cat"), ("root", "dog")])
    >>> round(CrossEntropy(tree)(torch.zeros(1, 2), torch.tensor([0])).item(), 4)
    0.6931
    """

    def __init__(self, tree: LabelTree, label_smoothing: float = 0.0, **shared: Unpack[Shared]) -> None:
        super().__init__(tree, **shared)
        self.label_smoothing = label_smoothing
        self.propriety = propriety.cross_entropy(label_smoothing)

    def _joined(self, logits: Tensor, target: Tensor, reduction: Reduction) -> Tensor:
        # Torch does not divide by the weights where targets are probabilities, nor do we; but where it smooths whole
        # numbers it asks the device how many are ignored.
        if target.ndim == 2 or self.label_smoothing:
            return super()._joined(logits, target, reduction)
        weight = None if self.weight is None else self.weight.to(logits.dtype)
        try:
            return F.cross_entropy(logits, target, weight, ignore_index=self.ignore_index, reduction=reduction)
        except (IndexError, RuntimeError):
            self._explain(target)
            raise

    def of_weighted_indices(self, logits: Tensor, target: Tensor) -> Tensor:
        """`of_indices`, times the class weights."""
        weight = None if self.weight is None else self.weight.to(logits.dtype)
        return F.cross_entropy(logits, target, weight=weight, reduction="none", label_smoothing=self.label_smoothing)

    # F.cross_entropy tells indices from probabilities by their shape.
    of_weighted_probabilities = of_weighted_indices


class RegularizedCrossEntropy(FlatLoss):
    """-log p_y + penalty * sum_i p_i log p_i with p = softmax(u): the paper's (6), after Pereyra et al. 2017.

    The second term is the negative entropy: it lowers the loss of unsure outputs.

    Args:
        penalty: weight of the negative entropy.
        shared: see `TreeLoss`.

    >>> import torch
    >>> tree = LabelTree.from_edges([("root", "cat"), ("root", "dog")])
    >>> round(RegularizedCrossEntropy(tree, penalty=1.0)(torch.zeros(1, 2), torch.tensor([0])).item(), 4)
    0.0
    """

    def __init__(self, tree: LabelTree, penalty: float = 0.1, **shared: Unpack[Shared]) -> None:
        super().__init__(tree, **shared)
        self.penalty = penalty
        self.propriety = propriety.regularized(penalty)

    def of_indices(self, logits: Tensor, target: Tensor) -> Tensor:
        """Values [B] for logits [B, C] and true leaves [B]."""
        log_p = F.log_softmax(logits, dim=1)
        return F.nll_loss(log_p, target, reduction="none") + self.penalty * self._negative_entropy(log_p)

    def of_probabilities(self, logits: Tensor, target: Tensor) -> Tensor:
        """Values [B] for logits [B, C] and weights [B, L] of the leaves, which need not sum to one."""
        log_p = F.log_softmax(logits, dim=1)
        return -(target * log_p).sum(1) + self.penalty * target.sum(1) * self._negative_entropy(log_p)

    @staticmethod
    def _negative_entropy(log_p: Tensor) -> Tensor:
        return (log_p.exp() * log_p).sum(1)
