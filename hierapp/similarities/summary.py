"""Statistics of a similarity and of SimLoss with it, for pages and the command line; needs no torch.

All are of the matrix that the loss uses, after its lower bound.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hierapp.similarities.similarity import Matrix


@dataclass(frozen=True)
class Facts:
    """Statistics of a similarity.

    Attributes:
        classes: number of classes.
        mean_off_diagonal: mean over all pairs of different classes.
        share_of_zeros: share of those pairs with similarity 0.
        same: number of pairs of different classes with similarity 1 in at least one direction.
        is_symmetric: whether the matrix is symmetric.
        is_identity: whether all other classes have similarity 0: SimLoss is then cross-entropy.
        is_degenerate: whether all similarities are 1: SimLoss is then 0 for any output, and refused.
        uniform_loss: SimLoss of a uniform prediction, mean over the true classes.
        right_loss: SimLoss of a certain and correct prediction.
        near_loss: SimLoss of a certain prediction of the most similar wrong class, mean over the true classes; infinite
            if a similarity is 0.
        far_loss: SimLoss of a certain prediction of the least similar class, mean over the true classes.
    """

    classes: int
    mean_off_diagonal: float
    share_of_zeros: float
    same: int
    is_symmetric: bool
    is_identity: bool
    is_degenerate: bool
    uniform_loss: float
    right_loss: float
    near_loss: float
    far_loss: float

    def as_dict(self) -> dict[str, Any]:
        """Return the statistics as a dictionary for JSON; values that are not finite become null."""
        return {
            name: None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in asdict(self).items()
        }


def of(matrix: Matrix) -> Facts:
    """Compute the statistics of a matrix [L, L] with ones on the diagonal.

    >>> of(np.array([[1.0, 0.5], [0.5, 1.0]])).mean_off_diagonal
    0.5
    """
    size = len(matrix)
    others = _others(matrix)
    with np.errstate(divide="ignore"):
        near, far = (
            [-np.log(found(others, axis=1)).mean() for found in (np.max, np.min)] if size > 1 else (math.nan, math.nan)
        )
        uniform = float(-np.log(matrix.mean(axis=1)).mean())
    same = (np.triu(np.maximum(matrix, matrix.T) == 1.0, 1)).sum()
    return Facts(
        classes=size,
        mean_off_diagonal=float(others.mean()) if size > 1 else math.nan,
        share_of_zeros=float((others == 0).mean()) if size > 1 else math.nan,
        same=int(same),
        is_symmetric=bool(np.allclose(matrix, matrix.T, rtol=0, atol=1e-9)),
        is_identity=bool((others == 0).all()),
        is_degenerate=size > 1 and bool((matrix == 1.0).all()),
        uniform_loss=abs(uniform),  # not -0
        right_loss=0.0,
        near_loss=abs(float(near)),
        far_loss=abs(float(far)),
    )


class Pair(NamedTuple):
    """Two classes of the "most similar" or "least similar" pairs; the similarity is the mean of both directions."""

    kind: str
    first: str
    second: str
    similarity: float


def pairs(matrix: Matrix, names: Sequence[str], most: int = 6) -> list[Pair]:
    """Return the most and the least similar pairs of classes, up to `most` of each kind; no pair is in both.

    >>> pairs(np.array([[1, 0.9, 0.1], [0.9, 1, 0.2], [0.1, 0.2, 1]]), ["cat", "dog", "truck"], most=1)[1]
    Pair(kind='least similar', first='cat', second='truck', similarity=0.1)
    """
    one, other = np.triu_indices(len(matrix), 1)
    values = (matrix[one, other] + matrix[other, one]) / 2
    order = np.argsort(-values, kind="stable").tolist()
    top = order[: min(most, (len(order) + 1) // 2)]
    bottom = order[len(top) :][::-1][:most]
    return [
        Pair(kind, names[one[at]], names[other[at]], float(values[at]))
        for kind, places in (("most similar", top), ("least similar", bottom))
        for at in places
    ]


@dataclass(frozen=True)
class Agreement:
    """Agreement of two similarities over all pairs of different classes: Pearson's correlation and rank correlation;
    None if one of the similarities is constant."""

    correlation: float | None
    rank_correlation: float | None


def agreement(first: Matrix, second: Matrix) -> Agreement:
    """Compare two matrices over the same classes in the same order.

    >>> agreement(np.array([[1, 0.9, 0.1], [0.9, 1, 0], [0.1, 0, 1]]), np.array([[1, 0.5, 0], [0.5, 1, 0], [0, 0, 1]]))
    Agreement(correlation=0.99..., rank_correlation=0.86...)
    """
    one, two = _others(first).ravel(), _others(second).ravel()
    return Agreement(_correlation(one, two), _correlation(_ranks(one), _ranks(two)))


def _others(matrix: Matrix) -> Matrix:
    """Return the rows without the diagonal, [L, L - 1]."""
    return matrix[~np.eye(len(matrix), dtype=bool)].reshape(len(matrix), -1)


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the ranks of the values; equal values share the mean of their ranks."""
    _, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[which], np.float64)


def _correlation(one: NDArray[np.float64], two: NDArray[np.float64]) -> float | None:
    if len(one) == 0 or np.ptp(one) == 0 or np.ptp(two) == 0:
        return None
    return float(np.corrcoef(one, two)[0, 1])
