"""Compare two trees over the same classes: classes that moved, and pairs whose distance changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hierapp.errors import TreeError
from hierapp.trees.distances import pair_distances
from hierapp.trees.tree import DistanceKind, LabelTree


@dataclass(frozen=True)
class Comparison:
    """The differences between two trees.

    Attributes:
        classes: the leaves that both trees have, in the first tree's order.
        only_first, only_second: leaves that only one of the trees has.
        moved: the common classes whose ancestors differ by name: class, path in the first tree, path in the second.
        change: [classes, classes], the second tree's distances minus the first's.
        pairs: the pairs of classes whose distance changed, the largest change first: class, class, before, after.
    """

    classes: tuple[str, ...]
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]
    moved: tuple[tuple[str, str, str], ...]
    change: NDArray[np.int64]
    pairs: tuple[tuple[str, str, int, int], ...]


def compare(first: LabelTree, second: LabelTree, distance: DistanceKind = "lca-depth", most: int = 1000) -> Comparison:
    """Compare two trees by the names of their nodes.

    Args:
        first: the tree before the change.
        second: the tree after it.
        distance: a kind of `LabelTree.distances`.
        most: maximum number of pairs to list.

    Raises:
        TreeError: if they have fewer than two classes in common, or more than 2,000.

    >>> one = LabelTree.from_edges([("root", "animal"), ("animal", "cat"), ("animal", "dog"), ("root", "truck")])
    >>> other = LabelTree.from_edges([("root", "animal"), ("animal", "dog"), ("root", "truck"), ("root", "cat")])
    >>> compare(one, other).pairs
    (('cat', 'dog', 1, 2), ('cat', 'truck', 2, 1))
    """
    in_first, in_second = set(first.leaves), set(second.leaves)
    classes = tuple(name for name in first.leaves if name in in_second)
    if not 2 <= len(classes) <= 2000:
        raise TreeError(f"The trees have {len(classes)} classes in common; expected 2 to 2,000 to compare them.")
    before, after = (_distances(tree, classes, distance) for tree in (first, second))
    change = after - before
    one, other = np.triu_indices(len(classes), 1)
    size = np.abs(change[one, other])
    order = [i for i in np.argsort(-size, kind="stable")[:most].tolist() if size[i]]
    return Comparison(
        classes,
        tuple(name for name in first.leaves if name not in in_second),
        tuple(name for name in second.leaves if name not in in_first),
        tuple(
            (name, one_way, other_way)
            for name, one_way, other_way in zip(classes, _ways(first, classes), _ways(second, classes), strict=True)
            if one_way != other_way
        ),
        change,
        tuple(
            (classes[one[i]], classes[other[i]], int(before[one[i], other[i]]), int(after[one[i], other[i]]))
            for i in order
        ),
    )


def _distances(tree: LabelTree, classes: Sequence[str], kind: DistanceKind) -> NDArray[np.int64]:
    """Return the distances between some of the leaves, row by row: the tree may have many more."""
    places = np.array(_places(tree, classes))
    return np.stack([pair_distances(tree, np.full(len(places), place), places, kind) for place in places])


def _ways(tree: LabelTree, classes: Sequence[str]) -> list[str]:
    """Return for each class the names on the path to it, without the root and the leaf."""
    nodes = tree.leaf_nodes[_places(tree, classes)].tolist()
    return [" › ".join(tree.nodes[i] for i in tree.path(node)[1:-1]) or "the root" for node in nodes]


def _places(tree: LabelTree, classes: Sequence[str]) -> list[int]:
    place = {name: i for i, name in enumerate(tree.leaves)}
    return [place[name] for name in classes]
