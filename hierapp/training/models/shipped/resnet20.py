"""The small residual network for 32 x 32 images of He et al. (2016), section 4.2."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hierapp.training.models.entry import ModelEntry, Shape

if TYPE_CHECKING:
    from torch import nn


def resnet20(shape: Shape, num_outputs: int) -> nn.Module:
    """Build a convolution, 9 blocks of two convolutions with 16, 32 and 64 filters, the mean over the image and one
    dense layer; 0.27 million weights. In a block that halves the image the shortcut is a 1 x 1 convolution.

    >>> import torch
    >>> resnet20((32, 32, 3), 10)(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """
    from torch import nn

    stem = [nn.Conv2d(shape[2], 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(inplace=True)]
    stages = [_stage(before, filters, blocks=3) for before, filters in ((16, 16), (16, 32), (32, 64))]
    network = nn.Sequential(*stem, *stages, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, num_outputs))
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return network


def _stage(before: int, filters: int, blocks: int) -> nn.Module:
    """Build residual blocks, the first of which halves the image if the number of filters changes."""
    from torch import nn
    from torchvision.models.resnet import BasicBlock

    shortcut = None
    if before != filters:
        shortcut = nn.Sequential(nn.Conv2d(before, filters, 1, stride=2, bias=False), nn.BatchNorm2d(filters))
    first = BasicBlock(before, filters, stride=1 if shortcut is None else 2, downsample=shortcut)
    return nn.Sequential(first, *(BasicBlock(filters, filters) for _ in range(blocks - 1)))


MODEL = ModelEntry(
    name="resnet20",
    title="ResNet-20",
    summary="the small residual network for 32 × 32 of He et al. (2016), with 1 × 1 convolutions as shortcuts",
    build=resnet20,
    speed=900,
    parameters=270_000,
    order=3,
)
