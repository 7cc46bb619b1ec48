"""A confusion matrix that you expand and collapse along the tree: rows and columns are nodes for the classes below."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from hierapp.training.predictions import Outputs
from hierapp.trees import LabelTree

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


def folded(confusion: Counts, tree: LabelTree, nodes: Collection[int]) -> Counts:
    """Sum the counts of classes to those of nodes [K, K]; like those of `shown`, the nodes must partition the leaves.

    >>> tree = LabelTree(["root", "animal", "cat", "dog", "truck"], [-1, 0, 1, 1, 0])
    >>> folded(np.array([[8, 1, 1], [2, 6, 2], [0, 3, 7]]), tree, [1, 4]).tolist()
    [[17, 3], [3, 7]]
    """
    starts = tree.leaf_ranges[list(nodes), 0]
    rows = np.add.reduceat(confusion, starts, axis=0)
    summed: Counts = np.add.reduceat(rows, starts, axis=1)
    return summed


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
