"""One linear layer, for features of a network that is trained already."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hierapp.training.models.entry import ModelEntry, Shape

if TYPE_CHECKING:
    from torch import nn


def linear(shape: Shape, num_outputs: int) -> nn.Module:
    """Build one linear layer.

    >>> import torch
    >>> linear((384,), 20)(torch.zeros(2, 384)).shape
    torch.Size([2, 20])
    """
    from torch import nn

    return nn.Linear(shape[0], num_outputs)


MODEL = ModelEntry(
    name="linear",
    title="Linear",
    summary="one linear layer",
    build=linear,
    speed=120_000,
    kind="features",
    order=5,
)
