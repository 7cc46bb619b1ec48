"""What the data sets of CIFAR share: their source, the files of CIFAR-100, and the format."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hierapp.data.dataset import Arrays, Dataset, File, Part, read

SOURCE = "Krizhevsky (2009), Learning Multiple Layers of Features from Tiny Images, technical report."
FILES_OF_100 = (
    File("cifar-100-python/train", 155_249_918, "16019d7e3df5f24257cddd939b257f8d", "train"),
    File("cifar-100-python/test", 31_049_707, "f0ef6b0ae62326f3e7ffdfab6717acfc", "test"),
    File("cifar-100-python/meta", 1_473, "7973b15100ade9c7d40fb424638fde48"),
)
ARCHIVES_OF_100 = (File("cifar-100-python.tar.gz", 169_001_437, "eb9058c3a382ffc7106e4002c42a8d85"),)


def read_fine(dataset: Dataset, part: Part, folder: Path) -> Arrays:
    """Read the "python version" of CIFAR: pickles of rows of 3,072 bytes, one plane per color.

    torchvision.datasets.CIFAR10 returns the same, but also hashes the test part, and its import takes seconds.
    """
    batches = unpickled(dataset, part, folder)
    labels = [batch[b"labels"] if b"labels" in batch else batch[b"fine_labels"] for batch in batches]
    return pixels(dataset, batches), np.concatenate(labels).astype(np.int64)


def unpickled(dataset: Dataset, part: Part | None, folder: Path) -> list[dict[bytes, Any]]:
    """Unpickle the files of a part, or for None the file that belongs to both parts."""
    # Safe to unpickle: `read` only returns the published bytes. "latin1" would be slower.
    return [
        pickle.loads(read(file, path, dataset.name), encoding="bytes")  # noqa: S301
        for file, path in dataset.places(folder).items()
        if file.part == part
    ]


def pixels(dataset: Dataset, batches: list[dict[bytes, Any]]) -> NDArray[np.uint8]:
    """Return the images of all batches, uint8 [n, H, W, C]."""
    height, width, channels = dataset.image_shape
    planes = [batch[b"data"].reshape(-1, channels, height, width) for batch in batches]
    images = np.empty((sum(map(len, planes)), height, width, channels), np.uint8)
    np.concatenate([batch.transpose(0, 2, 3, 1) for batch in planes], out=images)
    return images
