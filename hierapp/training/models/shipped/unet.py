"""A small U-Net for label maps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hierapp.training.models.entry import ModelEntry, Shape

if TYPE_CHECKING:
    from torch import nn


def unet(shape: Shape, num_outputs: int, unet_width: int = 16) -> nn.Module:
    """Build the U-Net for images (H, W, C), with `unet_width` filters at the first level."""
    from hierapp.training.models.label_maps import UNet

    return UNet(shape[2], num_outputs, unet_width)


MODEL = ModelEntry(
    name="unet",
    title="U-Net",
    summary="a small U-Net: three poolings, two 3 × 3 convolutions a level with batch normalization; `--unet-width`"
    " filters at first (16)",
    build=unet,
    speed=930,
    kind="segmentation",
    parameters=480_000,
    options=("unet_width",),
    order=8,
)
