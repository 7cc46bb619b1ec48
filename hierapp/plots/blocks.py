"""Matrices that are larger than their picture has pixels: each cell stands for a block of rows and columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST_CELLS = 400  # rows and columns of a picture


def block_side(size: int) -> int:
    """Return how many rows and columns of a matrix a cell stands for; 1 up to `MOST_CELLS` rows."""
    return -(-size // MOST_CELLS)


def block_sums(matrix: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the sum of each block of a square matrix.

    >>> sums = block_sums(np.ones((500, 500), int))
    >>> int(sums[0, 0]), sums.shape
    (4, (250, 250))
    """
    step = block_side(len(matrix))
    if step == 1:
        return matrix
    starts = np.arange(0, len(matrix), step)
    summed: NDArray[np.int64] = np.add.reduceat(np.add.reduceat(matrix, starts, axis=0), starts, axis=1)
    return summed


def block_means(matrix: NDArray[Any]) -> NDArray[Any]:
    """Return the mean of each block of a square matrix, rounded to three decimals where blocks have several cells."""
    step = block_side(len(matrix))
    if step == 1:
        return matrix
    sides = np.diff([*range(0, len(matrix), step), len(matrix)])
    means: NDArray[Any] = (block_sums(matrix) / np.outer(sides, sides)).round(3)
    return means


def block_labels(names: Sequence[str]) -> list[str]:
    """Return a name for each row of blocks: the first and the last of its names.

    >>> block_labels([str(i) for i in range(500)])[:2]
    ['0 … 1', '2 … 3']
    """
    step = block_side(len(names))
    groups = [names[start : start + step] for start in range(0, len(names), step)]
    return [group[0] if len(group) == 1 else f"{group[0]} … {group[-1]}" for group in groups]


def cell_gap(size: int) -> dict[str, int]:
    """Return Plotly's gaps between the cells of a matrix; with many cells there is no space for them."""
    gap = 1 if size <= 100 else 0
    return {"xgap": gap, "ygap": gap}
