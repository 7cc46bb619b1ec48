"""Test images of a finished run on which decoders disagree, and what switching from one decoder to the other gains and
loses over all test images."""

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
    "mended": "the second is correct, the first is not",
    "spoilt": "the first is correct, the second is not",
    "wrong": "the first is not correct",
}


@dataclass(frozen=True, eq=False)
class Decoded:
    """The predictions of several decoders for every test image.

    Attributes:
        tree: the label tree of the run.
        target: [n], the true classes as positions in `tree.leaves`.
        nodes: for each decoder [n], the predictions as positions in `tree.nodes`.
        costs: for each decoder [n], the distance of the prediction from the true class, see `costs`.
    """

    tree: LabelTree
    target: Ints
    nodes: Mapping[str, Ints]
    costs: Mapping[str, Ints]

    def right(self, rule: str) -> NDArray[np.bool_]:
        """Return a mask [n] of the images for which a decoder predicts exactly the true class."""
        exact: NDArray[np.bool_] = self.nodes[rule] == self.tree.leaf_nodes[self.target]
        return exact


@dataclass(frozen=True)
class SearchCriteria:
    """Search criteria for images.

    Attributes:
        first, second: the decoders to compare.
        which: a key of `WHICH`.
        true: the true class, a position in `tree.leaves`; None for any.
        predicted: the first decoder's prediction, a position in `tree.nodes`; None for any.
        least: the minimum distance of the first decoder's prediction from the true class.
    """

    first: str = "leaf"
    second: str = "top-down"
    which: Which = "differ"
    true: int | None = None
    predicted: int | None = None
    least: int = 0


@dataclass(frozen=True)
class Tally:
    """Results of a decoder on all test images: how many predictions are exactly right, how many are proper ancestors of
    the true leaf, and the mean distance from the true leaf."""

    rule: str
    right: int
    above: int
    distance: float


@dataclass(frozen=True)
class Comparison:
    """Comparison of two decoders on the same test images.

    Attributes:
        images: the number of images.
        differ: the number of images for which the predictions differ.
        mended: the number of images that the first decoder has wrong and the second right.
        spoilt: the number of images that the first decoder has right and the second wrong.
        first, second: the results of each decoder on all images.
    """

    images: int
    differ: int
    mended: int
    spoilt: int
    first: Tally
    second: Tally

    @property
    def summary(self) -> str:
        """The comparison in three sentences."""
        one, other, change = self.first, self.second, self.mended - self.spoilt
        balance = "the same number" if change == 0 else f"{abs(change):,} {'more' if change > 0 else 'fewer'}"
        mistakes = f"{self.mended:,} mistake{'s' * (self.mended != 1)}"
        return (
            f"{one.rule} and {other.rule} differ on {self.differ:,} of {self.images:,} test images. {other.rule}"
            f" corrects {mistakes} of {one.rule} and makes {self.spoilt:,} that {one.rule} does not: {balance} exactly"
            f" correct. The mean distance from the truth is {one.distance:.4f} with {one.rule} and {other.distance:.4f}"
            f" with {other.rule}."
        )


def decoded(outputs: Outputs, tree: LabelTree, choices: Iterable[DecoderChoice] = EVERY_DECODER) -> Decoded:
    """Apply each decoder to each test image.

    Args:
        outputs: the stored test outputs of a run over this tree.
        tree: the label tree of the run.
        choices: the decoders, each at most once.

    Raises:
        ConfigError: if the classes of the outputs are not the leaves of the tree.
    """
    if outputs.classes != tree.leaves:
        raise ConfigError("The stored outputs have other classes than the run's tree; train the run again.")
    log_probs = outputs.log_probs()
    target = outputs.target.astype(np.int64)
    nodes = {choice.rule: predicted(log_probs, tree, choice) for choice in choices}
    return Decoded(tree, target, nodes, {rule: costs(tree, target, each) for rule, each in nodes.items()})


def costs(tree: LabelTree, target: ArrayLike, nodes: ArrayLike, kind: DistanceKind = "lca-depth") -> Ints:
    """Return the distances [n] of predicted nodes from the true leaves; only the true leaf itself has distance 0.

    An ancestor of the true leaf is at the number of edges between the two (with lca-height, at the ancestor's height).

    Args:
        tree: the label tree.
        target: [n], positions in `tree.leaves`.
        nodes: [n], positions in `tree.nodes`.
        kind: the distance, see `LabelTree.distances`.

    >>> tree = LabelTree(["root", "animal", "cat", "dog", "truck"], [-1, 0, 1, 1, 0])
    >>> costs(tree, [0, 0, 0, 0, 0], [2, 1, 3, 0, 4]).tolist()  # a cat, taken for a cat, an animal, a dog, ...
    [0, 1, 1, 2, 2]
    """
    true, guessed = np.asarray(target, np.int64), np.asarray(nodes, np.int64)
    # Every leaf below a node shares the path down to that node.
    below = tree.leaf_ranges[guessed, 0]
    common = np.minimum(common_depths(tree, true, below), tree.depth[guessed])
    depth, reached = tree.depth[tree.leaf_nodes[true]], tree.depth[guessed]
    if kind == "lca-height":
        height: Ints = tree.height[tree.leaf_paths[true, common - 1]]
        return height
    far: Ints = depth + reached - 2 * common if kind == "edges" else np.maximum(depth, reached) - common
    return far


def search(found: Decoded, criteria: SearchCriteria) -> Ints:
    """Return the matching images, largest distance of the first decoder's prediction first, ties in data order.

    Raises:
        ConfigError: if a decoder of the criteria is not in `found`.
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
    """Compare two decoders on all test images.

    Raises:
        ConfigError: if a decoder is not in `found`.
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
    """Summarize the results of one decoder on all test images."""
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
