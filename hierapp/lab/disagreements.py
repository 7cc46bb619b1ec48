"""Find the cats that became trucks: test images of a finished run on which decoders disagree, and what the other
decoder would gain and lose on all of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hierapp.errors import ConfigError
from hierapp.lab.choices import EVERY_DECODER, DecoderChoice
from hierapp.lab.decoding import predicted
from hierapp.training.predictions import Outputs
from hierapp.trees import DistanceKind, LabelTree
from hierapp.trees.distances import common_depths

Ints = NDArray[np.int64]
Which = Literal["differ", "mended", "spoilt", "wrong"]
WHICH: dict[Which, str] = {
    "differ": "both differ",
    "mended": "the second is right, the first wrong",
    "spoilt": "the first is right, the second wrong",
    "wrong": "the first is wrong",
}


@dataclass(frozen=True, eq=False)
class Decoded:
    """What decoders say of every test image.

    Attributes:
        tree: the run's.
        target: [n], the true classes as positions in `tree.leaves`.
        nodes: by decoder [n], the predictions as positions in `tree.nodes`.
        costs: by decoder [n], how far the prediction is from the true class, see `costs`.
    """

    tree: LabelTree
    target: Ints
    nodes: Mapping[str, Ints]
    costs: Mapping[str, Ints]

    def right(self, rule: str) -> NDArray[np.bool_]:
        """Where a decoder says the true class."""
        exact: NDArray[np.bool_] = self.nodes[rule] == self.tree.leaf_nodes[self.target]
        return exact


@dataclass(frozen=True)
class SearchCriteria:
    """What is looked for.

    Attributes:
        first, second: the decoders.
        which: a key of `WHICH`.
        true: the true class, a position in `tree.leaves`; None for any.
        predicted: the first decoder's prediction, a position in `tree.nodes`; None for any.
        least: how far the first decoder's prediction is from the truth at least.
    """

    first: str = "leaf"
    second: str = "top-down"
    which: Which = "differ"
    true: int | None = None
    predicted: int | None = None
    least: int = 0


@dataclass(frozen=True)
class Tally:
    """A decoder on all test images: how many it has exactly right, how many at an inner node above the truth, and the
    mean distance from the truth."""

    rule: str
    right: int
    above: int
    distance: float


@dataclass(frozen=True)
class Comparison:
    """Two decoders on the same test images.

    Attributes:
        images: how many there are.
        differ: on how many the two say something else.
        mended: how many the first has wrong and the second right.
        spoilt: how many the first has right and the second wrong.
        first, second: each on all images.
    """

    images: int
    differ: int
    mended: int
    spoilt: int
    first: Tally
    second: Tally

    @property
    def summary(self) -> str:
        """Three plain sentences."""
        one, other, change = self.first, self.second, self.mended - self.spoilt
        balance = "as many" if change == 0 else f"{abs(change):,} {'more' if change > 0 else 'fewer'}"
        mistakes = f"{self.mended:,} mistake{'s' * (self.mended != 1)}"
        return (
            f"{one.rule} and {other.rule} differ on {self.differ:,} of {self.images:,} test images. {other.rule} mends"
            f" {mistakes} of {one.rule} and makes {self.spoilt:,} that {one.rule} does not: {balance} exactly right."
            f" The mean distance from the truth is {one.distance:.4f} with {one.rule} and {other.distance:.4f} with"
            f" {other.rule}."
        )


def decoded(outputs: Outputs, tree: LabelTree, choices: Iterable[DecoderChoice] = EVERY_DECODER) -> Decoded:
    """Each decoder on each test image.

    Args:
        outputs: of a run over this tree.
        tree: the run's.
        choices: the decoders, each once.

    Raises:
        ConfigError: if the outputs are not over the tree's leaves.
    """
    if outputs.classes != tree.leaves:
        raise ConfigError("The stored outputs are over other classes than the run's tree; train the run again.")
    log_probs = outputs.log_probs()
    target = outputs.target.astype(np.int64)
    nodes = {choice.rule: predicted(log_probs, tree, choice) for choice in choices}
    return Decoded(tree, target, nodes, {rule: costs(tree, target, each) for rule, each in nodes.items()})


def costs(tree: LabelTree, target: ArrayLike, nodes: ArrayLike, kind: DistanceKind = "lca-depth") -> Ints:
    """Distance [n] of predicted nodes from the true leaves, as between leaves: 0 is the true leaf alone.

    An inner node above the truth is as far as it is above.

    Args:
        tree: the label tree.
        target: [n], positions in `tree.leaves`.
        nodes: [n], positions in `tree.nodes`.
        kind: of the distance, see `LabelTree.distances`.

    >>> tree = LabelTree(["root", "animal", "cat", "dog", "truck"], [-1, 0, 1, 1, 0])
    >>> costs(tree, [0, 0, 0, 0, 0], [2, 1, 3, 0, 4]).tolist()  # a cat, taken for a cat, an animal, a dog, ...
    [0, 1, 1, 2, 2]
    """
    true, guessed = np.asarray(target, np.int64), np.asarray(nodes, np.int64)
    # Any leaf below a node goes along with its path down to it.
    below = tree.leaf_ranges[guessed, 0]
    common = np.minimum(common_depths(tree, true, below), tree.depth[guessed])
    depth, reached = tree.depth[tree.leaf_nodes[true]], tree.depth[guessed]
    if kind == "lca-height":
        height: Ints = tree.height[tree.leaf_paths[true, common - 1]]
        return height
    far: Ints = depth + reached - 2 * common if kind == "edges" else np.maximum(depth, reached) - common
    return far


def search(found: Decoded, criteria: SearchCriteria) -> Ints:
    """The images that are looked for: the first decoder's worst mistakes first, among equals in the order of the data.

    Raises:
        ConfigError: for a decoder that is not among those decoded.
    """
    _check(found, criteria.first, criteria.second)
    one, other = found.right(criteria.first), found.right(criteria.second)
    differ = found.nodes[criteria.first] != found.nodes[criteria.second]
    chosen = {"differ": differ, "mended": ~one & other, "spoilt": one & ~other, "wrong": ~one}[criteria.which]
    cost = found.costs[criteria.first]
    chosen = chosen & (cost >= criteria.least)
    if criteria.true is not None:
        chosen = chosen & (found.target == criteria.true)
    if criteria.predicted is not None:
        chosen = chosen & (found.nodes[criteria.first] == criteria.predicted)
    places = np.flatnonzero(chosen)
    return places[np.argsort(-cost[places], kind="stable")]


def compare(found: Decoded, first: str, second: str) -> Comparison:
    """Two decoders on all test images.

    Raises:
        ConfigError: for a decoder that is not among those decoded.
    """
    _check(found, first, second)
    one, other = found.right(first), found.right(second)
    return Comparison(
        images=len(found.target),
        differ=int((found.nodes[first] != found.nodes[second]).sum()),
        mended=int((~one & other).sum()),
        spoilt=int((one & ~other).sum()),
        first=tally(found, first),
        second=tally(found, second),
    )


def tally(found: Decoded, rule: str) -> Tally:
    """One decoder on all test images."""
    tree, nodes = found.tree, found.nodes[rule]
    start, end = tree.leaf_ranges[nodes].T
    holds = (start <= found.target) & (found.target < end)
    right = found.right(rule)
    distance = float(found.costs[rule].mean()) if len(nodes) else 0.0
    return Tally(rule, int(right.sum()), int((holds & ~right).sum()), distance)


def _check(found: Decoded, *rules: str) -> None:
    for rule in rules:
        if rule not in found.nodes:
            raise ConfigError(f"Expected a decoder among {', '.join(found.nodes)} but got {rule!r}.")
