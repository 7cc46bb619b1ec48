"""Plain convolutional networks, as those of Loss in Layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hierapp.errors import ConfigError
from hierapp.training.models.entry import Shape

if TYPE_CHECKING:
    from torch import nn


def build(name: str, stages: list[tuple[int, ...]], dense: list[int], shape: Shape, num_outputs: int) -> nn.Module:
    """Build stages of 3 x 3 convolutions, each with a final pooling that halves the image, then dense layers; ReLU.

    Pooling comes before ReLU: both orders give the same values, but ReLU then has a quarter of the work.

    Args:
        name: the network's name, for messages.
        stages: for each stage the filters of its convolutions.
        dense: units of the dense layers before the last one.
        shape: (H, W, C); each side is halved by every stage.
        num_outputs: number of logits.

    Raises:
        ConfigError: if an image is too small to be halved so often.
    """
    from torch import nn

    height, width, channels = shape
    least = 2 ** len(stages)
    if min(height, width) < least:
        raise ConfigError(
            f"The model {name} needs images of at least {least} x {least} pixels but got {height} x {width}."
        )
    layers: list[nn.Module] = []
    for stage in stages:
        for place, filters in enumerate(stage, start=1):
            layers.append(nn.Conv2d(channels, filters, kernel_size=3, padding=1))
            layers += [nn.MaxPool2d(2), nn.ReLU()] if place == len(stage) else [nn.ReLU()]
            channels = filters
    layers.append(nn.Flatten())
    width_before = channels * (height // least) * (width // least)
    for size in dense:
        layers += [nn.Linear(width_before, size), nn.ReLU()]
        width_before = size
    return nn.Sequential(*layers, nn.Linear(width_before, num_outputs))
