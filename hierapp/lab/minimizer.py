"""Where the hierarchical loss is least in expectation under a given truth over the leaves.

Written in the probabilities z of nodes, the expectation of (2) over y ~ t is, with t(v) the truth below v,

    - sum over v of c(v) log z(v) + mass * sum over internal v of z(v),

where c(v) = t(v) for all nodes but the root with path targets, and for the leaves alone with leaf targets: the weights
s(v) of neighbouring decisions telescope. That is convex in the leaves' probabilities, so that Newton's method finds
the one point where it is least: a few steps, nothing random, no torch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hierapp.errors import ConfigError
from hierapp.lab.example import Example
from hierapp.lab.numbers import number
from hierapp.losses import propriety
from hierapp.trees import LabelTree

Floats = NDArray[np.float64]

MOST_LEAVES = 300
TARGETS = ("path", "leaf")
# A class that never occurs counts as this share of the truth, so that logarithms stay finite.
RAREST = 1e-9


@dataclass(frozen=True)
class Minimizer:
    """Where the expected loss is least.

    Attributes:
        tree: the label tree.
        targets: "path" or "leaf".
        mass: weight of the second term.
        truth: by leaf.
        probabilities: by leaf, where the expected loss is least.
        value: the expected loss there.
        value_at_truth: and where the probabilities are the truth.
        off: the largest difference of a leaf's probability to its truth.
        is_proper: whether this loss over this tree is least at every truth.
        reason: one sentence that says why.
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
        """The minimizer as an example, to be judged and decoded."""
        return Example.from_leaf_probabilities(self.tree, self.probabilities, target)


def least(tree: LabelTree, truth: Sequence[float], targets: str = "path", mass: float = 1.0) -> Minimizer:
    """Where the expectation of hierarchical (without soft labels) is least, to some 1e-8.

    Args:
        tree: the label tree, with at most 300 leaves.
        truth: the probability of each leaf; they add up to 1.
        targets: "path" or "leaf".
        mass: weight of the second term, 0 or more.

    Raises:
        ConfigError: for what is no truth over the leaves, other targets, a mass below 0, or too large a tree.

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
        "The expected loss is least at the truth."
        if off < 1e-6
        else f"The expected loss is least where {name} has probability {number(float(q[worst]))}; the truth is"
        f" {number(float(t[worst]))}."
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
    """Four leaves a, b, c, d, of which b and c lie so many steps below d: 0 is flat, 2 the ragged tree of the docs.

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
    """The minimizer over `unbalanced(0)`, `unbalanced(1)`, ... up to `most` steps, under one truth over a, b, c, d.

    Raises:
        ConfigError: as `least` and `unbalanced`.
    """
    return tuple(least(unbalanced(steps), truth, targets, mass) for steps in range(most + 1))


def _checked(tree: LabelTree, truth: Sequence[float], targets: str, mass: float) -> Floats:
    size = len(tree.leaves)
    if size > MOST_LEAVES:
        raise ConfigError(f"The tree has {size} leaves; the minimizer is found for at most {MOST_LEAVES}.")
    if targets not in TARGETS:
        raise ConfigError(f"Expected targets to be one of {', '.join(TARGETS)} but got {targets!r}.")
    if not (math.isfinite(mass) and mass >= 0):
        raise ConfigError(f"Expected a mass of 0 or more but got {mass:g}.")
    given = np.array(truth, np.float64)
    if given.shape != (size,) or not (given >= 0).all() or not abs(given.sum() - 1) < 1e-6:
        raise ConfigError(f"Expected a truth of {size} probabilities, one a leaf, that add up to 1.")
    normalised: Floats = given / given.sum()
    return normalised


def _below(tree: LabelTree) -> Floats:
    """[N - 1, L]: 1 where the leaf lies below the node, or is it; the root left out."""
    leaves = np.arange(len(tree.leaves))
    inside: Floats = ((tree.leaf_ranges[1:, :1] <= leaves) & (leaves < tree.leaf_ranges[1:, 1:])).astype(np.float64)
    return inside


def _expected(tree: LabelTree, below: Floats, weights: Floats, charge: Floats, q: Floats) -> float:
    # The charges are the probabilities of all internal nodes, the root's 1 included.
    return float(-(weights * np.log(below @ q)).sum() + charge @ q)


def _newton(below: Floats, weights: Floats, charge: Floats, truth: Floats) -> Floats:
    """The q >= 0, sum 1, of least -weights . log(below q) + charge . q.

    Where a class never occurs, the least may lie on the edge: then the weights come down to it in steps, each started
    from the last one's answer.
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
        # In units of q itself, so that rare classes weigh no less than common ones.
        curved = (below * q).T @ ((weights / z**2)[:, None] * (below * q))
        system = np.zeros((size + 1, size + 1))
        system[:size, :size] = curved
        system[:size, size] = system[size, :size] = q
        step = q * np.linalg.solve(system, np.append(-q * slope, 0.0))[:size]
        decrement = -float(slope @ step)
        if decrement < 1e-22:
            break
        # Never past 0, and only as far as the function falls.
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
