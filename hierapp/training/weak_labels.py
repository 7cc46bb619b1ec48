"""Training labels made fewer or weaker, drawn by the seed: a share of the rows, noise among siblings, coarse labels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hierapp.trees import LabelTree

Ints = NDArray[np.int64]


def kept_share(rows: Ints, labels: Ints, share: float, seed: int) -> Ints:
    """Return a share of the rows of each class, at least one of each; a smaller share is a part of a larger one.

    Args:
        rows: [n], positions of rows.
        labels: [n], their labels.
        share: the share to keep, above 0.
        seed: seed of the draw.

    >>> kept_share(np.arange(6), np.array([0, 0, 0, 0, 1, 1]), 0.5, seed=0).tolist()
    [1, 3, 4]
    """
    if share >= 1:
        return rows
    order = np.random.default_rng([seed, 1]).permutation(len(rows))
    kept = [
        mine[: max(1, round(share * len(mine)))]
        for label in np.unique(labels)
        for mine in [order[labels[order] == label]]
    ]
    found: Ints = rows[np.sort(np.concatenate(kept))]
    return found


def noisy(labels: Ints, siblings: list[Ints], share: float, seed: int) -> Ints:
    """Return labels of which a share is replaced by a random sibling; a class without siblings keeps its label.

    Args:
        labels: [n], classes.
        siblings: for each class the other classes with the same parent.
        share: the share of the rows whose label is replaced.
        seed: seed of the draw.
    """
    generator = np.random.default_rng([seed, 2])
    changed, rows = labels.copy(), generator.permutation(len(labels))[: round(share * len(labels))]
    for row in rows.tolist():
        others = siblings[labels[row]]
        if len(others):
            changed[row] = generator.choice(others)
    return changed


def siblings_of(tree: LabelTree, positions: Ints) -> list[Ints]:
    """Return for each class the other classes below the same parent.

    Args:
        tree: the tree that says which classes are siblings.
        positions: [L], the position of each class in `tree.leaves`.

    >>> tree = LabelTree.from_edges([("root", "animal"), ("animal", "cat"), ("animal", "dog"), ("root", "truck")])
    >>> [each.tolist() for each in siblings_of(tree, np.array([0, 1, 2]))]
    [[1], [0], []]
    """
    parents = tree.parents[tree.leaf_nodes[positions]]
    return [np.flatnonzero((parents == parents[own]) & (np.arange(len(parents)) != own)) for own in range(len(parents))]


def coarsened(nodes: Ints, tree: LabelTree, share: float, seed: int) -> Ints:
    """Return labels, positions in `tree.nodes`, of which a share is replaced by the parent.

    >>> tree = LabelTree.from_edges([("root", "animal"), ("animal", "cat"), ("animal", "dog"), ("root", "truck")])
    >>> [tree.nodes[node] for node in coarsened(tree.leaf_nodes[[0, 0, 1, 1]], tree, 0.5, seed=0)]
    ['cat', 'animal', 'animal', 'dog']
    """
    rows = np.random.default_rng([seed, 3]).permutation(len(nodes))[: round(share * len(nodes))]
    changed = nodes.copy()
    changed[rows] = tree.parents[nodes[rows]]
    return changed
