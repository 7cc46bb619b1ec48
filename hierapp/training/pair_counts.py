"""Counts of true and predicted classes over the batches of an evaluation, on the device."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from hierapp.metrics import counts
from hierapp.metrics.confusion import sparse_confusion_matrix

if TYPE_CHECKING:
    from scipy.sparse import csr_array


class PairCounts:
    """A confusion matrix that is added up batch by batch.

    Up to `counts.DENSE_UP_TO` classes it is a matrix on the device, whose memory does not grow with the rows: of label
    maps, these are pixels. Of more classes the pairs are kept, because a matrix of 20,000 classes takes 3 GB.

    Args:
        size: number of classes.
        where: the device.
    """

    def __init__(self, size: int, where: torch.device) -> None:
        self.size = size
        self._matrix: Tensor | None = None
        self._true: list[Tensor] = []
        self._predicted: list[Tensor] = []
        if size <= counts.DENSE_UP_TO:
            self._matrix = torch.zeros(size * size, dtype=torch.int64, device=where)

    def add(self, true: Tensor, predicted: Tensor) -> None:
        """Add the pairs of a batch: int64 [B], without waiting for the device."""
        if self._matrix is not None:
            self._matrix += torch.bincount(true * self.size + predicted, minlength=self._matrix.numel())
        else:
            self._true.append(true)
            self._predicted.append(predicted)

    def matrix(self) -> csr_array:
        """Return the sparse matrix [size, size], rows true."""
        if self._matrix is not None:
            return counts.sparse(self._matrix.view(self.size, self.size).cpu().numpy())
        none = torch.zeros(0, dtype=torch.int64)
        true, predicted = (torch.cat([none, *(each.cpu() for each in kept)]) for kept in (self._true, self._predicted))
        return sparse_confusion_matrix(true.numpy(), predicted.numpy(), self.size)
