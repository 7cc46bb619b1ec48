"""The credit that SimLoss gives wrong classes, and what it does to its propriety; without torch."""

from __future__ import annotations

import math

import numpy as np

from hierapp.errors import ConfigError
from hierapp.losses.propriety import Propriety
from hierapp.similarities import spec as similarity_spec
from hierapp.similarities.similarity import Matrix, bounded, checked
from hierapp.trees import LabelTree
from hierapp.trees.distances import largest_distance, smallest_distance

# Share of the credit above which a wrong class is reported.
HALF = 0.5


def simloss(most: float, lower_bound: float) -> Propriety:
    """Judge SimLoss, which gives credit for similar classes.

    Args:
        most: largest credit of a wrong class, with the lower bound applied.
        lower_bound: the lower bound.
    """
    if most <= 0:
        return Propriety(True, "No two classes are similar here, so it equals cross-entropy.")
    reason = "Similar classes share credit: the loss does not need to tell them apart, and favors the central ones."
    gives_up = simloss_gives_up(most, lower_bound)
    return Propriety(False, f"{reason} {gives_up}" if gives_up else reason)


def simloss_gives_up(most: float, lower_bound: float) -> str | None:
    """Return a warning if SimLoss leaves a wrong class more than half the credit, else None.

    Where all belief is on a wrong class c the loss is -log S[y, c] and its gradient vanishes; see `simloss`.

    >>> simloss_gives_up(0.5, 0.0) is None
    True
    """
    if most <= HALF:
        return None
    # The bound b that leaves (s - b) / (1 - b) = 1 / 2 of the similarity s without a bound.
    enough = 2 * (most * (1 - lower_bound) + lower_bound) - 1
    bound = math.ceil(100 * enough) / 100
    remedy = f"set lower_bound to {bound:g} or more" if bound < 1 else "use a similarity that distinguishes them"
    return (
        f"A wrong class gets up to {most:.2f} of the credit: an output that is certain of it has a loss of only"
        f" {abs(math.log(most)):.2f} and almost no gradient; to leave it at most half, {remedy}."
    )


def largest_credit(similarity: Matrix) -> float:
    """Return the largest entry off the diagonal of a similarity, 0 for one class."""
    apart = ~np.eye(len(similarity), dtype=bool)
    return float(similarity[apart].max(initial=0.0))


def simloss_of_tree(tree: LabelTree, lower_bound: float) -> Propriety:
    """Judge SimLoss with the similarity of the tree, 1 - d / d_max."""
    return simloss(tree_credit(tree, lower_bound), lower_bound)


def tree_credit(tree: LabelTree, lower_bound: float) -> float:
    """Return the largest credit that SimLoss with the similarity of the tree gives a wrong class."""
    alike = 1 - smallest_distance(tree) / max(largest_distance(tree), 1) if len(tree.leaves) > 1 else 0.0
    return max(0.0, (alike - lower_bound) / (1.0 - lower_bound))


def simloss_of(tree: LabelTree, similarity: str | Matrix, lower_bound: float) -> Propriety:
    """Judge SimLoss with a named similarity, or with a matrix over the leaves of the tree."""
    size = len(tree.leaves)
    if not isinstance(similarity, str):
        return simloss(largest_credit(checked(bounded(similarity, lower_bound), size)), lower_bound)
    if similarity == similarity_spec.TREE:
        return simloss_of_tree(tree, lower_bound)
    if (ratio := similarity_spec.ratio_of(similarity)) is not None:
        return simloss(max(0.0, (ratio - lower_bound) / (1.0 - lower_bound)) if size > 1 else 0.0, lower_bound)
    raise ConfigError(
        f"The similarity {similarity!r} is a name from a run's configuration; pass its matrix over the tree's leaves, "
        "as"
        " hierapp.similarities.library.with_matrix does."
    )
