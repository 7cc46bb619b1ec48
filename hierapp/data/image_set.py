"""One part of a data set in memory, and the split of a part into training and validation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hierapp.data.label_maps import void_of
from hierapp.errors import ConfigError, DatasetError

if TYPE_CHECKING:
    import torch

Ints = NDArray[np.int64]
# Draws the test part of published data without one, the same on every machine.
TEST_SEED = 20240229


@dataclass(frozen=True, eq=False)
class ImageSet:
    """One part of a data set, fully in memory: images, or rows of features.

    Attributes:
        images: uint8 [n, H, W, C], 0 to 255, contiguous, so that `images.permute(0, 3, 1, 2)` is [n, C, H, W] in
            torch's channels_last format without a copy. Or features, float16 or float32 [n, F].
        labels: int64 [n], positions in `class_names`, followed by `coarse_names`; or label maps of these, uint8 or
            int16 [n, H, W], see `hierapp.data.label_maps`.
        class_names: the names of the classes.
        content_hash: the hash of this part; see `hierapp.data.content`. None if it is unknown.
        coarse_names: the names of labels that are inner nodes of the tree.

    Raises:
        DatasetError: if a shape or type differs from these, or a label is out of range.
    """

    images: torch.Tensor
    labels: torch.Tensor
    class_names: tuple[str, ...]
    content_hash: str | None = None
    coarse_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        import torch

        images, labels = self.images, self.labels
        are_images = images.dtype == torch.uint8 and images.dim() == 4
        are_features = images.dtype in (torch.float16, torch.float32) and images.dim() == 2
        if not (are_images or are_features) or not images.is_contiguous():
            raise DatasetError(
                "Expected images as one contiguous uint8 tensor [n, H, W, C], or features as a float16 or float32"
                f" tensor [n, F], but got {images.dtype} {list(images.shape)}."
            )
        if self.has_maps:
            self._check_maps()
            return
        if labels.dtype != torch.int64 or labels.shape != images.shape[:1]:
            raise DatasetError(
                f"Expected {len(images)} labels as an int64 tensor, one per image, but got {labels.dtype}"
                f" {list(labels.shape)}."
            )
        count = len(self.class_names) + len(self.coarse_names)
        if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < count:
            raise DatasetError(
                f"Expected labels from 0 to {count - 1}, one for each class name, but got"
                f" {int(labels.min())} to {int(labels.max())}."
            )

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def has_maps(self) -> bool:
        """Whether each image has a label map, a label for each pixel, instead of one label."""
        return self.labels.dim() == 3

    def _check_maps(self) -> None:
        import torch

        maps = self.labels
        if maps.dtype not in (torch.uint8, torch.int16) or maps.shape != self.images.shape[:3]:
            raise DatasetError(
                f"Expected label maps as uint8 or int16 {list(self.images.shape[:3])}, one for each image, but got"
                f" {maps.dtype} {list(maps.shape)}."
            )
        count, void = len(self.class_names) + len(self.coarse_names), void_of(maps.dtype)
        for each in maps:  # one at a time, because the whole may be a memory map
            known = each[each != void]
            if len(known) and not 0 <= int(known.min()) <= int(known.max()) < count:
                raise DatasetError(
                    f"Expected labels from 0 to {count - 1} in the label maps, and {void} for void, but got"
                    f" {int(known.min())} to {int(known.max())}."
                )


def split(labels: ArrayLike, fraction: float = 0.2, seed: int = 0) -> tuple[Ints, Ints]:
    """Draw a stratified validation part.

    The part has round(n * fraction) images (fewer if that would leave a class of two or more without a training
    image). Each class contributes `fraction` of its images, rounded up or down by the largest remainder method.

    Args:
        labels: [n] integers.
        fraction: share of the validation part, 0 <= fraction < 1.
        seed: seed of the draw within each class.

    Returns:
        (train, validation): sorted int64 arrays of positions in `labels`; each position is in exactly one of them.

    Raises:
        ConfigError: if the fraction is out of range or the labels are not a vector of integers.

    >>> train, validation = split([0, 0, 0, 0, 1, 1, 1, 1], fraction=0.25)
    >>> len(train), len(validation)
    (6, 2)
    """
    values = np.asarray(labels)
    if not 0 <= fraction < 1:
        raise ConfigError(f"Expected the share of validation images to be at least 0 and below 1 but got {fraction}.")
    if values.ndim != 1 or (len(values) and not np.issubdtype(values.dtype, np.integer)):
        raise ConfigError(
            f"Expected the labels as a one-dimensional array of integers but got {values.dtype} {values.shape}."
        )
    _, of_class, counts = np.unique(values, return_inverse=True, return_counts=True)
    quotas = _quotas(counts, fraction)
    generator = np.random.default_rng(seed)
    chosen = np.zeros(len(values), bool)
    for cls, quota in enumerate(quotas.tolist()):
        chosen[generator.permutation(np.flatnonzero(of_class == cls))[:quota]] = True
    return np.flatnonzero(~chosen), np.flatnonzero(chosen)


def _quotas(counts: Ints, fraction: float) -> Ints:
    """Return the number of validation images of each class, by the largest remainder method."""
    most: Ints = np.where(counts > 1, counts - 1, counts)
    quotas: Ints = np.minimum(np.floor(counts * fraction).astype(np.int64), most)
    total = min(round(int(counts.sum()) * fraction), int(most.sum()))
    by_remainder = np.argsort(quotas - counts * fraction, kind="stable")
    while quotas.sum() < total:
        # One pass is enough, except for shares above one half, where small classes have no images left.
        with_room = by_remainder[(quotas < most)[by_remainder]]
        quotas[with_room[: total - int(quotas.sum())]] += 1
    return quotas
