"""Random trees of the shape that large label sets have: shallow leaves beside deep ones, most inner nodes of one or two
children, a few of 200."""

from __future__ import annotations

import numpy as np

from hierapp import LabelTree


def random_tree(root_children: int, levels: int, growth: float, leaves: int, wide: int, seed: int = 0) -> LabelTree:
    """A tree of some `leaves` leaves, the same for the same seed.

    Args:
        root_children: children of the root, all of them internal.
        levels: levels of nodes, the root's and the deepest leaves' included.
        growth: internal children of an internal node, 1 to 2 in the mean; the rest of its two children are leaves.
        leaves: how many leaves the tree has in the end.
        wide: how many internal nodes of the last internal level have 200 leaves each.
    """
    generator = np.random.default_rng(seed)
    parents = [-1] + [0] * root_children
    level = list(range(1, root_children + 1))
    made = 0
    for _ in range(levels - 3):
        below = []
        for node in level:
            parents.append(node)
            below.append(len(parents) - 1)
            # The second child goes on, or is a leaf, or is none.
            if generator.random() < growth - 1:
                parents.append(node)
                below.append(len(parents) - 1)
            elif generator.random() < 0.5:
                parents.append(node)
                made += 1
        level = below
    of_last = np.ones(len(level), np.int64)
    of_last[generator.choice(len(level), wide, replace=False)] = 200
    missing = leaves - made - int(of_last.sum())
    narrow = np.flatnonzero(of_last == 1)
    if missing > 0:
        np.add.at(of_last, generator.choice(narrow, missing, replace=missing > len(narrow)), 1)
    for node, children in zip(level, of_last.tolist(), strict=True):
        parents += [node] * children
    return LabelTree([f"n{i}" for i in range(len(parents))], parents)
