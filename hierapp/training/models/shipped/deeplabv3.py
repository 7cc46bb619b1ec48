"""torchvision's deeplabv3_mobilenet_v3_large for label maps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hierapp.training.models.entry import ModelEntry, Shape

if TYPE_CHECKING:
    from torch import nn


def deeplabv3(shape: Shape, num_outputs: int) -> nn.Module:
    """Build torchvision's deeplabv3_mobilenet_v3_large with random weights."""
    from torchvision.models.segmentation import deeplabv3_mobilenet_v3_large

    from hierapp.training.models.label_maps import OfTorchvision

    return OfTorchvision(deeplabv3_mobilenet_v3_large, num_outputs)


MODEL = ModelEntry(
    name="deeplabv3",
    title="DeepLabV3",
    summary="torchvision's `deeplabv3_mobilenet_v3_large`, random weights",
    build=deeplabv3,
    speed=800,
    kind="segmentation",
    parameters=11_000_000,
    order=10,
)
