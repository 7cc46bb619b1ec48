"""torchvision's ResNet-18 for small images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hierapp.training.models.entry import ModelEntry, Shape

if TYPE_CHECKING:
    from torch import nn


def resnet18(shape: Shape, num_outputs: int) -> nn.Module:
    """Build torchvision's ResNet-18 with the usual stem for CIFAR: a 3 x 3 convolution of stride 1, no pooling.

    >>> import torch
    >>> resnet18((32, 32, 1), 100)(torch.zeros(2, 1, 32, 32)).shape
    torch.Size([2, 100])
    """
    from torch import nn
    from torchvision.models import resnet

    network: nn.Module = resnet.resnet18(num_classes=num_outputs)
    network.conv1 = nn.Conv2d(shape[2], 64, 3, padding=1, bias=False)
    nn.init.kaiming_normal_(network.conv1.weight, mode="fan_out", nonlinearity="relu")
    network.maxpool = nn.Identity()
    return network


MODEL = ModelEntry(
    name="resnet18",
    title="ResNet-18",
    summary="torchvision's ResNet-18 with a 3 × 3 convolution of stride 1 at the input and no pooling there; best on a"
    " GPU",
    build=resnet18,
    speed=65,
    parameters=11_200_000,
    order=4,
)
