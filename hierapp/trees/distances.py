"""Distances between leaves without the [L, L] matrix: of given pairs, the largest, the mean."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hierapp.errors import TreeError
from hierapp.trees.tree import DISTANCES, DistanceKind, Ints, LabelTree


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


def smallest_distance(tree: LabelTree) -> int:
    """The smallest "lca-depth" between two different leaves, in O(N); 0 for one leaf.

    >>> smallest_distance(LabelTree(["root", "animal", "cat", "dog", "truck"], [-1, 0, 1, 1, 0]))
    1
    """
    nearest = np.zeros(len(tree.nodes), np.int64)  # edges down to the shallowest leaf
    found = []
    for node in range(len(tree.nodes) - 1, -1, -1):
        arms = sorted(int(nearest[child]) + 1 for child in tree.children[node])
        nearest[node] = arms[0] if arms else 0
        if len(arms) > 1:
            found.append(arms[1])
    return min(found, default=0)


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


def expected_distances(
    tree: LabelTree, probabilities: NDArray[np.float64], leaves: ArrayLike, kind: DistanceKind = "lca-depth"
) -> NDArray[np.float64]:
    """sum_c p_c d(c, leaf) for each row of probabilities [n, L] and its leaf [n], in O(n * L).

    From the probabilities of the nodes on the leaf's path, z: how far down a class goes along with the leaf.

    >>> tree = LabelTree(["root", "animal", "cat", "dog", "truck"], [-1, 0, 1, 1, 0])
    >>> round(float(expected_distances(tree, np.array([[0.5, 0.3, 0.2]]), [1])[0]), 4)  # 0.5 * 1 + 0.2 * 2
    0.9
    """
    checked_kind(kind)
    chosen = np.asarray(leaves, np.int64)
    paths, depth = tree.leaf_paths[chosen], tree.depth[tree.leaf_nodes]
    sums = np.pad(probabilities.cumsum(1), ((0, 0), (1, 0)))
    ranges = tree.leaf_ranges[paths]
    z = np.take_along_axis(sums, ranges[..., 1], 1) - np.take_along_axis(sums, ranges[..., 0], 1)
    if kind == "lca-height":
        falls = tree.height[paths[:, :-1]] - tree.height[paths[:, 1:]]  # 0 past the end of a path
        lower: NDArray[np.float64] = (falls * (1 - z[:, 1:])).sum(1)
        return lower
    common = (z * (np.arange(paths.shape[1]) < depth[chosen, None])).sum(1)  # expected depth of the common ancestor
    if kind == "edges":
        farther: NDArray[np.float64] = probabilities @ depth + depth[chosen] - 2 * common
        return farther
    of_depth = probabilities @ (depth[:, None] == np.arange(1, paths.shape[1] + 1))
    deepest = np.maximum(depth[chosen, None], np.arange(1, paths.shape[1] + 1))
    deeper: NDArray[np.float64] = (of_depth * deepest).sum(1) - common
    return deeper
