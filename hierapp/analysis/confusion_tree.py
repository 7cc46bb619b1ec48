"""A confusion matrix that you expand and collapse along the tree: rows and columns are nodes for the classes below."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hierapp.metrics.counts import triplets
from hierapp.training.predictions import Outputs
from hierapp.trees import LabelTree

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Counts = NDArray[np.int64]
MOST = 150  # maximum number of nodes per side that are readable on a screen
FEW = 20  # maximum number of classes that are all shown at first


def levels(tree: LabelTree) -> list[int]:
    """Return the levels that can be shown, from 1 just below the root.

    The last level has all classes, if there are not too many.
    """
    deepest = int(tree.depth.max()) - 1
    return [level for level in range(1, deepest + 1) if level == 1 or len(shown(tree, level)) <= MOST]


def usual_level(tree: LabelTree) -> int:
    """Return the initial level: all classes if they are few, else the deepest level with few nodes."""
    return max((level for level in levels(tree) if len(shown(tree, level)) <= FEW), default=1)


def shown(tree: LabelTree, level: int, opened: Collection[str] = (), closed: Collection[str] = ()) -> list[int]:
    """Return the nodes that are rows and columns, in the order of the tree.

    Args:
        tree: the label tree.
        level: nodes above this level are open; 1 shows the children of the root.
        opened: names of nodes at or below the level that are also open.
        closed: names of nodes that are closed although they are above the level.

    >>> tree = LabelTree(["root", "animal", "cat", "dog", "truck"], [-1, 0, 1, 1, 0])
    >>> shown(tree, 1), shown(tree, 1, opened=["animal"]), shown(tree, 2, closed=["animal"])
    ([1, 4], [2, 3, 4], [1, 4])
    """
    found: list[int] = []
    waiting = list(tree.children[0])[::-1]
    while waiting:
        node = waiting.pop()
        name = tree.nodes[node]
        is_open = name in opened or (tree.depth[node] <= level and name not in closed)
        if tree.children[node] and is_open:
            waiting += tree.children[node][::-1]
        else:
            found.append(node)
    return found


def drawn(tree: LabelTree, cells: int) -> tuple[Counts, list[str]]:
    """Return the rows of a matrix over all classes that has few cells: the first class of each, and its name.

    Rows are the classes; of more classes than cells, the nodes of the deepest level that has at most `MOST`; of a tree
    without such a level, blocks of neighboring classes.

    >>> wide = LabelTree(["root", *"abcde"], [-1, 0, 0, 0, 0, 0])
    >>> [(starts.tolist(), names) for starts, names in (drawn(wide, 5), drawn(wide, 3))]
    [([0, 1, 2, 3, 4], ['a', 'b', 'c', 'd', 'e']), ([0, 2, 4], ['a … b', 'c … d', 'e'])]
    """
    size = len(tree.leaves)
    if size <= cells:
        return np.arange(size), list(tree.leaves)
    nodes = shown(tree, levels(tree)[-1])
    if len(nodes) <= min(MOST, cells):
        return tree.leaf_ranges[nodes, 0], [tree.nodes[node] for node in nodes]
    step = -(-size // cells)
    blocks = [tree.leaves[start : start + step] for start in range(0, size, step)]
    names = [block[0] if len(block) == 1 else f"{block[0]} … {block[-1]}" for block in blocks]
    return np.arange(0, size, step), names


def folded(confusion: ArrayLike | csr_array, tree: LabelTree, nodes: Collection[int]) -> Counts:
    """Sum the counts of classes, array or sparse, to those of nodes [K, K].

    Like those of `shown`, the nodes must partition the leaves.

    >>> tree = LabelTree(["root", "animal", "cat", "dog", "truck"], [-1, 0, 1, 1, 0])
    >>> folded(np.array([[8, 1, 1], [2, 6, 2], [0, 3, 7]]), tree, [1, 4]).tolist()
    [[17, 3], [3, 7]]
    """
    return summed(confusion, tree.leaf_ranges[list(nodes), 0])


def summed(confusion: ArrayLike | csr_array, starts: Counts) -> Counts:
    """Sum the counts of classes to those of K groups of neighboring classes, [K, K].

    Args:
        confusion: counts [L, L].
        starts: the first class of each group, [K], ascending from 0.
    """
    true, predicted, found = triplets(confusion)
    groups = (np.searchsorted(starts, leaves, side="right") - 1 for leaves in (true, predicted))
    sums = np.zeros((len(starts), len(starts)), np.int64)
    np.add.at(sums, tuple(groups), found)
    return sums


def shares(confusion: Counts) -> NDArray[np.float64]:
    """Return each count as a share of its row; 0 in an empty row."""
    share: NDArray[np.float64] = confusion / np.maximum(confusion.sum(1, keepdims=True), 1)
    return share


def images_of(outputs: Outputs, tree: LabelTree, true: int, predicted: int) -> Counts:
    """Return the test images that a cell counts: their rows [K], mistakes first, then by descending probability.

    Args:
        outputs: the run's stored outputs.
        tree: a tree over their classes.
        true: a node of `tree`; the cell counts images of the classes below it.
        predicted: a node; the cell counts images whose most probable class is below it.

    Raises:
        TreeError: if the leaves of the tree are not the classes.
    """
    at = tree.positions_of(outputs.classes)
    likeliest = outputs.predicted
    target, guess = at[outputs.target], at[likeliest]
    inside = np.ones(len(target), bool)
    for leaves, node in ((target, true), (guess, predicted)):
        start, stop = tree.leaf_ranges[node]
        inside &= (start <= leaves) & (leaves < stop)
    rows = np.flatnonzero(inside)
    p = outputs.probabilities[rows, likeliest[rows]].astype(np.float64)
    return rows[np.lexsort((-p, target[rows] == guess[rows]))]
