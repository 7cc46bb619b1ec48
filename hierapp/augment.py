"""Augmentation by batched tensor operations on the device: a batch is shifted, mirrored, blanked and mixed at once.

All that is drawn for an epoch is drawn at its beginning from seed and epoch, so that a run which was stopped in the
middle goes on as if it had not been.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from hierapp.config import RunConfig


@dataclass(frozen=True)
class Draws:
    """What chance decides for the images of an epoch: first rows and columns of the crops, mirrored or not, middles of
    the blanks [n] each; the weights of mixup [batches]."""

    top: Tensor
    left: Tensor
    mirror: Tensor
    middle: Tensor
    mix: list[float]


class Augment:
    """Takes batches out of training images uint8 [n, H, W, C], each image changed by chance.

    crop: a shift of up to so many pixels each way, with black beyond the edge (He et al. 2016). flip: half of the
    images are mirrored. cutout: a square around a random pixel takes the mean colour (DeVries and Taylor 2017).
    mixup: image and target become lam of their own and 1 - lam of the batch's neighbour, lam ~ Beta(alpha, alpha), one
    a batch (Zhang et al. 2018).

    Args:
        images: the training images, on the device.
        config: flip, crop, cutout and mixup of it.
    """

    def __init__(self, images: Tensor, config: RunConfig) -> None:
        self.images, self.config = images, config
        self.shape = images.shape[1:]
        pad = config.crop
        self.padded = torch.nn.functional.pad(images, (0, 0, pad, pad, pad, pad)) if pad else images
        self.is_on = bool(config.flip or config.crop or config.cutout)
        counts = images.flatten(0, 2).sum(0, dtype=torch.int64) if config.cutout else images.new_zeros(images.shape[-1])
        self.mean_color = (counts.double() / max(1, images[..., 0].numel())).round().to(torch.uint8)

    def draw(self, generator: torch.Generator, batches: int, into: Draws | None = None) -> Draws:
        """An epoch's chances, in the tensors of an earlier epoch's where they are given; `generator` is a CPU's."""
        count = len(self.images)
        height, width, _ = self.shape

        def whole(below: int) -> Tensor:
            return torch.randint(below, (count,), generator=generator)

        top, left = whole(2 * self.config.crop + 1), whole(2 * self.config.crop + 1)
        mirror, middle = whole(2).bool(), torch.stack([whole(height), whole(width)], 1)
        shares: list[float] = []
        if self.config.mixup:
            # numpy draws from Beta by a seed; torch's Beta takes no generator.
            seed = int(torch.randint(2**62, (), generator=generator))
            shares = np.random.default_rng(seed).beta(self.config.mixup, self.config.mixup, batches).tolist()
        drawn = {"top": top, "left": left, "mirror": mirror, "middle": middle}
        kept: dict[str, Tensor] = {}
        for name, values in drawn.items():
            kept[name] = torch.empty_like(values, device=self.images.device) if into is None else getattr(into, name)
            copy_without_waiting(values, kept[name])
        return Draws(**kept, mix=shares)

    def take(self, batch: Tensor, draws: Draws) -> Tensor:
        """The images of these positions [B], each with its changes: uint8 [B, H, W, C]."""
        if not self.is_on:
            return self.images[batch]
        height, width, _ = self.shape
        rows = torch.arange(height, device=batch.device)
        columns = torch.arange(width, device=batch.device).expand(len(batch), -1)
        if self.config.flip:
            columns = torch.where(draws.mirror[batch, None], columns.flip(1), columns)
        # One gather does all three: which image, which rows, which columns.
        taken = self.padded[
            batch[:, None, None],
            (draws.top[batch, None] + rows)[:, :, None],
            (draws.left[batch, None] + columns)[:, None, :],
        ]
        return self._cut(taken, draws.middle[batch]) if self.config.cutout else taken

    def _cut(self, images: Tensor, middle: Tensor) -> Tensor:
        """Blank a square around each middle [B, 2]; what of it lies outside is lost."""
        start = middle - self.config.cutout // 2
        inside = [
            (torch.arange(size, device=images.device) - start[:, axis, None]).ge(0)
            & (torch.arange(size, device=images.device) - start[:, axis, None]).lt(self.config.cutout)
            for axis, size in enumerate(self.shape[:2])
        ]
        blank = inside[0][:, :, None, None] & inside[1][:, None, :, None]
        return torch.where(blank, self.mean_color, images)


def copy_without_waiting(values: Tensor, into: Tensor) -> None:
    """Copy from the CPU to wherever `into` is, without waiting for a GPU to arrive there."""
    into.copy_(values.pin_memory() if into.is_cuda else values, non_blocking=True)


def mix(images: Tensor, targets: Tensor, share: Tensor | float) -> tuple[Tensor, Tensor]:
    """Mixup of a batch with itself moved on by one: floats [B, H, W, C] and probabilities [B, L]."""
    floats = images.float()
    return (
        share * floats + (1 - share) * floats.roll(1, 0),
        share * targets + (1 - share) * targets.roll(1, 0),
    )
