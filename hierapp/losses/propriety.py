"""Propriety of losses: a loss is proper if the true probabilities minimize its expectation.

This module does not import torch, so pages can show the propriety of a choice before anything is trained.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from hierapp.losses import priors
from hierapp.losses.level_weights import checked_levels
from hierapp.trees import LabelTree


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
