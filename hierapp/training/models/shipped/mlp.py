"""A perceptron with one hidden layer, for features."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hierapp.training.models.entry import ModelEntry, Shape

if TYPE_CHECKING:
    from torch import nn


def mlp(shape: Shape, num_outputs: int) -> nn.Module:
    """Build a perceptron with one hidden layer of 512 units and ReLU.

    >>> import torch
    >>> mlp((8,), 20)(torch.zeros(2, 8)).shape
    torch.Size([2, 20])
    """
    from torch import nn

    return nn.Sequential(nn.Linear(shape[0], 512), nn.ReLU(), nn.Linear(512, num_outputs))


MODEL = ModelEntry(
    name="mlp",
    title="MLP",
    summary="one hidden layer of 512 units with ReLU",
    build=mlp,
    speed=25_000,
    kind="features",
    order=6,
)
