"""Parts of a tree: what fits a picture, a single branch, the tree over some of the leaves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from hierapp.errors import TreeError, some
from hierapp.trees.tree import Ints, LabelTree

MOST_ROWS = 200  # leaves of a picture
MOST_LEVELS = 40


@dataclass(frozen=True)
class Excerpt:
    """A tree as far as it is drawn.

    Attributes:
        tree: the nodes that are drawn; a node whose children are not drawn is a leaf of it. Where only some children of
            a node are drawn, a leaf named "812 more of animal" stands for the others.
        nodes: position of each node in the whole tree, int array; -1 for a leaf that stands for several.
        below: number of leaves of the whole tree below each node or, where it stands for several nodes, below those.
        hidden: number of nodes of the whole tree that are not drawn.
    """

    tree: LabelTree
    nodes: Ints
    below: Ints
    hidden: int


def excerpt(tree: LabelTree, most_rows: int = MOST_ROWS, most_levels: int = MOST_LEVELS) -> Excerpt:
    """Return the part of a tree, from its root down, with at most `most_rows` leaves and `most_levels` levels.

    Nodes are opened level by level, each if all of its children fit; only the root is opened for some of them. A tree
    within the limits is returned whole.

    >>> tree = LabelTree.from_edges([("root", "animal"), ("animal", "cat"), ("animal", "dog"), ("root", "truck")])
    >>> excerpt(tree, most_rows=2).tree.leaves
    ('animal', 'truck')
    >>> excerpt(tree, most_rows=1).tree.leaves
    ('2 more of root',)
    """
    counts = tree.leaf_ranges[:, 1] - tree.leaf_ranges[:, 0]
    if len(tree.leaves) <= most_rows and int(tree.depth.max()) <= most_levels:
        return Excerpt(tree, np.arange(len(tree.nodes)), counts, 0)
    shown, rest = [0], list[int]()
    level, rows = [0], 1
    for _ in range(most_levels - 1):
        following = list[int]()
        for node in level:
            below = tree.children[node]
            fits = rows + len(below) - 1 <= most_rows
            if node == 0 and not fits:
                below, rest = below[: most_rows - 1], list(below[most_rows - 1 :])
                rows += 1
            if below and (fits or node == 0):
                rows += len(below) - 1
                following += below
        shown += following
        level = following
    shown.sort()  # preorder
    position = {node: place for place, node in enumerate(shown)}
    names = [tree.nodes[node] for node in shown]
    parents = [-1, *(position[int(tree.parents[node])] for node in shown[1:])]
    below_each = counts[shown].tolist()
    if rest:
        names.append(_free(f"{len(rest):,} more of {tree.nodes[0]}", tree))
        parents.append(0)
        below_each.append(int(counts[rest].sum()))
    nodes = np.array([*shown, *([-1] if rest else [])], np.int64)
    return Excerpt(LabelTree(names, parents), nodes, np.array(below_each, np.int64), len(tree.nodes) - len(shown))


def branch(tree: LabelTree, node: int) -> LabelTree:
    """Return the tree below an internal node, with this node as its root.

    Args:
        tree: the whole tree.
        node: position in `tree.nodes` of a node with children.

    >>> tree = LabelTree.from_edges([("root", "animal"), ("animal", "cat"), ("animal", "dog"), ("root", "truck")])
    >>> branch(tree, 1).nodes
    ('animal', 'cat', 'dog')
    """
    if node == 0:
        return tree
    deeper = np.flatnonzero(tree.depth[node + 1 :] <= tree.depth[node])  # preorder: the first ends the branch
    stop = node + 1 + int(deeper[0]) if len(deeper) else len(tree.nodes)
    return LabelTree(tree.nodes[node:stop], [-1, *(tree.parents[node + 1 : stop] - node).tolist()])


def restricted(tree: LabelTree, names: Iterable[str], collapse: bool = False) -> LabelTree:
    """Return the tree over some of the leaves; see `LabelTree.restrict`."""
    kept = set(names)
    if not kept or not kept <= set(tree.leaves):
        wrong = sorted(kept - set(tree.leaves))
        raise TreeError(
            f"Expected leaves of the tree but got {some(wrong) if wrong else 'none'}; choose among {some(tree.leaves)}."
        )
    needed = np.zeros(len(tree.nodes), bool)
    for leaf, node in zip(tree.leaves, tree.leaf_nodes.tolist(), strict=True):
        if leaf in kept:
            needed[tree.path(node)] = True
    parents = tree.parents.copy()
    if collapse:
        single = [sum(bool(needed[child]) for child in below) == 1 for below in tree.children]
        for node in range(1, len(parents)):  # parents come first
            if single[parents[node]] and parents[node] > 0:
                parents[node] = parents[parents[node]]
        needed &= ~(np.array(single) & (np.arange(len(parents)) > 0))
    shown = np.flatnonzero(needed)
    position = np.cumsum(needed) - 1
    return LabelTree([tree.nodes[node] for node in shown], [-1, *position[parents[shown[1:]]].tolist()])


def _free(name: str, tree: LabelTree) -> str:
    while name in tree.nodes:
        name += "…"
    return name
