"""Networks for label maps: a small U-Net, and those of torchvision; logits [B, C, H, W] from images of any size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

if TYPE_CHECKING:
    from collections.abc import Callable

LEVELS = 3  # poolings of the U-Net


class UNet(nn.Module):
    """A small U-Net (Ronneberger et al. 2015) with batch normalization and padding.

    Three poolings, two 3 x 3 convolutions a level, transposed convolutions on the way up. Images are padded to sides
    that are multiples of 8, and the logits cut to the size of the images.

    Args:
        channels: channels of the images.
        num_outputs: number of logits per pixel.
        width: filters of the first level; each pooling doubles them.

    >>> UNet(3, 11, 8)(torch.zeros(2, 3, 18, 20)).shape
    torch.Size([2, 11, 18, 20])
    """

    def __init__(self, channels: int, num_outputs: int, width: int = 16) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(LEVELS + 1)]
        self.down = nn.ModuleList(_block(*sizes) for sizes in zip([channels, *widths], widths, strict=False))
        self.grow = nn.ModuleList(nn.ConvTranspose2d(2 * size, size, 2, stride=2) for size in reversed(widths[:-1]))
        self.up = nn.ModuleList(_block(2 * size, size) for size in reversed(widths[:-1]))
        self.head = nn.Conv2d(width, num_outputs, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits [B, C, H, W] for images [B, channels, H, W]."""
        height, width = images.shape[2:]
        step = 2**LEVELS
        values = F.pad(images, (0, -width % step, 0, -height % step))
        kept: list[Tensor] = []
        for block in self.down[:-1]:
            kept.append(block(values))
            values = F.max_pool2d(kept[-1], 2)
        values = self.down[-1](values)
        for grow, block in zip(self.grow, self.up, strict=True):
            values = block(torch.cat([kept.pop(), grow(values)], 1))
        logits: Tensor = self.head(values)
        return logits[:, :, :height, :width]


class OfTorchvision(nn.Module):
    """A segmentation network of torchvision, whose output is a dict, and which reads three channels.

    Deeplab normalizes the mean over a whole image by the batch, which one image alone does not allow in training; it is
    then passed twice, with the same result.

    >>> from torchvision.models.segmentation import lraspp_mobilenet_v3_large
    >>> OfTorchvision(lraspp_mobilenet_v3_large, 5)(torch.zeros(2, 3, 16, 16)).shape
    torch.Size([2, 5, 16, 16])
    """

    def __init__(self, make: Callable[..., nn.Module], num_outputs: int) -> None:
        super().__init__()
        self.network = make(weights=None, weights_backbone=None, num_classes=num_outputs)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits [B, C, H, W] for images [B, 1 or 3, H, W]."""
        count = len(images)
        if self.training and count == 1:
            images = images.repeat(2, 1, 1, 1)
        logits: Tensor = self.network(images.expand(-1, 3, -1, -1))["out"]
        return logits[:count]


def _block(before: int, filters: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for channels in (before, filters):
        layers += [nn.Conv2d(channels, filters, 3, padding=1, bias=False), nn.BatchNorm2d(filters), nn.ReLU(True)]
    return nn.Sequential(*layers)
