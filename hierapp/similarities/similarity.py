"""Similarity matrices of classes for SimLoss: construction and validation.

S[i, j] is the share of the credit for class i that class j gets: 1 on the diagonal, 0 to 1 elsewhere. SimLoss reads the
row of the true class, so S may be asymmetric.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hierapp.errors import ConfigError, DataWarning, some
from hierapp.trees import DistanceKind, LabelTree
from hierapp.trees.names import name_of
from hierapp.utils.text import pluralize

Matrix = NDArray[np.float64]
ROUNDING = 1e-6  # of cosines in single precision


@dataclass(frozen=True, eq=False)
class Similarity:
    """A similarity of named classes; create it with `Similarity.of`, which validates it.

    Attributes:
        classes: the names.
        matrix: [classes, classes], in the order of `classes`.
    """

    classes: tuple[str, ...]
    matrix: Matrix

    @classmethod
    def of(cls, classes: Sequence[str], matrix: ArrayLike) -> Similarity:
        """Create a similarity, see `checked`; raise a ConfigError if the matrix or the names are invalid."""
        classes = [name_of(name) for name in classes]
        if not all(classes):
            raise ConfigError("A class of the similarity has an empty name; give each class a name.")
        if twice := sorted(name for name, times in Counter(classes).items() if times > 1):
            raise ConfigError(f"The similarity has duplicate classes: {some(twice)}; name each class once.")
        return cls(tuple(classes), checked(matrix, len(classes)))

    def over(self, classes: Sequence[str]) -> Matrix:
        """Return the matrix in the order of these classes, matched by name.

        Raises:
            ConfigError: if they are not exactly the classes of the similarity.

        >>> pets = Similarity.of(["cat", "dog", "truck"], [[1, 0.5, 0], [0.4, 1, 0], [0, 0, 1]])
        >>> pets.over(["dog", "truck", "cat"])[0].tolist()
        [1.0, 0.0, 0.4]
        """
        classes = [name_of(name) for name in classes]
        place = {name: number for number, name in enumerate(self.classes)}
        wanted = set(classes)
        if missing := [name for name in classes if name not in place]:
            raise ConfigError(
                f"The similarity has no row for {some(missing)}; it must have exactly the classes of the data set."
            )
        if unknown := [name for name in self.classes if name not in wanted]:
            raise ConfigError(
                f"The similarity has {some(unknown)}, which the data set does not have; it must have exactly the"
                " classes of the data set."
            )
        order = [place[name] for name in classes]
        return self.matrix[np.ix_(order, order)]


def ordinal(classes: int, ratio: float) -> Matrix:
    """Return ratio ** |i - j|, [classes, classes], for classes on a line; with ratio 0 SimLoss is cross-entropy.

    Args:
        classes: number of classes.
        ratio: factor per step between classes, 0 <= ratio < 1.

    Raises:
        ConfigError: if the ratio is out of range.

    >>> ordinal(3, 0.5).tolist()
    [[1.0, 0.5, 0.25], [0.5, 1.0, 0.5], [0.25, 0.5, 1.0]]
    """
    places = np.arange(classes)
    likeness: Matrix = np.float64(checked_ratio(ratio)) ** np.abs(places[:, None] - places[None, :])
    return likeness


def checked_ratio(ratio: float) -> float:
    """Return the ratio of ordinal classes; raise a ConfigError if it is invalid: with 1 all classes would be equal."""
    if not 0.0 <= ratio < 1.0:
        raise ConfigError(f"Expected a ratio of at least 0 and below 1 for ordinal classes but got {ratio:g}.")
    return float(ratio)


def tree_similarity(tree: LabelTree, distance: DistanceKind = "lca-depth") -> Matrix:
    """Return 1 - d / d_max between the leaves, [L, L] in the order of `tree.leaves`.

    >>> tree = LabelTree.from_edges([("root", "animal"), ("animal", "cat"), ("animal", "dog"), ("root", "truck")])
    >>> tree_similarity(tree).tolist()
    [[1.0, 0.5, 0.0], [0.5, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    distances = tree.distances(distance)
    return 1.0 - distances / max(int(distances.max()), 1)


def cosine(embeddings: ArrayLike) -> Matrix:
    """Return the cosines between the rows, [rows, rows]; negative values become 0, as for orthogonal rows.

    Raises:
        ConfigError: if a row is zero or not finite, and so has no direction.

    >>> cosine([[1.0, 0.0], [2.0, 0.0], [-1.0, 1.0]]).round(4).tolist()
    [[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    rows = np.asarray(embeddings, np.float64)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    if not (np.isfinite(lengths).all() and (lengths > 0).all()):
        raise ConfigError(
            "An embedding has no direction, because it is all 0 or not finite; use another model or other names."
        )
    unit = rows / lengths
    cosines: Matrix = np.clip(unit @ unit.T, 0.0, 1.0)
    np.fill_diagonal(cosines, 1.0)
    return cosines


def bounded(similarity: Matrix, lower_bound: float) -> Matrix:
    """Return max(0, (s - lower_bound) / (1 - lower_bound)) for each s: values up to the bound become 0.

    >>> bounded(np.array([[1.0, 0.4], [0.75, 1.0]]), 0.5).tolist()
    [[1.0, 0.0], [0.5, 1.0]]
    """
    return np.maximum(0.0, (similarity - lower_bound) / (1.0 - lower_bound))


def checked_bound(lower_bound: float) -> float:
    """Return the lower bound; raise a ConfigError if it is invalid: with 1 no class would be similar to another."""
    if not lower_bound < 1.0:
        raise ConfigError(f"Expected a lower bound below 1 but got {lower_bound:g}.")
    return lower_bound


def clipping_note(matrix: Matrix) -> str:
    """Return a sentence on the negative values, such as cosines, that count as 0; empty if there are none.

    >>> clipping_note(np.array([[1.0, -0.02], [-0.3, 1.0]]))
    'The similarity has 2 negative values, down to -0.3, which count as 0.'
    """
    negative = matrix[matrix < -ROUNDING]
    if not negative.size:
        return ""
    return (
        f"The similarity has {pluralize(negative.size, 'negative value')}, down to {negative.min():.3g}, which"
        f" {'counts' if negative.size == 1 else 'count'} as 0."
    )


def checked(similarity: ArrayLike, classes: int) -> Matrix:
    """Return the matrix as float64 [classes, classes] from 0 to 1, with 1 on the diagonal.

    Rounding errors are removed; negative values, such as cosines, become 0 with a DataWarning that counts them.

    Raises:
        ConfigError: if it is invalid.
    """
    try:
        matrix = np.asarray(similarity, np.float64)
    except (TypeError, ValueError):
        raise ConfigError(
            "The similarity matrix contains a value that is not a number; give numbers from 0 to 1."
        ) from None
    if matrix.shape != (classes, classes):
        raise ConfigError(
            f"Expected a similarity matrix of shape [{classes}, {classes}], one row per leaf, but got"
            f" {list(matrix.shape)}."
        )
    if not ((matrix >= -1 - ROUNDING) & (matrix <= 1 + ROUNDING)).all():
        raise ConfigError("The similarity matrix has entries outside 0 to 1; rescale them.")
    if not np.allclose(np.diag(matrix), 1.0):
        raise ConfigError(
            "The similarity matrix has diagonal entries other than 1; the similarity of a class to itself is 1."
        )
    if negative := clipping_note(matrix):
        warnings.warn(negative, DataWarning, stacklevel=3)
    matrix = matrix.clip(0.0, 1.0)
    np.fill_diagonal(matrix, 1.0)
    if classes > 1 and (matrix == 1.0).all():
        raise ConfigError(
            "The similarity matrix is all ones, so SimLoss is 0 for any output; use lower values for different classes."
        )
    return matrix
