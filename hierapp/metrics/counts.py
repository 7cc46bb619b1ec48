"""Confusion matrices of many classes: sparse in memory, and as plain lists and bytes that grow with what occurs.

Up to `DENSE_UP_TO` classes, lists and bytes have all [L, L] cells, as earlier versions wrote them.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Counts = NDArray[np.int64]
DENSE_UP_TO = 1_000
_PAIRS = b"pairs\n"  # begins the bytes of a sparse matrix; those of a dense one begin as zlib's do


def sparse(confusion: ArrayLike | csr_array) -> csr_array:
    """Return a confusion matrix [L, L], array or sparse, as a sparse one of int64.

    >>> sparse([[3, 0], [1, 2]]).nnz
    3
    """
    from scipy.sparse import csr_array

    return csr_array(confusion, dtype=np.int64)


def dense(confusion: ArrayLike | csr_array) -> NDArray[Any]:
    """Return a confusion matrix, array or sparse, as an array."""
    found: NDArray[Any] = confusion.toarray() if hasattr(confusion, "toarray") else np.asarray(confusion)
    return found


def triplets(confusion: ArrayLike | csr_array) -> tuple[Counts, Counts, Counts]:
    """Return true class, predicted class and count of each pair that occurs, by rows.

    >>> [each.tolist() for each in triplets([[3, 0], [1, 2]])]
    [[0, 1, 1], [0, 0, 1], [3, 1, 2]]
    """
    found = sparse(confusion)
    found.sum_duplicates()
    found.eliminate_zeros()
    pairs = found.tocoo()
    true, predicted = (each.astype(np.int64) for each in pairs.coords)
    return true, predicted, pairs.data


def of_triplets(true: ArrayLike, predicted: ArrayLike, counts: ArrayLike, size: int) -> csr_array:
    """Return the sparse matrix [size, size] with these counts; those of a repeated pair are added."""
    from scipy.sparse import coo_array

    pairs = (np.asarray(true, np.int64), np.asarray(predicted, np.int64))
    found: csr_array = coo_array((np.asarray(counts, np.int64), pairs), (size, size)).tocsr()
    return found


def listed(confusion: ArrayLike | csr_array) -> list[list[int]]:
    """Return a confusion matrix as lists: its rows, or [true, predicted, count] of each pair of many classes."""
    found = sparse(confusion)
    if found.shape[0] <= DENSE_UP_TO:
        rows: list[list[int]] = found.toarray().tolist()
        return rows
    return [list(each) for each in zip(*(part.tolist() for part in triplets(found)), strict=True)]


def of_listed(rows: Sequence[Sequence[int]], size: int) -> csr_array:
    """Return the matrix of `listed`.

    >>> of_listed([[3, 0], [1, 2]], 2).toarray().tolist(), of_listed([[0, 9_999, 7]], 10_000).sum()
    ([[3, 0], [1, 2]], np.int64(7))
    """
    if size <= DENSE_UP_TO:
        return sparse(np.array(rows, np.int64).reshape(size, size))
    true, predicted, found = np.array(rows, np.int64).reshape(-1, 3).T
    return of_triplets(true, predicted, found, size)


def to_bytes(confusion: ArrayLike | csr_array) -> bytes:
    """Return a confusion matrix as compressed bytes."""
    found: Any = sparse(confusion)
    if found.shape[0] <= DENSE_UP_TO:
        return zlib.compress(found.toarray().astype("<i4").tobytes())
    parts = np.stack(triplets(found)).astype("<i4")
    return _PAIRS + zlib.compress(np.append(np.int32(found.shape[0]), parts).astype("<i4").tobytes())


def of_bytes(written: bytes) -> csr_array:
    """Return the matrix of `to_bytes`.

    >>> of_bytes(to_bytes([[3, 0], [1, 2]])).toarray().tolist()
    [[3, 0], [1, 2]]
    """
    if written.startswith(_PAIRS):
        size, *_ = numbers = np.frombuffer(zlib.decompress(written[len(_PAIRS) :]), "<i4").astype(np.int64)
        true, predicted, found = numbers[1:].reshape(3, -1)
        return of_triplets(true, predicted, found, int(size))
    flat = np.frombuffer(zlib.decompress(written), "<i4").astype(np.int64)
    return sparse(flat.reshape(math.isqrt(len(flat)), -1))
