"""Propriety of losses: a loss is proper if the true probabilities minimize its expectation.

This module does not import torch, so pages can show the propriety of a choice before anything is trained.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from hierapp.errors import ConfigError
from hierapp.similarities import spec as similarity_spec
from hierapp.similarities.similarity import Matrix, bounded, checked
from hierapp.trees import LabelTree
from hierapp.trees.distances import largest_distance, smallest_distance


class ImproperLossWarning(UserWarning):
    """The chosen options make an improper loss, although a similar choice of options is proper."""


@dataclass(frozen=True)
class Propriety:
    """Whether the true probabilities minimize the expected loss, and one sentence that gives the reason."""

    is_proper: bool
    reason: str


def hierarchical(tree: LabelTree, targets: str, mass: float, soft: float) -> Propriety:
    """Judge the hierarchical loss (Loss in Layers, eq. 2).

    On ragged trees only two pairs of targets and mass are proper.

    With path targets the weight of a decision is the number of steps that remain below it, plus one: larger on a deep
    branch than on a shallow one. This favors deep leaves by exactly as much as mass = 1 penalizes them. With leaf
    targets every decision has weight 1, so no leaves are favored, and any mass penalizes deep leaves.
    """
    if (away := _soft(tree, soft)) is not None:
        return away
    if tree.is_uniform_depth:
        return Propriety(
            True,
            "On a tree of uniform depth the second term is constant, and siblings have the same weight on every path.",
        )
    wanted = 1.0 if targets == "path" else 0.0
    if mass == wanted:
        return Propriety(
            True,
            "On a ragged tree path targets with mass 1 are a Bregman divergence."
            if targets == "path"
            else "Leaf targets without the second term are -log z(y), cross-entropy in a different parametrization.",
        )
    towards = "shallow" if mass > wanted else "deep"
    return Propriety(
        False,
        f"On a ragged tree {targets} targets with mass {mass:g} are biased towards {towards} leaves; path targets "
        "with mass 1, and leaf targets with mass 0, are not.",
    )


def convex(tree: LabelTree, soft: float) -> Propriety:
    """Judge the convex loss (Loss in Layers, eq. 4): cross-entropies of decisions, weighted equally among siblings."""
    away = _soft(tree, soft)
    return siblings_alike() if away is None else away


def siblings_alike() -> Propriety:
    """Judge a sum of cross-entropies of decisions, each with a weight above 0 that is the same for all siblings."""
    return Propriety(True, "Each decision contributes a cross-entropy with the same weight for all siblings.")


def cross_entropy(label_smoothing: float) -> Propriety:
    """Judge cross-entropy: with label smoothing, the smoothed truth minimizes the expected loss."""
    if label_smoothing == 0:
        return Propriety(True, "Cross-entropy has its minimum at the true probabilities.")
    return Propriety(
        False,
        f"Its minimum is the true distribution mixed with a share of {label_smoothing:g} of the uniform distribution.",
    )


def regularized(penalty: float) -> Propriety:
    """Judge cross-entropy with an entropy bonus, which flattens the probabilities that minimize the loss."""
    if penalty == 0:
        return cross_entropy(0.0)
    return Propriety(False, "The entropy bonus moves the minimum to probabilities flatter than the true ones.")


def soft_labels(beta: float) -> Propriety:
    """Judge soft labels: the truth spread over similar classes minimizes the expected loss."""
    return Propriety(
        False,
        f"Its minimum is the true distribution spread over nearby classes by beta = {beta:g}; the larger beta, "
        "the smaller the spread.",
    )


def simloss(is_identity: bool) -> Propriety:
    """Judge SimLoss, which gives credit for similar classes."""
    if is_identity:
        return Propriety(True, "No two classes are similar here, so it equals cross-entropy.")
    return Propriety(
        False, "Similar classes share credit: the loss does not need to tell them apart, and favors the central ones."
    )


def tree_wasserstein() -> Propriety:
    """Judge tree-Wasserstein: its expectation over hard targets is linear in the probabilities."""
    return Propriety(
        False,
        "For hard targets its expectation is linear in the probabilities: the minimum puts all probability on the "
        "leaf with the smallest expected distance.",
    )


def simloss_of_tree(tree: LabelTree, lower_bound: float) -> Propriety:
    """Judge SimLoss with the similarity of the tree, 1 - d / d_max."""
    alike = 1 - smallest_distance(tree) / max(largest_distance(tree), 1)
    return simloss(is_identity=len(tree.leaves) == 1 or alike <= lower_bound)


def simloss_of(tree: LabelTree, similarity: str | Matrix, lower_bound: float) -> Propriety:
    """Judge SimLoss with a named similarity, or with a matrix over the leaves of the tree."""
    size = len(tree.leaves)
    if not isinstance(similarity, str):
        table = checked(bounded(similarity, lower_bound), size)
        return simloss(is_identity=np.count_nonzero(table) == size)
    if similarity == similarity_spec.TREE:
        return simloss_of_tree(tree, lower_bound)
    if (ratio := similarity_spec.ratio_of(similarity)) is not None:
        return simloss(is_identity=size == 1 or ratio <= lower_bound)
    raise ConfigError(
        f"The similarity {similarity!r} is a name from a run's configuration; pass its matrix over the tree's leaves, "
        "as"
        " hierapp.similarities.library.with_matrix does."
    )


def checked_levels(tree: LabelTree, weights: Iterable[float] | None) -> tuple[float, ...]:
    """Return one weight for each level below the root, all 1 by default, or raise a ConfigError."""
    levels = tree.leaf_paths.shape[1] - 1
    chosen = tuple(float(weight) for weight in weights) if weights is not None else (1.0,) * levels
    if len(chosen) != levels:
        raise ConfigError(
            f"Expected {levels} weights for level-wise, one for each level below the root, but got {len(chosen)}."
        )
    if not all(0 <= weight < math.inf for weight in chosen) or max(chosen) == 0:
        raise ConfigError("Expected weights for level-wise that are finite, non-negative and not all 0.")
    return chosen


def level_wise(tree: LabelTree, weights: Iterable[float] | None) -> Propriety:
    """Judge level-wise cross-entropies of marginals; on the last level every leaf stands alone."""
    if checked_levels(tree, weights)[-1] > 0:
        return Propriety(
            True,
            "Each level's cross-entropy has its minimum at the true probabilities, and the last "
            "level contains every leaf.",
        )
    return Propriety(
        False,
        "The last level has weight 0, so leaves are distinguished only as far as the levels above distinguish them.",
    )


def _soft(tree: LabelTree, soft: float) -> Propriety | None:
    """Judge soft labels off the path: they have no effect if every decision is on every path."""
    deciding = [node for node in tree.internal_nodes.tolist() if len(tree.children[node]) > 1]
    if soft == 0 or len(deciding) <= 1:
        return None
    return Propriety(
        False,
        f"Soft labels with weight {soft:g} pull every decision off the true path towards the uniform distribution.",
    )
