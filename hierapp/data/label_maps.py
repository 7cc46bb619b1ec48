"""Label maps: a class for each pixel of a picture, and the value of void, which is not counted.

Maps are stored and held as positions in the data set's labels, uint8 [n, H, W], or int16 for 255 labels or more; the
largest value of the type is void.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

MOST_UINT8 = 255  # labels that leave a value for void


def map_dtype(labels: int) -> np.dtype[Any]:
    """Return the type of maps with this number of labels.

    >>> map_dtype(11), map_dtype(1_000)
    (dtype('uint8'), dtype('int16'))
    """
    return np.dtype(np.uint8 if labels <= MOST_UINT8 else np.int16)


def void_of(dtype: np.dtype[Any] | torch.dtype) -> int:
    """Return the value of void in maps of a type, of numpy or torch.

    >>> void_of(np.dtype(np.uint8))
    255
    """
    if isinstance(dtype, np.dtype):
        return int(np.iinfo(dtype).max)
    import torch

    return torch.iinfo(dtype).max


def pixel_counts(maps: NDArray[Any], labels: int) -> NDArray[np.int64]:
    """Count the pixels of each label, [labels]; void is not counted.

    >>> pixel_counts(np.array([[[0, 1], [1, 255]]], np.uint8), 3).tolist()
    [1, 2, 0]
    """
    counts = np.zeros(labels, np.int64)
    for each in maps:  # one at a time, because the whole may be a memory map
        counts += np.bincount(each.ravel(), minlength=labels)[:labels]
    return counts


def strata(labels: NDArray[Any]) -> NDArray[np.int64]:
    """Return the labels by which a part is split evenly, [n]: those of the examples; pictures with maps have none.

    >>> strata(np.zeros((2, 3, 4), np.uint8)).tolist()
    [0, 0]
    """
    return np.zeros(len(labels), np.int64) if labels.ndim == 3 else labels
