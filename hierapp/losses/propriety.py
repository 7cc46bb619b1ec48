"""Propriety of losses: a loss is proper if the true probabilities minimize its expectation.

This module does not import torch, so pages can show the propriety of a choice before anything is trained.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from hierapp.errors import ConfigError
from hierapp.losses import priors
from hierapp.similarities import spec as similarity_spec
from hierapp.similarities.similarity import Matrix, bounded, checked
from hierapp.trees import LabelTree
from hierapp.trees.distances import largest_distance, smallest_distance

# Share of the credit above which a wrong class is reported.
HALF = 0.5


class ImproperLossWarning(UserWarning):
    """The chosen options make an improper loss, although a similar choice of options is proper."""


@dataclass(frozen=True)
class Propriety:
    """Whether the true probabilities minimize the expected loss, and one sentence that gives the reason."""

    is_proper: bool
    reason: str


def counted(plain: Propriety, has_weights: bool, index: str) -> Propriety:
    """Count class weights and coarse labels in.

    Args:
        plain: the propriety of the loss for leaves as labels, without class weights.
        has_weights: whether there are class weights that are not all equal.
        index: "leaf", or "node" for labels that may be inner nodes.

    >>> counted(cross_entropy(0.0), True, "leaf").is_proper
    False
    """
    reason = plain.reason
    if index == "node" and plain.is_proper:
        reason += (
            " With coarse labels this holds if how coarse a label is does not depend on the class; classes that no"
            " label distinguishes are not distinguished."
        )
    if not has_weights:
        return Propriety(plain.is_proper, reason)
    if plain.is_proper:
        return Propriety(
            False,
            f"{reason} With class weights w its minimum is at probabilities proportional to w * t, where t are the true"
            " ones; divide the outputs by w and normalize them to estimate t.",
        )
    return Propriety(
        False, f"{reason} Class weights w also move the minimum from the true probabilities t towards w * t."
    )


def adjusted(plain: Propriety, tau: float, has_equal_priors: bool | None) -> Propriety:
    """Count logit adjustment in.

    Args:
        plain: the propriety without it.
        tau: its strength.
        has_equal_priors: whether the priors change nothing; None if they are unknown.
    """
    if not tau or has_equal_priors or not plain.is_proper:
        return plain
    return Propriety(
        False,
        f"{plain.reason} Logit adjustment with tau = {tau:g} moves its minimum to t / prior^tau, normalized; with tau 1"
        " these are the probabilities if all classes were equally frequent."
        + ("" if has_equal_priors is False else " Equal priors would change nothing."),
    )


def adjusted_by_leaf(plain: Propriety, tree: LabelTree, options: Mapping[str, Any]) -> Propriety:
    """Count the logit adjustment of options in, with priors of leaves; "prior" may be missing."""
    return _adjusted_by(plain, tree, options, "leaf")


def adjusted_by_node(plain: Propriety, tree: LabelTree, options: Mapping[str, Any]) -> Propriety:
    """Count the logit adjustment of options in, with priors of nodes given their parents; "prior" may be missing."""
    return _adjusted_by(plain, tree, options, "node")


def _adjusted_by(plain: Propriety, tree: LabelTree, options: Mapping[str, Any], by: priors.By) -> Propriety:
    prior = options.get("prior")
    return adjusted(plain, options["tau"], None if prior is None else priors.are_equal(tree, prior, by))


def hierarchical(tree: LabelTree, targets: str, mass: float, soft: float, index: str = "leaf") -> Propriety:
    """Judge the hierarchical loss (Loss in Layers, eq. 2).

    On ragged trees only two pairs of targets and mass are proper.

    With path targets the weight of a decision is the number of steps that remain below it, plus one: larger on a deep
    branch than on a shallow one. This favors deep leaves by exactly as much as mass = 1 penalizes them. With leaf
    targets every decision has weight 1, so no leaves are favored, and any mass penalizes deep leaves. Coarse labels
    favor deep leaves less, because their paths are shorter, and are penalized as much.
    """
    if (away := _soft(tree, soft)) is not None:
        return away
    if tree.is_uniform_depth:
        return Propriety(
            True,
            "On a tree of uniform depth the second term is constant, and siblings have the same weight on every path.",
        )
    wanted = 1.0 if targets == "path" else 0.0
    if mass == wanted == 1.0 and index == "node":
        return Propriety(
            False,
            "On a ragged tree path targets with mass 1 are a Bregman divergence only for leaves: a coarse label has a"
            " shorter path but the same second term, which favors shallow leaves; use leaf targets with mass 0.",
        )
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


def softmax_margin(tau: float) -> Propriety:
    """Judge softmax margin: without a margin it is cross-entropy over the nodes."""
    if tau == 0:
        return Propriety(True, "Without a margin it is cross-entropy over the nodes.")
    return Propriety(
        False,
        f"The margin of {tau:g} is added to the wrong nodes in training only, so the outputs that minimize the loss are"
        " more certain than the truth.",
    )


def tree_min_focal(tree: LabelTree, gamma: float, index: str = "leaf") -> Propriety:
    """Judge tree-min focal loss: binary cross-entropies of nodes, bent by the focal factors."""
    if gamma:
        return Propriety(
            False,
            f"The focal factors with gamma = {gamma:g} reduce the weight of nodes that are right already, so the scores"
            " that minimize the loss are nearer to 1/2 than the true probabilities.",
        )
    if index == "node" and len(_deciding(tree)) > 1:
        return Propriety(
            False,
            "A coarse label observes the nodes below other inner nodes, which are absent, but not those below its own,"
            " of which one is present: deep nodes are underestimated.",
        )
    return Propriety(True, "The sum of the nodes' binary cross-entropies has its minimum at the true probabilities.")


def frame() -> Propriety:
    """Judge cross-entropy on a fixed head, whose rows are linearly independent."""
    return Propriety(
        True, "Cross-entropy has its minimum at the true probabilities, and the fixed head can express all of them."
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


LEVEL_PRESETS = ("uniform", "hxe", "report", "geometric")


def preset_levels(levels: int, preset: str) -> tuple[float, ...]:
    """Return the weights of the levels from the children of the root down.

    Weights w of the marginals z are sums of weights s of the decisions p(v) = z(v) / z(parent): s of a step is the sum
    of w from its level down. On trees of uniform depth

    - "uniform", all 1, has the s of `hierarchical` with path targets (Loss in Layers, eq. 2);
    - "hxe" has those of `hxe` with alpha = 0.1, not normalized;
    - "report" has those of `hierarchical-convex` (eq. 4), 1 / depth.

    "geometric" halves the weight from each level to the one above; the leaves' is 1.

    >>> preset_levels(3, "geometric")
    (0.25, 0.5, 1.0)
    >>> [round(weight, 4) for weight in preset_levels(3, "report")]
    [0.5, 0.1667, 0.3333]
    """
    steps = np.arange(1.0, levels + 1)
    if preset == "geometric":
        return tuple((0.5 ** (levels - steps)).tolist())
    of_steps = {"uniform": levels - steps + 1, "hxe": np.exp(-0.1 * steps), "report": 1 / steps}[preset]
    return tuple((of_steps - np.append(of_steps[1:], 0.0)).tolist())


def checked_levels(tree: LabelTree, weights: str | Iterable[float] | None) -> tuple[float, ...]:
    """Return one weight for each level below the root, all 1 by default, or raise a ConfigError.

    `weights` may be a preset, see `preset_levels`.
    """
    levels = tree.leaf_paths.shape[1] - 1
    if isinstance(weights, str):
        if weights not in LEVEL_PRESETS:
            raise ConfigError(
                f"Expected weights of level-wise to be numbers or one of {', '.join(LEVEL_PRESETS)}, but got"
                f" {weights!r}."
            )
        return preset_levels(levels, weights)
    chosen = tuple(float(weight) for weight in weights) if weights is not None else (1.0,) * levels
    if len(chosen) != levels:
        raise ConfigError(
            f"Expected {levels} weights for level-wise, one for each level below the root, but got {len(chosen)}."
        )
    if not all(0 <= weight < math.inf for weight in chosen) or max(chosen) == 0:
        raise ConfigError("Expected weights for level-wise that are finite, non-negative and not all 0.")
    return chosen


def level_wise(tree: LabelTree, weights: str | Iterable[float] | None, index: str = "leaf") -> Propriety:
    """Judge level-wise cross-entropies of marginals; on the last level every leaf stands alone."""
    if index == "node" and not tree.is_uniform_depth:
        return Propriety(
            False,
            "On a ragged tree a shallow leaf counts on the levels below it, where a coarse label is not observed, which"
            " favors shallow leaves.",
        )
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
    if soft == 0 or len(_deciding(tree)) <= 1:
        return None
    return Propriety(
        False,
        f"Soft labels with weight {soft:g} pull every decision off the true path towards the uniform distribution.",
    )


def _deciding(tree: LabelTree) -> list[int]:
    """Return the nodes with more than one child."""
    return [node for node in tree.internal_nodes.tolist() if len(tree.children[node]) > 1]
