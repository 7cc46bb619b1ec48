"""What a network says of itself; this module does not import torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hierapp.data.dataset import Kind

if TYPE_CHECKING:
    from torch import nn

Shape = tuple[int, ...]  # (H, W, C) of images, or (F,) of features
Build = Callable[..., "nn.Module"]  # called with the shape, the number of outputs, and the entry's options by name


@dataclass(frozen=True)
class ModelEntry:
    """A network.

    Attributes:
        name: its name on the command line and in addresses.
        title: its name in forms and tables.
        summary: its architecture, as Markdown without a final period, for the documentation.
        build: `build(shape, num_outputs)` with the shape as (H, W, C), pixels and channels, or (F,) for features. It
            imports torch when it is called, because pages list the networks without torch.
        speed: images per second in training at 32 x 32 pixels, or rows of 1,024 features, in float32 on two CPU cores,
            used to estimate durations before a run has finished on this machine; measured by `benchmarks/growth.py`.
        kind: what the network reads; None for any of these. Those for "segmentation" return logits [B, C, H, W].
        parameters: how many are trained with 10 outputs for images of 32 x 32 pixels and 3 channels, to three digits; 0
            for features, where their number depends on the data.
        reads_path: whether only the logits on the true paths are computed in training, see `PathHead`.
        options: fields of `RunConfig` that are given to `build` by name.
        order: networks are listed by this number, then by name.
    """

    name: str
    title: str
    summary: str
    build: Build
    speed: float
    kind: Kind | None = "images"
    parameters: int = 0
    reads_path: bool = False
    options: tuple[str, ...] = ()
    order: int = 100
