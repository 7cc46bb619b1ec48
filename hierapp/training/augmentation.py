"""Augmentation by batched tensor operations on the device: a batch is shifted, mirrored, blanked and mixed at once.

All random numbers of an epoch are drawn at its start from seed and epoch, so that a run that is interrupted within an
epoch continues exactly as without the interruption.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from hierapp.data.label_maps import void_of
from hierapp.training.config import RunConfig


@dataclass(frozen=True)
class Draws:
    """Random numbers of an epoch, [n] each: first rows and columns of the crops, mirror flags, centers of the blank
    squares; and [batches] weights of mixup."""

    top: Tensor
    left: Tensor
    mirror: Tensor
    middle: Tensor
    mix: list[float]


class Augment:
    """Takes batches from training images uint8 [n, H, W, C] and applies random changes to each image.

    Features [n, F] can only be mixed. Label maps are shifted and mirrored with their images; beyond the edge is void.

    crop: a shift by up to this many pixels in each direction, with black beyond the edge (He et al. 2016). flip: mirror
    half of the images. cutout: fill a square around a random pixel with the mean color (DeVries and Taylor 2017).
    mixup: image and target become lam times themselves plus 1 - lam times those of the next image of the batch, with
    lam ~ Beta(alpha, alpha), one per batch (Zhang et al. 2018).

    Args:
        images: the training images, on the device.
        config: a configuration; its flip, crop, cutout and mixup are used.
        maps: label maps [n, H, W] of the images, uint8 or int16.
    """

    def __init__(self, images: Tensor, config: RunConfig, maps: Tensor | None = None) -> None:
        self.images, self.config = images, config
        self.shape = images.shape[1:]
        pad = config.crop
        self.padded = torch.nn.functional.pad(images, (0, 0, pad, pad, pad, pad)) if pad else images
        self.maps = maps
        if maps is not None and pad:
            self.maps = torch.nn.functional.pad(maps, (pad, pad, pad, pad), value=void_of(maps.dtype))
        self.is_on = bool(config.flip or config.crop or config.cutout)
        self.mean_color = images.new_zeros(images.shape[-1])
        if config.cutout:
            counts = images.flatten(0, 2).sum(0, dtype=torch.int64)
            self.mean_color = (counts.double() / max(1, images[..., 0].numel())).round().to(torch.uint8)

    def draw(self, generator: torch.Generator, batches: int, into: Draws | None = None) -> Draws:
        """Draw the random numbers of an epoch, into the tensors `into` if given; `generator` is on the CPU."""
        count = len(self.images)
        height, width = self.shape[:2] if len(self.shape) == 3 else (1, 1)  # features are mixed only

        def whole(below: int) -> Tensor:
            return torch.randint(below, (count,), generator=generator)

        top, left = whole(2 * self.config.crop + 1), whole(2 * self.config.crop + 1)
        mirror, middle = whole(2).bool(), torch.stack([whole(height), whole(width)], 1)
        shares: list[float] = []
        if self.config.mixup:
            # numpy draws from Beta with a seed; torch's Beta does not accept a generator.
            seed = int(torch.randint(2**62, (), generator=generator))
            shares = np.random.default_rng(seed).beta(self.config.mixup, self.config.mixup, batches).tolist()
        drawn = {"top": top, "left": left, "mirror": mirror, "middle": middle}
        kept: dict[str, Tensor] = {}
        for name, values in drawn.items():
            kept[name] = torch.empty_like(values, device=self.images.device) if into is None else getattr(into, name)
            copy_without_waiting(values, kept[name])
        return Draws(**kept, mix=shares)

    def take(self, batch: Tensor, draws: Draws) -> Tensor:
        """Return the images at these positions [B], each with its changes: uint8 [B, H, W, C]."""
        if not self.is_on:
            return self.images[batch]
        # A single gather selects the images, their rows and their columns.
        taken = self.padded[self._places(batch, draws)]
        return self._cut(taken, draws.middle[batch]) if self.config.cutout else taken

    def take_with_maps(self, batch: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
        """Return the images and the label maps at these positions [B], with the same shifts and mirrors."""
        assert self.maps is not None
        places = self._places(batch, draws)
        return self.padded[places], self.maps[places]

    def _places(self, batch: Tensor, draws: Draws) -> tuple[Tensor, Tensor, Tensor]:
        """Return the indices of the images, their rows and their columns, which broadcast to [B, H, W]."""
        height, width = self.shape[:2]
        rows = torch.arange(height, device=batch.device)
        columns = torch.arange(width, device=batch.device).expand(len(batch), -1)
        if self.config.flip:
            columns = torch.where(draws.mirror[batch, None], columns.flip(1), columns)
        return (
            batch[:, None, None],
            (draws.top[batch, None] + rows)[:, :, None],
            (draws.left[batch, None] + columns)[:, None, :],
        )

    def _cut(self, images: Tensor, middle: Tensor) -> Tensor:
        """Blank a square around each center [B, 2]; the part outside the image is cut off."""
        start = middle - self.config.cutout // 2
        inside = [
            (torch.arange(size, device=images.device) - start[:, axis, None]).ge(0)
            & (torch.arange(size, device=images.device) - start[:, axis, None]).lt(self.config.cutout)
            for axis, size in enumerate(self.shape[:2])
        ]
        blank = inside[0][:, :, None, None] & inside[1][:, None, :, None]
        return torch.where(blank, self.mean_color, images)


def copy_without_waiting(values: Tensor, into: Tensor) -> None:
    """Copy from the CPU to the device of `into` without waiting for a GPU."""
    into.copy_(values.pin_memory() if into.is_cuda else values, non_blocking=True)


def mix(images: Tensor, targets: Tensor, share: Tensor | float) -> tuple[Tensor, Tensor]:
    """Mix a batch with itself shifted by one (mixup): floats [B, H, W, C] and probabilities [B, L]."""
    floats = images.float()
    return (
        share * floats + (1 - share) * floats.roll(1, 0),
        share * targets + (1 - share) * targets.roll(1, 0),
    )
