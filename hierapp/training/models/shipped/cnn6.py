"""The larger network of Loss in Layers (table 1, where it is called ResNet)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hierapp.training.models import plain
from hierapp.training.models.entry import ModelEntry, Shape

if TYPE_CHECKING:
    from torch import nn


def cnn6(shape: Shape, num_outputs: int) -> nn.Module:
    """Build 6 convolutions of 32, 64, 128, 128, 256 and 256 filters, max pooling after every second one, ReLU, and 3
    dense layers of 1,024, 512 and num_outputs units.

    Args:
        shape: (H, W, C); each side at least 8, because it is halved three times.
        num_outputs: number of logits.

    >>> import torch
    >>> cnn6((8, 8, 1), 10)(torch.zeros(2, 1, 8, 8)).shape
    torch.Size([2, 10])
    """
    return plain.build("cnn6", [(32, 64), (128, 128), (256, 256)], [1024, 512], shape, num_outputs)


MODEL = ModelEntry(
    name="cnn6",
    title="CNN-6",
    summary="the paper's larger one: 6 convolutions (32, 64, 128, 128, 256, 256), max pooling after every second, 3"
    " dense layers",
    build=cnn6,
    speed=400,
    parameters=5_900_000,
    order=2,
)
