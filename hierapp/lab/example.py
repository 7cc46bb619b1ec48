"""The lab's single example: a tree, a logit for each node below the root, and the true leaf.

The logits define one set of probabilities, and every loss is evaluated at that set. A conditional loss reads the node
logits directly. A flat loss reads one logit per leaf, log z(leaf), whose softmax over all leaves is z again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hierapp.errors import ConfigError
from hierapp.trees import LabelTree

Floats = NDArray[np.float64]

# Range and step of the sliders.
LOW, HIGH, STEP = -10.0, 10.0, 0.01
# Losses are finite for logits up to this magnitude; gradient descent clips to it.
LIMIT = 1e4
# Nodes of a tree.
MOST_NODES = 2_000
# Smaller leaf probabilities are replaced by this one, because 0 has no logit.
SMALLEST = 1e-30


@dataclass(frozen=True)
class Example:
    """One example.

    Args:
        tree: the label tree, with N nodes and L leaves.
        logits: N - 1 numbers from -10,000 to 10,000, as `tree.nodes[1:]`; that of an only child has no effect.
        target: position of the true leaf in `tree.leaves`.

    Raises:
        ConfigError: if the tree has more than `MOST_NODES` nodes, the number of logits is wrong, a logit is out of
            range or NaN, or there is no such leaf.

    >>> tree = LabelTree.from_edges([("root", "animal"), ("animal", "cat"), ("animal", "dog"), ("root", "truck")])
    >>> example = Example(tree, (0.0, 0.0, 0.0, 0.0), 0)
    >>> [round(z, 3) for z in example.z]
    [1.0, 0.5, 0.25, 0.25, 0.5]
    """

    tree: LabelTree
    logits: tuple[float, ...]
    target: int

    def __post_init__(self) -> None:
        check_size(self.tree)
        wanted = len(self.tree.nodes) - 1
        if len(self.logits) != wanted:
            raise ConfigError(f"Expected {wanted} logits, one for each node but the root, but got {len(self.logits)}.")
        # Convert to plain floats, so that examples can be compared, hashed and stored.
        object.__setattr__(self, "logits", tuple(float(logit) for logit in self.logits))
        if not all(abs(logit) <= LIMIT for logit in self.logits):
            raise ConfigError(f"Expected logits from {-LIMIT:g} to {LIMIT:g}.")
        if not 0 <= self.target < len(self.tree.leaves):
            raise ConfigError(
                f"Expected the true leaf to be a position from 0 to {len(self.tree.leaves) - 1} but got {self.target}."
            )

    # Constructors

    @classmethod
    def level(cls, tree: LabelTree, target: int = 0) -> Example:
        """Create an example with all logits 0, so that siblings are equally likely."""
        return cls(tree, (0.0,) * (len(tree.nodes) - 1), target)

    @classmethod
    def random(cls, tree: LabelTree, seed: int, target: int | None = None) -> Example:
        """Draw normal logits with standard deviation 2, rounded to the slider's step; reproducible for a given seed.

        The true leaf is drawn as well unless it is given.
        """
        generator = np.random.default_rng(seed)
        drawn = generator.normal(0.0, 2.0, len(tree.nodes) - 1).clip(LOW, HIGH)
        leaf = int(generator.integers(len(tree.leaves))) if target is None else target
        return cls(tree, tuple(on_slider(logit) for logit in drawn), leaf)

    @classmethod
    def from_leaf_log_probs(cls, tree: LabelTree, log_probs: Sequence[float], target: int) -> Example:
        """Create an example from log-probabilities of the leaves, which need not be normalized.

        Each logit is log z minus the mean over its siblings: a constant shared by siblings has no effect.

        Raises:
            ConfigError: unless there is one finite number per leaf.
        """
        if len(log_probs) != len(tree.leaves) or not all(math.isfinite(each) for each in log_probs):
            raise ConfigError(f"Expected {len(tree.leaves)} finite log-probabilities, one per leaf.")
        return cls(tree, tuple(centered(tree, node_log_sums(tree, log_probs)[1:])), target)

    @classmethod
    def from_leaf_probabilities(cls, tree: LabelTree, probabilities: Sequence[float], target: int) -> Example:
        """Create an example from probabilities of the leaves; values below 1e-30 are replaced by 1e-30.

        Raises:
            ConfigError: unless there is one number per leaf, none negative, and they add up to 1 within 0.001.
        """
        if len(probabilities) != len(tree.leaves) or not all(0 <= each <= 1.001 for each in probabilities):
            raise ConfigError(f"Expected {len(tree.leaves)} probabilities from 0 to 1, one per leaf.")
        if abs(math.fsum(probabilities) - 1) > 1e-3:
            raise ConfigError(f"Expected probabilities that add up to 1 but got {math.fsum(probabilities):g}.")
        return cls.from_leaf_log_probs(tree, [math.log(max(each, SMALLEST)) for each in probabilities], target)

    @classmethod
    def from_conditionals(cls, tree: LabelTree, p: Mapping[str, float], target: str) -> Example:
        """Create an example from P(node | parent) by node name; siblings without a value share the remainder equally.

        Raises:
            ConfigError: if a name is not a node below the root, the target is not a leaf, a probability is not above 0,
                or siblings cannot add up to 1.
        """
        unknown = sorted(set(p) - set(tree.nodes[1:]))
        if unknown or target not in tree.leaves:
            raise ConfigError(f"The tree has no such node: {', '.join(unknown) or target}.")
        logits = np.zeros(len(tree.nodes) - 1)
        for below in tree.children:
            given = [p[tree.nodes[child]] for child in below if tree.nodes[child] in p]
            rest, others = 1 - math.fsum(given), len(below) - len(given)
            if not all(0 < each <= 1 for each in given) or (given and (rest < 1e-9 if others else abs(rest) > 1e-9)):
                raise ConfigError("Expected probabilities above 0 that add up to 1 among siblings.")
            for child in below:
                logits[child - 1] = math.log(p.get(tree.nodes[child], rest / others if others else 1.0))
        return cls(tree, tuple(centered(tree, logits)), tree.leaves.index(target))

    def with_logit(self, node: int, logit: float) -> Example:
        """Return the example with another logit for one node, a position in `tree.nodes` from 1 on."""
        logits = list(self.logits)
        logits[node - 1] = logit
        return replace(self, logits=tuple(logits))

    def with_target(self, target: int) -> Example:
        """Return the example with another true leaf, a position in `tree.leaves`."""
        return replace(self, target=target)

    # Derived values, by node in the order of `tree.nodes` unless stated otherwise

    @cached_property
    def log_p(self) -> tuple[float, ...]:
        """log P(node | parent), a softmax over siblings; 0 at the root and at only children."""
        return tuple(log_conditionals(self.tree, self.logits).tolist())

    @cached_property
    def p(self) -> tuple[float, ...]:
        """P(node | parent)."""
        return tuple(math.exp(each) for each in self.log_p)

    @cached_property
    def log_z(self) -> tuple[float, ...]:
        """Log-probability of each node, the sum of log p from the root down."""
        log_z = [0.0] * len(self.tree.nodes)
        for node, parent in enumerate(self.tree.parents.tolist()):
            if parent >= 0:
                log_z[node] = log_z[parent] + self.log_p[node]
        return tuple(log_z)

    @cached_property
    def z(self) -> tuple[float, ...]:
        """Probability of each node."""
        return tuple(math.exp(each) for each in self.log_z)

    @cached_property
    def leaf_log_probs(self) -> tuple[float, ...]:
        """log z of the leaves, the logits of a flat loss."""
        return tuple(self.log_z[node] for node in self.tree.leaf_nodes.tolist())

    @cached_property
    def leaf_probabilities(self) -> tuple[float, ...]:
        """z of the leaves, in the order of `tree.leaves`."""
        return tuple(math.exp(each) for each in self.leaf_log_probs)

    @cached_property
    def true_path(self) -> tuple[int, ...]:
        """The nodes from the root to the true leaf."""
        return tuple(self.tree.path(self.target_node))

    @property
    def target_node(self) -> int:
        """The true leaf's position in `tree.nodes`."""
        return int(self.tree.leaf_nodes[self.target])

    @property
    def target_name(self) -> str:
        """The true leaf's name."""
        return self.tree.leaves[self.target]


