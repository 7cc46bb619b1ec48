"""What all losses share: shapes, targets, reduction, and probabilities of leaves and nodes."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hierapp.errors import ConfigError
from hierapp.losses.path import TreeTables, segment_logsumexp
from hierapp.tree import LabelTree

Reduction = Literal["mean", "sum", "none"]


class TreeLoss(nn.Module):
    """A loss over a label tree with N nodes and L leaves.

    Call it as `loss(logits, target)`:

    - logits: [B, num_outputs], any floating type; half precision is computed in float32.
    - target: [B] int64 positions in `tree.leaves`, or [B, L] probabilities over them. With probabilities t the value
      is the expectation, the sum over y of t[y] * loss(logits, y).
    - reduction: "mean" over the batch (default), "sum", or "none" for [B]; the call's wins over the constructor's.

    The tree's tables are buffers that move with `.to(device)` and are not part of `state_dict`.
    """

    num_outputs: int

    def __init__(self, tree: LabelTree, reduction: Reduction = "mean") -> None:
        super().__init__()
        if reduction not in ("mean", "sum", "none"):
            raise ConfigError(f"Expected reduction to be one of mean, sum, none but got {reduction!r}.")
        self.tree = tree
        self.reduction = reduction
        self.tables = TreeTables(tree)

    def forward(self, logits: Tensor, target: Tensor, reduction: Reduction | None = None) -> Tensor:
        logits = self._checked(logits)
        if target.shape == (logits.shape[0],) and not target.is_floating_point():
            values = self.of_indices(logits, target)
        elif target.shape == (logits.shape[0], len(self.tree.leaves)) and target.is_floating_point():
            values = self.of_probabilities(logits, target.to(logits.dtype))
        else:
            raise ConfigError(
                f"Expected target to be whole numbers [{logits.shape[0]}] or probabilities"
                f" [{logits.shape[0]}, {len(self.tree.leaves)}] but got {target.dtype} {list(target.shape)}."
            )
        match reduction or self.reduction:
            case "mean":
                return values.mean()
            case "sum":
                return values.sum()
            case _:
                return values

    def of_indices(self, logits: Tensor, target: Tensor) -> Tensor:
        """Values [B] for true leaves [B]."""
        raise NotImplementedError

    def of_probabilities(self, logits: Tensor, target: Tensor) -> Tensor:
        """Values [B] for probabilities [B, L] over the leaves."""
        raise NotImplementedError

    def leaf_log_probs(self, logits: Tensor) -> Tensor:
        """log z of the leaves, [B, L]."""
        raise NotImplementedError

    def node_log_probs(self, logits: Tensor) -> Tensor:
        """log z of all nodes, [B, N]; 0 at the root."""
        raise NotImplementedError

    def _checked(self, logits: Tensor) -> Tensor:
        if logits.ndim != 2 or logits.shape[1] != self.num_outputs:
            raise ConfigError(f"Expected logits of shape [B, {self.num_outputs}] but got {list(logits.shape)}.")
        return logits.float() if logits.dtype in (torch.float16, torch.bfloat16) else logits


class FlatLoss(TreeLoss):
    """A loss that reads one logit a leaf, through one softmax over all leaves."""

    def __init__(self, tree: LabelTree, reduction: Reduction = "mean") -> None:
        super().__init__(tree, reduction)
        self.num_outputs = len(tree.leaves)

    def leaf_log_probs(self, logits: Tensor) -> Tensor:
        return F.log_softmax(self._checked(logits), dim=1)

    def node_log_probs(self, logits: Tensor) -> Tensor:
        leaves = self.leaf_log_probs(logits)
        below = segment_logsumexp(leaves[:, self.tables.step_leaf], self.tables.step_column, len(self.tree.nodes) - 1)
        return torch.cat([leaves.new_zeros(len(leaves), 1), below], dim=1)


class ConditionalLoss(TreeLoss):
    """A loss that reads one logit a node but the root, through a softmax over each set of siblings."""

    def __init__(self, tree: LabelTree, reduction: Reduction = "mean") -> None:
        super().__init__(tree, reduction)
        self.num_outputs = len(tree.nodes) - 1

    def leaf_log_probs(self, logits: Tensor) -> Tensor:
        return self.node_log_probs(logits)[:, self.tables.leaf_nodes]

    def node_log_probs(self, logits: Tensor) -> Tensor:
        return self.tables.sum_down(self.tables.sibling_log_softmax(self._checked(logits)))
