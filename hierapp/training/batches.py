"""A data set on the device, and the batches of an epoch."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from hierapp.data.registry import ImageSet
from hierapp.data.targets import targets_of
from hierapp.training.augmentation import Augment, Draws, copy_without_waiting, mix
from hierapp.training.config import RunConfig
from hierapp.trees import LabelTree


@dataclass
class DeviceDataset:
    """One part of a data set on a device: uint8 images [n, H, W, C] or features [n, F], and their labels [n].

    `leaves` are positions in `tree.leaves`, or in `tree.nodes` for a data set with coarse labels.
    """

    images: Tensor
    leaves: Tensor

    @classmethod
    def of(cls, part: ImageSet, tree: LabelTree, device: torch.device, as_nodes: bool = False) -> DeviceDataset:
        """Convert a part of a data set; classes are matched to leaves by name, coarse labels to inner nodes.

        With `as_nodes` the labels are positions in `tree.nodes` even if all of them are leaves.
        """
        targets = targets_of(part.class_names, part.coarse_names, tree)
        target_of_label = torch.as_tensor(tree.leaf_nodes[targets] if as_nodes and not part.coarse_names else targets)
        return cls(part.images.to(device), target_of_label[part.labels].to(device))

    def take(self, indices: NDArray[np.int64]) -> DeviceDataset:
        chosen = torch.as_tensor(indices, device=self.images.device)
        return DeviceDataset(self.images[chosen], self.leaves[chosen])

    def __len__(self) -> int:
        return len(self.leaves)


class Normalizer(nn.Module):
    """Normalizes images [B, H, W, C] of 0 to 255 to floats [B, C, H, W].

    Each channel has mean 0 and deviation 1 over the training images. Permuting [B, H, W, C] gives the channels_last
    layout, in which convolutions are twice as fast on a CPU.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, images: Tensor) -> None:
        super().__init__()
        # From the counts of the 256 values: exact, and without a float copy of the data set.
        counts = torch.stack([images[..., c].flatten().int().bincount(minlength=256) for c in range(images.shape[-1])])
        values = torch.arange(256, dtype=torch.float64)
        share = counts.cpu().double() / counts[0].sum().item()
        mean = share @ values
        deviation = ((share @ values.square()) - mean.square()).clamp(min=1e-6).sqrt()
        self.register_buffer("mean", mean.float().view(-1, 1, 1))
        self.register_buffer("scale", (1 / deviation).float().view(-1, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        # By rows of pixels: over channels only, three numbers at a time, a CPU takes twice as long.
        width = images.shape[2]
        rows = (images.flatten(2) - self.mean.flatten().repeat(width)).mul_(self.scale.flatten().repeat(width))
        return rows.view(images.shape).permute(0, 3, 1, 2)


class BatchLoader:
    """The batches of the training images, augmented as configured, in an order determined by seed and epoch.

    Nothing here waits for the device. The random numbers of each epoch are written to the same tensors, so that a CUDA
    graph captured over them reads those of the next epoch.

    Args:
        part: the training images.
        config: a configuration; its batch size, seed and augmentation are used.
        num_leaves: L, for probability targets.
    """

    def __init__(self, part: DeviceDataset, config: RunConfig, num_leaves: int) -> None:
        self.part, self.config, self.num_leaves = part, config, num_leaves
        self.augment = Augment(part.images, config)
        self._order = torch.zeros(len(part), dtype=torch.int64, device=part.images.device)
        self._draws: Draws | None = None

    def __len__(self) -> int:
        """Number of batches in an epoch."""
        return math.ceil(len(self.part) / self.config.batch_size)

    def begin(self, number: int) -> None:
        """Draw the order of an epoch and its augmentation."""
        generator = torch.Generator().manual_seed(self.config.seed * 1_000_003 + number)
        copy_without_waiting(torch.randperm(len(self.part), generator=generator), self._order)
        if self.augment.is_on or self.config.mixup:
            self._draws = self.augment.draw(generator, len(self), self._draws)

    def indices(self, index: int) -> Tensor:
        """Return the positions of the images in the `index`-th batch of the epoch: [B], fewer in the last batch."""
        size = self.config.batch_size
        return self._order[index * size : (index + 1) * size]

    def share(self, index: int) -> float | None:
        """Return the share of each image of a batch in its mixture, None without mixup."""
        return self._draws.mix[index] if self._draws and self._draws.mix else None

    def take(self, batch: Tensor, share: Tensor | float | None) -> tuple[Tensor, Tensor]:
        """Return images [B, H, W, C] of 0 to 255, and targets: leaves [B], or probabilities [B, L] if labels are
        smoothed or mixed."""
        leaves = self.part.leaves.index_select(0, batch)  # several times as fast as indexing with brackets
        images = (
            self.part.images.index_select(0, batch) if self._draws is None else self.augment.take(batch, self._draws)
        )
        if share is not None:
            return mix(images, self._probabilities(leaves), share)
        return images, self._probabilities(leaves) if self.config.label_smoothing else leaves

    def epoch(self, number: int, start: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """Iterate over the batches of an epoch from the `start`-th on, as returned by `take`."""
        self.begin(number)
        for index in range(start, len(self)):
            yield self.take(self.indices(index), self.share(index))

    def _probabilities(self, leaves: Tensor) -> Tensor:
        """Return one-hot targets, with the smoothed part spread evenly over all leaves."""
        smooth = self.config.label_smoothing
        return F.one_hot(leaves, self.num_leaves).float() * (1 - smooth) + smooth / self.num_leaves
