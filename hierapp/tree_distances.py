"""Distances between leaves without the [L, L] matrix: of given pairs, the largest, the mean."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hierapp.errors import TreeError
from hierapp.tree import DISTANCES, DistanceKind, Ints, LabelTree


def checked_kind(kind: str) -> None:
    """Refuse what is none of `DISTANCES`."""
    if kind not in DISTANCES:
        raise TreeError(f"Expected the distance to be one of {', '.join(DISTANCES)} but got {kind!r}.")


def common_depths(tree: LabelTree, first: ArrayLike, second: ArrayLike) -> Ints:
    """Depth of the lowest common ancestor of each pair of leaves, int array [K] from positions [K] in `tree.leaves`."""
    one, other = np.asarray(first, np.int64), np.asarray(second, np.int64)
    alike: Ints = (tree.leaf_paths[one] == tree.leaf_paths[other]).sum(1)
    # A leaf and itself agree in the repeated end of their row, too.
    return np.minimum(alike, tree.depth[tree.leaf_nodes[one]])


def pair_distances(tree: LabelTree, first: ArrayLike, second: ArrayLike, kind: DistanceKind = "lca-depth") -> Ints:
    """Distance of each pair of leaves, int array [K] from positions [K] in `tree.leaves`: O(K * depth).

    See `LabelTree.distances` for the kinds.

    Raises:
        TreeError: for an unknown kind.

    >>> tree = LabelTree(["root", "animal", "cat", "dog", "truck"], [-1, 0, 1, 1, 0])
    >>> pair_distances(tree, [0, 0, 1], [1, 2, 1]).tolist()
    [1, 2, 0]
    """
    checked_kind(kind)
    one, other = np.asarray(first, np.int64), np.asarray(second, np.int64)
    common = common_depths(tree, one, other)
    if kind == "lca-height":
        return tree.height[tree.leaf_paths[one, common - 1]]
    depth = tree.depth[tree.leaf_nodes]
    if kind == "edges":
        return depth[one] + depth[other] - 2 * common
    return np.maximum(depth[one], depth[other]) - common


def largest_distance(tree: LabelTree, kind: DistanceKind = "lca-depth") -> int:
    """The largest distance between two leaves, in O(N); 0 for one leaf.

    >>> largest_distance(LabelTree(["root", "animal", "cat", "dog", "truck"], [-1, 0, 1, 1, 0]), "edges")
    3
    """
    checked_kind(kind)
    if len(tree.leaves) == 1:
        return 0
    # Only where the tree branches do two leaves part; the first such node holds all leaves.
    branching = [node for node in tree.internal_nodes.tolist() if len(tree.children[node]) > 1]
    if kind != "edges":
        return int(tree.height[branching[0]])
    arms = (sorted((int(tree.height[child]) + 1 for child in tree.children[node]), reverse=True) for node in branching)
    return max(longest + second for longest, second, *_ in arms)


def mean_distance(tree: LabelTree, kind: DistanceKind = "lca-depth") -> float:
    """Mean distance of two different leaves, in O(N): what a uniformly random mistake costs; 0 for one leaf.

    >>> mean_distance(LabelTree(["root", "animal", "cat", "dog", "truck"], [-1, 0, 1, 1, 0]))
    1.6666666666666667
    """
    checked_kind(kind)
    size = len(tree.leaves)
    if size == 1:
        return 0.0
    below: NDArray[np.int64] = tree.leaf_ranges[:, 1] - tree.leaf_ranges[:, 0]
    pairs = below**2  # ordered pairs of leaves below each node, a leaf and itself included
    if kind == "lca-height":
        # Each edge v -> parent raises the height of what meets above it.
        rises = tree.height[tree.parents[1:]] - tree.height[1:]
        total = int(tree.height[0]) * size**2 - int((rises * pairs[1:]).sum())
    else:
        depth = np.sort(tree.depth[tree.leaf_nodes])
        # The sum over all pairs of the depth of their common ancestor is the number of ancestors they share.
        shared = int(pairs.sum())
        if kind == "edges":
            total = 2 * size * int(depth.sum()) - 2 * shared
        else:
            total = int((depth * (2 * np.arange(size) + 1)).sum()) - shared
    return total / (size * (size - 1))