def check_size(tree: LabelTree) -> None:
    """Raise a ConfigError if a tree is too large for the lab, which computes and words every node's part."""
    if len(tree.nodes) > MOST_NODES:
        raise ConfigError(
            f"The lab shows trees of up to {MOST_NODES:,} nodes and this one has {len(tree.nodes):,}; choose a smaller"
            " tree, such as one of its branches."
        )


def on_slider(logit: float) -> float:
    """Round a logit to the slider's step; it may lie beyond the slider's ends.

    >>> on_slider(1.23456)
    1.23
    """
    return round(round(logit / STEP) * STEP, 2)


def log_conditionals(tree: LabelTree, logits: ArrayLike) -> Floats:
    """Return log P(node | parent) [N] from node logits [N - 1]; 0 at the root."""
    given = np.concatenate([[0.0], np.asarray(logits, np.float64)])
    log_p = np.zeros(len(given))
    for below in tree.children:
        if len(below) > 1:
            group = given[list(below)] - given[list(below)].max()
            log_p[list(below)] = group - math.log(math.fsum(np.exp(group)))
    return log_p


def node_log_sums(tree: LabelTree, leaf_logs: ArrayLike) -> Floats:
    """Return for every node [N] the log-sum-exp of the values [L] of the leaves below it."""
    leaves = np.asarray(leaf_logs, np.float64)
    sums = np.empty(len(tree.nodes))
    sums[tree.leaf_nodes] = leaves
    for node in reversed(tree.internal_nodes.tolist()):
        sums[node] = np.logaddexp.reduce(sums[list(tree.children[node])])
    return sums


def centered(tree: LabelTree, logits: ArrayLike, means_of: ArrayLike | None = None) -> list[float]:
    """Shift the node logits [N - 1] of each set of siblings to mean 0, or to the siblings' mean in `means_of`."""
    moved = np.array(logits, np.float64)
    like = None if means_of is None else np.asarray(means_of, np.float64)
    for below in tree.children:
        if below:
            group = [child - 1 for child in below]
            moved[group] += (0.0 if like is None else like[group].mean()) - moved[group].mean()
    clipped: list[float] = moved.clip(-LIMIT, LIMIT).tolist()
    return clipped
