"""Matrices that say how alike two classes are, for SimLoss."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hierapp.errors import ConfigError
from hierapp.tree import DistanceKind, LabelTree

Matrix = NDArray[np.float64]


def tree_similarity(tree: LabelTree, distance: DistanceKind = "lca-depth") -> Matrix:
    """1 - d / d_max between the leaves, [L, L] in the order of `tree.leaves`.

    >>> tree = LabelTree.from_edges([("root", "animal"), ("animal", "cat"), ("animal", "dog"), ("root", "truck")])
    >>> tree_similarity(tree).tolist()
    [[1.0, 0.5, 0.0], [0.5, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    distances = tree.distances(distance)
    return 1.0 - distances / max(int(distances.max()), 1)


def bounded(similarity: Matrix, lower_bound: float) -> Matrix:
    """max(0, (s - lower_bound) / (1 - lower_bound)): what is less alike than the bound counts as not alike.

    >>> bounded(np.array([[1.0, 0.4], [0.75, 1.0]]), 0.5).tolist()
    [[1.0, 0.0], [0.5, 1.0]]
    """
    return np.maximum(0.0, (similarity - lower_bound) / (1.0 - lower_bound))


def checked_bound(lower_bound: float) -> float:
    """The lower bound, or a ConfigError: with 1 or more nothing would be like anything."""
    if not lower_bound < 1.0:
        raise ConfigError(f"Expected a lower bound of similarities below 1 but got {lower_bound:g}.")
    return lower_bound


def checked(similarity: ArrayLike, classes: int) -> Matrix:
    """The matrix as float64 [classes, classes], or a ConfigError that says what is wrong with it."""
    try:
        matrix = np.asarray(similarity, np.float64)
    except (TypeError, ValueError):
        raise ConfigError("The similarity matrix holds what is no number; give numbers from 0 to 1.") from None
    if matrix.shape != (classes, classes):
        raise ConfigError(
            f"Expected a similarity matrix of shape [{classes}, {classes}], a row per leaf, but got"
            f" {list(matrix.shape)}."
        )
    if not ((matrix >= 0) & (matrix <= 1)).all():
        raise ConfigError("The similarity matrix has entries outside 0 to 1; scale them.")
    if not np.allclose(np.diag(matrix), 1.0):
        raise ConfigError("The similarity matrix has a diagonal besides 1; each class is wholly like itself.")
    if classes > 1 and (matrix == 1.0).all():
        raise ConfigError("The similarity matrix is all ones, so that SimLoss is 0 for any output; tell classes apart.")
    return matrix
