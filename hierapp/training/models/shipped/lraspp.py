"""torchvision's lraspp_mobilenet_v3_large for label maps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hierapp.training.models.entry import ModelEntry, Shape

if TYPE_CHECKING:
    from torch import nn


def lraspp(shape: Shape, num_outputs: int) -> nn.Module:
    """Build torchvision's lraspp_mobilenet_v3_large with random weights."""
    from torchvision.models.segmentation import lraspp_mobilenet_v3_large

    from hierapp.training.models.label_maps import OfTorchvision

    return OfTorchvision(lraspp_mobilenet_v3_large, num_outputs)


MODEL = ModelEntry(
    name="lraspp",
    title="LR-ASPP",
    summary="torchvision's `lraspp_mobilenet_v3_large`, random weights",
    build=lraspp,
    speed=2_600,
    kind="segmentation",
    parameters=3_200_000,
    order=9,
)
