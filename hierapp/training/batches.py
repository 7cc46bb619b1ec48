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

from hierapp.data.label_maps import map_dtype, void_of
from hierapp.data.registry import ImageSet
from hierapp.data.targets import targets_of
from hierapp.training.augmentation import Augment, Draws, copy_without_waiting, mix
from hierapp.training.config import RunConfig
from hierapp.trees import LabelTree

IGNORED = -100  # the target of void pixels, the usual `ignore_index` of the losses


@dataclass
class DeviceDataset:
    """One part of a data set on a device: uint8 images [n, H, W, C] or features [n, F], and their labels [n] or label
    maps [n, H, W], uint8 or int16.

    `leaves` are positions in `tree.leaves`, or in `tree.nodes` for a data set with coarse labels (`of_nodes`); in maps,
    also void.
    """

    images: Tensor
    leaves: Tensor
    of_nodes: bool = False

    @classmethod
    def of(cls, part: ImageSet, tree: LabelTree, device: torch.device, as_nodes: bool = False) -> DeviceDataset:
        """Convert a part of a data set; classes are matched to leaves by name, coarse labels to inner nodes.

        With `as_nodes` the labels are positions in `tree.nodes` even if all of them are leaves.
        """
        targets = targets_of(part.class_names, part.coarse_names, tree)
        if as_nodes and not part.coarse_names:
            targets = tree.leaf_nodes[targets]
        of_nodes = as_nodes or bool(part.coarse_names)
        if part.has_maps:
            leaves = _target_maps(part.labels, targets, len(tree.nodes) if of_nodes else len(tree.leaves))
        else:
            leaves = torch.as_tensor(targets)[part.labels]
        return cls(part.images.to(device), leaves.to(device), of_nodes)

    def take(self, indices: NDArray[np.int64]) -> DeviceDataset:
        chosen = torch.as_tensor(indices, device=self.images.device)
        return DeviceDataset(self.images[chosen], self.leaves[chosen], self.of_nodes)

    @property
    def has_maps(self) -> bool:
        """Whether each image has a label map."""
        return self.leaves.dim() == 3

    def targets(self, rows: slice | Tensor) -> Tensor:
        """Return the targets of rows for the loss: int64 [B] or [B, H, W], in which void is `IGNORED`."""
        chosen = self.leaves[rows] if isinstance(rows, slice) else self.leaves.index_select(0, rows)
        return _as_targets(chosen)

    def count(self, labels: int) -> Tensor:
        """Count the images, or pixels that are not void, of each label: int64 [labels]."""
        found = torch.zeros(labels, dtype=torch.int64, device=self.leaves.device)
        for each in self.leaves if self.has_maps else [self.leaves]:
            found += torch.bincount(each.flatten().long(), minlength=labels)[:labels]
        return found

    def __len__(self) -> int:
        return len(self.leaves)


def _target_maps(maps: Tensor, target_of_label: NDArray[np.int64], size: int) -> Tensor:
    """Return label maps with targets in place of labels; one at a time, because indices take eight bytes a pixel."""
    kind = torch.as_tensor(np.zeros(0, map_dtype(size))).dtype
    table = torch.full((void_of(maps.dtype) + 1,), void_of(kind), dtype=kind)
    table[: len(target_of_label)] = torch.as_tensor(target_of_label).to(kind)
    found = torch.empty(maps.shape, dtype=kind)
    for to, each in zip(found, maps, strict=True):
        to.copy_(table[each.long()])
    return found


def _as_targets(leaves: Tensor) -> Tensor:
    """Return targets for the loss from labels, or from maps with void."""
    if leaves.dim() == 1:
        return leaves
    targets = leaves.long()
    return targets.masked_fill(targets == void_of(leaves.dtype), IGNORED)


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
        self.augment = Augment(part.images, config, part.leaves if part.has_maps else None)
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
        smoothed or mixed; or leaves of each pixel [B, H, W]."""
        if self._draws is not None and self.part.has_maps:
            images, maps = self.augment.take_with_maps(batch, self._draws)
            return images, _as_targets(maps)
        leaves = self.part.targets(batch)  # by index_select, several times as fast as indexing with brackets
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
