"""SimLoss: cross-entropy that gives similar classes part of the credit."""

from __future__ import annotations

import torch
from numpy.typing import ArrayLike
from torch import Tensor
from torch.nn import functional as F

from hierapp.losses.base import FlatLoss, Reduction
from hierapp.similarity import bounded, checked, tree_similarity
from hierapp.tree import LabelTree


class SimLoss(FlatLoss):
    """-log sum_c S[y, c] * softmax(u)_c, computed as -logsumexp(log softmax(u) + log S[y]) (Kobs et al. 2020).

    Args:
        similarity: [L, L] in the order of `tree.leaves`, ones on the diagonal, entries in [0, 1]; the tree's own by
            default, 1 - d / d_max with the distance "lca-depth".
        lower_bound: similarities s become max(0, (s - lower_bound) / (1 - lower_bound)).

    Raises:
        ConfigError: if the matrix has another shape or entries out of range, or is all ones: then the loss is 0 for
            any output.

    >>> tree = LabelTree.from_edges([("root", "cat"), ("root", "dog")])
    >>> loss = SimLoss(tree, similarity=[[1.0, 0.5], [0.5, 1.0]])
    >>> round(loss(torch.zeros(1, 2), torch.tensor([0])).item(), 4)  # -log(0.5 + 0.5 * 0.5)
    0.2877
    """

    log_similarity: Tensor

    def __init__(
        self,
        tree: LabelTree,
        similarity: ArrayLike | None = None,
        lower_bound: float = 0.0,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(tree, reduction)
        matrix = tree_similarity(tree) if similarity is None else checked(similarity, len(tree.leaves))
        table = torch.tensor(checked(bounded(matrix, lower_bound), len(tree.leaves)))
        self.register_buffer("log_similarity", table.log(), persistent=False)

    def of_indices(self, logits: Tensor, target: Tensor) -> Tensor:
        return -torch.logsumexp(F.log_softmax(logits, dim=1) + self.log_similarity[target].to(logits.dtype), dim=1)

    def of_probabilities(self, logits: Tensor, target: Tensor) -> Tensor:
        credit = F.log_softmax(logits, dim=1)[:, None, :] + self.log_similarity.to(logits.dtype)
        return -(target * torch.logsumexp(credit, dim=2)).sum(1)
