"""Find configurations that train the same loss in theory, so that any measured difference between them is noise.

Many of the losses have one form: a sum over the steps of the true path of weight * (-log p), where p = z(node) /
z(parent). They differ in the weights, in whether p comes from one softmax over the leaves (flat) or from one over each
set of siblings (conditional), and in additional terms. Two losses are the same if these agree, which is computed from
the tree, without a list of special cases. This module does not import torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from hierapp import losses
from hierapp.errors import ConfigError
from hierapp.losses import level_weights
from hierapp.losses.decay import step_decay
from hierapp.similarities.similarity import Matrix
from hierapp.trees import LabelTree

Kind = Literal["same", "scaled", "coordinates"]


class Configuration(Protocol):
    """The parts of a configuration that are read here; `RunConfig` implements it."""

    @property
    def loss(self) -> str:
        """Name of the loss in the registry."""
        ...

    @property
    def options(self) -> Mapping[str, Any]:
        """Options of the loss by name."""
        ...


@dataclass(frozen=True)
class Sameness:
    """The relation between two losses that are the same.

    Attributes:
        kind: "same", equal for the same logits up to a constant, with equal gradients; "scaled", one is the other times
            `factor`, up to a constant; "coordinates", equal as a function of the leaf probabilities, up to `factor` and
            a constant, but computed from different logits.
        factor: the first loss divided by the second.
        sentence: the relation in words.
    """

    kind: Kind
    factor: float
    sentence: str


@dataclass(frozen=True)
class _Form:
    """The parts of a loss.

    Attributes:
        terms: meaning of the columns of `numbers` after the steps; losses with different terms are not the same.
        head: "flat", "conditional", or "both" if the two coincide: all leaves are children of the root.
        numbers: [L, D + terms], for each leaf the weight of each step of its path and of each term; NaN where there is
            no weight. None for a loss that is not a sum over steps.
    """

    terms: tuple[Any, ...]
    head: str
    numbers: NDArray[np.float64] | None = None

    @property
    def is_plain(self) -> bool:
        """Whether the loss is -log z(y), for which the tree only names coordinates."""
        return self.numbers is not None and not self.terms and bool((np.nan_to_num(self.numbers, nan=1.0) == 1).all())

    @property
    def ignores_tree(self) -> bool:
        return self.numbers is None and self.terms[0] in ("cross-entropy", "regularized-cross-entropy")


_SENTENCES: dict[Kind, str] = {
    "same": "In theory both are the same loss up to a constant, with the same gradients: differences between runs "
    "that differ in nothing else are noise.",
    "scaled": "In theory both are the same loss{times}: for SGD this is a different learning rate, for Adam it has "
    "almost no effect, because Adam divides by the size of the gradients.",
    "coordinates": "In theory both are the same loss of the class probabilities{times}, parametrized differently: a "
    "softmax over all classes, or one over each set of siblings in the tree. They have the same minimum, and only the "
    "path to it differs.",
}


def same_loss(
    a: Configuration,
    b: Configuration,
    tree: LabelTree,
    other_tree: LabelTree | None = None,
    similarities: tuple[Matrix | None, Matrix | None] = (None, None),
) -> str | None:
    """Return one sentence that says how the losses of two configurations are the same, or None if they differ.

    Args:
        a: a configuration with `loss` and `options`.
        b: another configuration.
        tree: the tree of both, or of the first.
        other_tree: the tree of the second, if it differs.
        similarities: for each configuration the similarity matrix over the leaves, if its simloss does not use the
            tree's.

    >>> from hierapp.training import RunConfig
    >>> tree = LabelTree.from_edges([("r", "a"), ("r", "b"), ("a", "0"), ("a", "1"), ("b", "2"), ("b", "3")])
    >>> leaf = RunConfig.make(data="digits", tree="mine", loss="hierarchical", options={"targets": "leaf"})
    >>> same_loss(leaf, RunConfig.make(data="digits", tree="mine", loss="conditional"), tree)
    'In theory both are the same loss up to a constant, with the same gradients: differences between runs that differ \
in nothing else are noise.'
    >>> same_loss(leaf, RunConfig.make(data="digits", tree="mine", loss="simloss"), tree) is None
    True
    """
    found = sameness(a, b, tree, other_tree, similarities)
    return None if found is None else found.sentence


def sameness(
    a: Configuration,
    b: Configuration,
    tree: LabelTree,
    other_tree: LabelTree | None = None,
    similarities: tuple[Matrix | None, Matrix | None] = (None, None),
) -> Sameness | None:
    """Return the relation of `same_loss` with its kind and factor.

    A loss or option that this version of hierapp does not know is the same as no other.
    """
    try:
        one, other = _form(a, tree, similarities[0]), _form(b, other_tree or tree, similarities[1])
    except ConfigError:
        return None
    both_flat = "conditional" not in (one.head, other.head)
    if other_tree is not None and other_tree != tree:
        if one.is_plain and other.is_plain:
            return _said("same" if both_flat else "coordinates", 1.0)
        return _said("same", 1.0) if one.ignores_tree and one.terms == other.terms else None
    factor = _factor(one.numbers, other.numbers) if one.terms == other.terms else None
    if factor is None:
        return None
    if one.head != other.head and "both" not in (one.head, other.head):
        return _said("coordinates", factor)
    return _said("same" if factor == 1.0 else "scaled", factor)


def _said(kind: Kind, factor: float) -> Sameness:
    times = "" if factor == 1.0 else f", times {max(factor, 1 / factor):.3g}"
    return Sameness(kind, factor, _SENTENCES[kind].format(times=times))


def _form(configuration: Configuration, tree: LabelTree, similarity: Matrix | None) -> _Form:
    name = configuration.loss
    options = losses.check_options(name, configuration.options)
    own: dict[str, object] = {} if similarity is None else {"similarity": similarity}
    steps = np.arange(1, tree.leaf_paths.shape[1], dtype=np.float64)
    match name:
        case "cross-entropy" if options["label_smoothing"] == options["tau"] == 0:
            return _weighted(tree, np.ones_like(steps), "flat")
        case "regularized-cross-entropy" if options["penalty"] == 0:
            return _weighted(tree, np.ones_like(steps), "flat")
        case "simloss" if losses.judge(name, tree, options | own).is_proper:  # each class is similar only to itself
            return _weighted(tree, np.ones_like(steps), "flat")
        case "conditional" if options["tau"] == 0:
            return _weighted(tree, np.ones_like(steps), "conditional")
        case "hxe":
            weights = step_decay(tree, options["alpha"], options["normalize"], options["decay"])  # type: ignore[arg-type]
            return _weighted(tree, weights, str(options["parametrization"]))
        case "level-wise":
            given = level_weights.checked_levels(tree, options["weights"])  # type: ignore[arg-type]
            # -log z of a node is the sum over the steps to it: a step counts in its own level and all levels below.
            return _weighted(tree, np.array(given)[::-1].cumsum()[::-1], "flat")
        case "hierarchical":
            remaining = np.maximum(tree.depth[tree.leaf_nodes, None] - steps, 0.0)
            weights = remaining if options["targets"] == "path" else np.ones_like(steps)
            terms = _soft(tree, options, np.ones(len(tree.nodes)))
            # The second term is the expected depth of the leaves minus 1: a constant if all have the same depth.
            if options["mass"] and not tree.is_uniform_depth:
                terms["mass"] = np.full(len(tree.leaves), options["mass"])
            return _weighted(tree, weights, "conditional", terms)
        case "hierarchical-convex":
            return _weighted(tree, 1 / steps, "conditional", _soft(tree, options, 1 / tree.depth))
        case "soft-labels" if tree.is_uniform_depth:  # where all distances are equal up to a factor
            return _Form((name, options["beta"]), "flat")
    return _Form((name, *sorted(options.items())), "flat")


def _weighted(
    tree: LabelTree, weights: NDArray[np.float64], head: str, terms: Mapping[Any, NDArray[np.float64]] | None = None
) -> _Form:
    """Return the form of a sum over steps with these weights, [D] or [L, D], and terms of shape [L] each."""
    below = tree.leaf_paths[:, 1:]
    table = np.where(_decides(tree), np.broadcast_to(weights, below.shape), np.nan)
    is_flat = len(tree.nodes) == len(tree.leaves) + 1
    columns = np.column_stack([table, *(terms or {}).values()])
    return _Form(tuple(terms or ()), "both" if is_flat else head, columns)


def _decides(tree: LabelTree) -> NDArray[np.bool_]:
    """Return which steps a path has, bool [L, D], except those to an only child, whose p is always 1."""
    below = tree.leaf_paths[:, 1:]
    children = np.array([len(each) for each in tree.children])
    has: NDArray[np.bool_] = np.arange(2, below.shape[1] + 2) <= tree.depth[tree.leaf_nodes, None]
    return has & (children[tree.parents[below]] > 1)


def _soft(
    tree: LabelTree, options: Mapping[str, Any], node_weights: NDArray[np.floating[Any]]
) -> dict[Any, NDArray[np.float64]]:
    """Return the weight of a node off the path to each leaf, [L], keyed by how it varies between nodes."""
    deciding = [node for node in tree.internal_nodes.tolist() if len(tree.children[node]) > 1]
    off = len(deciding) - _decides(tree).sum(1)
    if not options["soft"] or not off.any():
        return {}
    others = len(tree.internal_nodes) - (tree.depth[tree.leaf_nodes] - 1)
    share = options["soft"] / (np.maximum(others, 1) if options["soft_reduction"] == "mean" else 1)
    # The first node that branches is on every path. If all others have the same weight, only that weight matters.
    weights = node_weights[deciding[1:]]
    alike = bool((weights == weights[0]).all())
    key = ("soft", () if alike else tuple(weights / weights[0]))
    return {key: np.where(off > 0, share * weights[0], np.nan)}


def _factor(one: NDArray[np.float64] | None, other: NDArray[np.float64] | None) -> float | None:
    """Return the ratio of the first to the second, or None if it is not constant."""
    if one is None or other is None:
        return 1.0 if one is other else None
    known = ~np.isnan(one)
    left, right = one[known], other[known]
    if np.allclose(left, right, rtol=1e-9, atol=0):
        return 1.0
    factor = float(left.sum() / right.sum()) if right.any() else 0.0
    return factor if factor > 0 and np.allclose(left, factor * right, rtol=1e-9, atol=0) else None
