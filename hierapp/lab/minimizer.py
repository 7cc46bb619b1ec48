"""Minimizer of the expected hierarchical loss under a given true distribution over the leaves.

In the probabilities z of nodes, the expectation of (2) over y ~ t, with t(v) the true probability below v, is

    - sum over v of c(v) log z(v) + mass * sum over internal v of z(v),

where c(v) = t(v) for all nodes but the root with path targets, and only for the leaves with leaf targets: the weights
s(v) of neighboring decisions telescope. The function is convex in the leaf probabilities, so Newton's method finds
its only minimizer in a few steps, deterministically and without torch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hierapp.errors import ConfigError
from hierapp.lab.example import Example
from hierapp.losses import propriety
from hierapp.trees import LabelTree
from hierapp.utils.numbers import number

Floats = NDArray[np.float64]

MOST_LEAVES = 300
TARGETS = ("path", "leaf")
# Share of the truth given to a class that never occurs, so that logarithms stay finite.
RAREST = 1e-9


@dataclass(frozen=True)
class Minimizer:
    """The minimizer of an expected loss.

    Attributes:
        tree: the label tree.
        targets: "path" or "leaf".
        mass: weight of the second term.
        truth: the true probability of each leaf.
        probabilities: the probability of each leaf at the minimum.
        value: the expected loss at the minimum.
        value_at_truth: the expected loss at the true probabilities.
        off: the largest absolute difference between a leaf's probability and its true probability.
        is_proper: whether this loss over this tree is minimal at the truth for every true distribution.
        reason: one sentence that explains `is_proper`.
        summary: one sentence with the numbers.
    """

    tree: LabelTree
    targets: str
    mass: float
    truth: tuple[float, ...]
    probabilities: tuple[float, ...]
    value: float
    value_at_truth: float
    off: float
    is_proper: bool
    reason: str
    summary: str

    def example(self, target: int = 0) -> Example:
        """Return the minimizer as an example, for evaluation and decoding."""
        return Example.from_leaf_probabilities(self.tree, self.probabilities, target)


def least(tree: LabelTree, truth: Sequence[float], targets: str = "path", mass: float = 1.0) -> Minimizer:
    """Minimize the expectation of the hierarchical loss (without soft labels), to about 1e-8.

    Args:
        tree: the label tree, with at most 300 leaves.
        truth: the true probability of each leaf; they add up to 1.
        targets: "path" or "leaf".
        mass: weight of the second term, 0 or more.

    Raises:
        ConfigError: if `truth` is not a distribution over the leaves, `targets` is unknown, `mass` is negative, or the
            tree is too large.

    >>> tree = LabelTree.from_edges([("root", "A"), ("A", "a"), ("A", "B"), ("B", "b"), ("B", "c"), ("root", "d")])
    >>> [round(least(tree, [0.25] * 4, *pair).probabilities[3], 2) for pair in (("leaf", 1), ("path", 0), ("path", 1))]
    [0.61, 0.11, 0.25]
    """
    t = _checked(tree, truth, targets, mass)
    above = _below(tree)
    weights = above @ t
    if targets == "leaf":
        weights[tree.internal_nodes[1:] - 1] = 0.0
    charge: Floats = (mass * (tree.depth[tree.leaf_nodes] - 1)).astype(np.float64)
    q = _newton(above, weights, charge, t)
    said = propriety.hierarchical(tree, targets, mass, 0.0)
    worst = int(np.abs(q - t).argmax())
    off = float(abs(q[worst] - t[worst]))
    name = tree.leaves[worst]
    summary = (
        "The expected loss has its minimum at the true probabilities."
        if off < 1e-6
        else f"At the minimum of the expected loss {name} has probability {number(float(q[worst]))}; the true "
        f"probability is {number(float(t[worst]))}."
    )
    return Minimizer(
        tree,
        targets,
        float(mass),
        tuple(t.tolist()),
        tuple(q.tolist()),
        _expected(tree, above, weights, charge, q),
        _expected(tree, above, weights, charge, np.maximum(t, RAREST)),
        off,
        said.is_proper,
        said.reason,
        summary,
    )


def unbalanced(steps: int) -> LabelTree:
    """Build a tree of leaves a, b, c, d, with b and c `steps` levels below d: 0 is flat, 2 the docs' ragged tree.

    Raises:
        ConfigError: unless steps is from 0 to 8.

    >>> [unbalanced(steps).depth.tolist() for steps in (0, 1, 2)]
    [[1, 2, 2, 2, 2], [1, 2, 3, 3, 3, 2], [1, 2, 3, 3, 4, 4, 2]]
    """
    if not 0 <= steps <= 8:
        raise ConfigError(f"Expected the tree to be unbalanced by 0 to 8 steps but got {steps}.")
    if steps == 0:
        return LabelTree.from_edges([("root", leaf) for leaf in "abcd"])
    edges, last = [("root", "A"), ("A", "a")], "A"
    for step in range(steps - 1):
        edges.append((last, inner := chr(ord("B") + step)))
        last = inner
    return LabelTree.from_edges([*edges, (last, "b"), (last, "c"), ("root", "d")])


def walk(
    truth: Sequence[float] = (0.25,) * 4, targets: str = "path", mass: float = 1.0, most: int = 6
) -> tuple[Minimizer, ...]:
    """Compute the minimizer over `unbalanced(0)` to `unbalanced(most)`, under one true distribution over a, b, c, d.

    Raises:
        ConfigError: as `least` and `unbalanced`.
    """
    return tuple(least(unbalanced(steps), truth, targets, mass) for steps in range(most + 1))


def _checked(tree: LabelTree, truth: Sequence[float], targets: str, mass: float) -> Floats:
    size = len(tree.leaves)
    if size > MOST_LEAVES:
        raise ConfigError(f"The tree has {size} leaves; the minimizer is computed for at most {MOST_LEAVES}.")
    if targets not in TARGETS:
        raise ConfigError(f"Expected targets to be one of {', '.join(TARGETS)} but got {targets!r}.")
    if not (math.isfinite(mass) and mass >= 0):
        raise ConfigError(f"Expected a mass of 0 or more but got {mass:g}.")
    given = np.array(truth, np.float64)
    if given.shape != (size,) or not (given >= 0).all() or not abs(given.sum() - 1) < 1e-6:
        raise ConfigError(f"Expected {size} true probabilities, one per leaf, that add up to 1.")
    normalized: Floats = given / given.sum()
    return normalized


def _below(tree: LabelTree) -> Floats:
    """Return [N - 1, L], for all nodes but the root: 1 where the leaf is the node or lies below it, else 0."""
    leaves = np.arange(len(tree.leaves))
    inside: Floats = ((tree.leaf_ranges[1:, :1] <= leaves) & (leaves < tree.leaf_ranges[1:, 1:])).astype(np.float64)
    return inside


def _expected(tree: LabelTree, below: Floats, weights: Floats, charge: Floats, q: Floats) -> float:
    # charge @ q is the mass term: the probabilities of all internal nodes, including the root's 1.
    return float(-(weights * np.log(below @ q)).sum() + charge @ q)


def _newton(below: Floats, weights: Floats, charge: Floats, truth: Floats) -> Floats:
    """Return the q >= 0 with sum 1 that minimizes -weights . log(below q) + charge . q.

    If a class never occurs, the minimum may lie on the boundary: a weight added to the leaves is then reduced in steps,
    each starting from the previous solution.
    """
    q = np.full(len(truth), 1.0 / len(truth))
    leaves = below.sum(1) == 1
    shares = (1e-2, 1e-4, 1e-6, RAREST) if truth.min() < RAREST else (0.0,)
    for share in shares:
        q = _descend(below, weights + share * leaves / len(truth), charge, q)
    return q


def _descend(below: Floats, weights: Floats, charge: Floats, q: Floats) -> Floats:
    size = len(q)
    for _ in range(200):
        z = below @ q
        slope = charge - below.T @ (weights / z)
        # Scale by q, so that rare classes weigh no less than common ones.
        curved = (below * q).T @ ((weights / z**2)[:, None] * (below * q))
        system = np.zeros((size + 1, size + 1))
        system[:size, :size] = curved
        system[:size, size] = system[size, :size] = q
        step = q * np.linalg.solve(system, np.append(-q * slope, 0.0))[:size]
        decrement = -float(slope @ step)
        if decrement < 1e-22:
            break
        # Line search: keep q above 0 and require a decrease.
        falling = step < 0
        length = min(1.0, 0.99 * float((q[falling] / -step[falling]).min())) if falling.any() else 1.0
        here = charge @ q - (weights * np.log(z)).sum()
        for _ in range(60):
            moved = q + length * step
            there = charge @ moved - (weights * np.log(below @ moved)).sum()
            if there <= here - 1e-4 * length * decrement + 1e-15:
                break
            length /= 2
        q = moved / moved.sum()
    return q
