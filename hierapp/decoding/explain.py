"""The decoders in numpy, for stored outputs and the Loss lab: the same predictions as `decoders`, without torch.

`decoders` documents each rule; tests compare the two modules.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hierapp.decoding.checks import check_probs
from hierapp.errors import ConfigError
from hierapp.trees import DistanceKind, LabelTree

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
RULES = ("leaf", "top-down", "min-risk", "threshold")
ROUNDING = 1e-6  # as `decoders.ROUNDING`


class Deepest(NamedTuple):
    """For each sample and each depth from 1, the most probable node and its probability, [n, D] each.

    The node is -1 where there is none.
    """

    node: Ints
    z: Floats


def node_probabilities(p: Floats, tree: LabelTree) -> Floats:
    """Compute the probabilities of all nodes [n, N] from those of the leaves [n, L]."""
    below = np.zeros((len(p), p.shape[1] + 1))
    np.cumsum(p, axis=1, out=below[:, 1:])
    z: Floats = np.take(below, tree.leaf_ranges[:, 1], axis=1)
    z -= np.take(below, tree.leaf_ranges[:, 0], axis=1)
    return z


def decode(
    p: Floats, tree: LabelTree, rule: str = "leaf", threshold: float = 0.5, distance: DistanceKind = "lca-depth"
) -> Ints:
    """Predict a node for each sample.

    Args:
        p: [n, L] probabilities in the order of `tree.leaves`.
        tree: the label tree; "min-risk" computes its distance matrix.
        rule: one of `RULES`; "leaf" by default.
        threshold: threshold of "threshold" (default 0.5).
        distance: distance of "min-risk" (default "lca-depth").

    Returns:
        [n], positions in `tree.nodes`.

    Raises:
        ConfigError: if the rule is unknown, the threshold is not from 0 to 1, or a row does not sum to about 1.
        TreeError: if the distance is unknown.

    >>> tree = LabelTree.from_edges([("root", "animal"), ("animal", "cat"), ("animal", "dog"), ("root", "truck")])
    >>> [tree.nodes[decode(np.array([[0.35, 0.25, 0.4]]), tree, rule)[0]] for rule in RULES]
    ['truck', 'cat', 'cat', 'animal']
    """
    check_probs(p)
    if rule == "leaf":
        return _leaf_nodes(p, tree)
    if rule == "top-down":
        return _top_down(p, tree)
    if rule == "min-risk":
        risks = p @ tree.distances(distance).astype(np.float64)
        least = risks.min(1, keepdims=True)
        # Among leaves of equal risk, choose the most probable.
        return _leaf_nodes(np.where(risks <= least + ROUNDING * (1 + np.abs(least)), p, -1.0), tree)
    if rule == "threshold":
        return at_threshold(deepest(p, tree), threshold)
    raise ConfigError(f"Unknown decoder {rule!r}; choose one of {', '.join(RULES)}.")


def deepest(p: Floats, tree: LabelTree) -> Deepest:
    """Compute the part of the threshold decoder that does not depend on the threshold."""
    check_probs(p)
    z = node_probabilities(p, tree)
    z[:, 0] = 1.0
    np.minimum(z, 1.0, out=z)
    node = np.zeros((len(p), int(tree.depth.max())), np.int64)
    best = np.ones(node.shape)
    for level in range(1, node.shape[1]):
        there = np.flatnonzero(tree.depth == level + 1)
        part = z[:, there]
        # As in `decoders.threshold`: among nodes that differ only by rounding, choose the first.
        likeliest = (part >= part.max(1, keepdims=True) - 1e-9).argmax(1)
        node[:, level] = there[likeliest]
        best[:, level] = part[np.arange(len(p)), likeliest]
    return Deepest(node, best)


def at_threshold(given: Deepest, threshold: float) -> Ints:
    """Return the deepest node with z >= threshold, the most probable one among nodes of equal depth, [n].

    Raises:
        ConfigError: if the threshold is not from 0 to 1.
    """
    if not 0 <= threshold <= 1:
        raise ConfigError(f"Expected a threshold from 0 to 1 but got {threshold:g}.")
    depths = np.arange(given.z.shape[1])
    level = np.where(given.z >= threshold - ROUNDING, depths, 0).max(1)
    chosen: Ints = given.node[np.arange(len(level)), level]
    return chosen


def _leaf_nodes(scores: Floats, tree: LabelTree) -> Ints:
    best: Ints = tree.leaf_nodes[scores.argmax(1)]
    return best


def _top_down(p: Floats, tree: LabelTree) -> Ints:
    z = node_probabilities(p, tree)
    node = np.zeros(len(p), np.int64)
    for inner in tree.internal_nodes.tolist():  # parents before children
        here = np.flatnonzero(node == inner)
        below = np.array(tree.children[inner])
        part = z[np.ix_(here, below)]
        if len(here):
            # Among nodes that are equal up to rounding, choose the first.
            node[here] = below[(part >= (1 - 1e-9) * part.max(1, keepdims=True)).argmax(1)]
    return node
