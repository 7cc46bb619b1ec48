"""Networks for features: a linear layer, a small perceptron, and a linear layer that reads the true path only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from hierapp.losses.path_head import PathHead

if TYPE_CHECKING:
    from hierapp.losses.base import TreeLoss

CHUNK = 2**24  # numbers that are converted to float64 at a time


class FeatureNormalizer(nn.Module):
    """Converts features [B, F] to float32 in which each column has mean 0 and deviation 1 over the training rows.

    A column with one value becomes 0 in the training rows, and is not scaled.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, features: Tensor) -> None:
        super().__init__()
        count, width = max(1, len(features)), features.shape[1]
        rows = max(1, CHUNK // max(1, width))
        # MPS has no float64.
        exact = torch.float32 if features.device.type == "mps" else torch.float64
        mean, square = (torch.zeros(width, dtype=exact, device=features.device) for _ in range(2))
        for block in torch.split(features, rows):
            mean += block.to(exact).sum(0) / count
        for block in torch.split(features, rows):
            square += (block.to(exact) - mean).square().sum(0) / count
        deviation = square.sqrt()
        constant = deviation <= 1e-6 * mean.abs().clamp(min=1e-6)
        self.register_buffer("mean", mean.float())
        self.register_buffer("scale", torch.where(constant, 1.0, 1 / deviation).float())

    def forward(self, features: Tensor) -> Tensor:
        return (features.float() - self.mean) * self.scale


class PathHeadModel(nn.Module):
    """A linear layer for which the loss is computed from the logits of the siblings on the true paths only.

    Its gradients are dense, so that every optimizer, and a run that is resumed, work as for other networks.
    """

    def __init__(self, loss: TreeLoss, features: int) -> None:
        super().__init__()
        self.head = PathHead(loss, features, sparse=False)

    def forward(self, features: Tensor) -> Tensor:
        """Return the logits of all nodes, for evaluation."""
        return self.head.logits(features)
