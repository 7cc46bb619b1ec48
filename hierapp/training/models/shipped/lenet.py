"""LeNet, as in Loss in Layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hierapp.training.models import plain
from hierapp.training.models.entry import ModelEntry, Shape

if TYPE_CHECKING:
    from torch import nn


def lenet(shape: Shape, num_outputs: int) -> nn.Module:
    """Build 3 convolutions of 16, 32 and 64 filters with max pooling and ReLU, and 2 dense layers.

    Args:
        shape: (H, W, C); each side at least 8, because it is halved three times.
        num_outputs: number of logits.

    >>> import torch
    >>> lenet((32, 32, 3), 18)(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 18])
    """
    return plain.build("lenet", [(16,), (32,), (64,)], [512], shape, num_outputs)


MODEL = ModelEntry(
    name="lenet",
    title="LeNet",
    summary="the paper's: 3 convolutions (16, 32, 64), each with max pooling and ReLU, 2 dense layers",
    build=lenet,
    speed=8_500,
    parameters=550_000,
    order=1,
)
