"""The networks by name. The registry needs no torch; each builder imports it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hierapp.errors import ConfigError

if TYPE_CHECKING:
    from torch import nn

ImageShape = tuple[int, int, int]


@dataclass(frozen=True)
class ModelEntry:
    """A network: a title, a sentence, and `build(image_shape, num_outputs)` with the shape as (H, W, C)."""

    title: str
    summary: str
    build: Callable[[ImageShape, int], nn.Module]


def lenet(image_shape: ImageShape, num_outputs: int) -> nn.Module:
    """The report's LeNet: 3 convolutions of 16, 32 and 64 filters, each with max pooling and ReLU, 2 dense layers.

    Pooling comes before ReLU: both orders give the same values, and ReLU then has a quarter of the work.

    Args:
        image_shape: (H, W, C); each side at least 8, for it is halved three times.
        num_outputs: columns of the logits.

    >>> import torch
    >>> lenet((32, 32, 3), 18)(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 18])
    """
    from torch import nn

    height, width, channels = image_shape
    if min(height, width) < 8:
        raise ConfigError(f"The model lenet needs images of at least 8 x 8 pixels but got {height} x {width}.")
    layers: list[nn.Module] = []
    for filters in (16, 32, 64):
        layers += [nn.Conv2d(channels, filters, kernel_size=3, padding=1), nn.MaxPool2d(2), nn.ReLU()]
        channels = filters
    flat = channels * (height // 8) * (width // 8)
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(flat, 512), nn.ReLU(), nn.Linear(512, num_outputs))


MODELS: dict[str, ModelEntry] = {
    "lenet": ModelEntry("LeNet", "3 convolutions (16, 32, 64), max pooling, ReLU, 2 dense layers.", lenet),
}


def find(name: str) -> ModelEntry:
    """The registry's entry, or a ConfigError that lists the names."""
    if name not in MODELS:
        raise ConfigError(f"Unknown model {name!r}; choose one of {', '.join(MODELS)}.")
    return MODELS[name]
