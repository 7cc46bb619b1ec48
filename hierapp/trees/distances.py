"""Distances between leaves without the [L, L] matrix: of given pairs, largest, smallest, mean and expected."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hierapp.errors import TreeError
from hierapp.trees.tree import DISTANCES, DistanceKind, Ints, LabelTree


def checked_kind(kind: str) -> None:
    """Raise a TreeError if the kind is not in `DISTANCES`."""
    if kind not in DISTANCES:
        raise TreeError(f"Expected the distance to be one of {', '.join(DISTANCES)} but got {kind!r}.")


def common_depths(tree: LabelTree, first: ArrayLike, second: ArrayLike) -> Ints:
    """Return the depth of the lowest common ancestor of each pair of leaves, int [K].

    Args:
        tree: the tree.
        first: positions [K] in `tree.leaves`.
        second: positions [K] of the other leaf of each pair.
    """
    one, other = np.asarray(first, np.int64), np.asarray(second, np.int64)
    alike: Ints = (tree.leaf_paths[one] == tree.leaf_paths[other]).sum(1)
    # For a leaf and itself, the repeated end of the row matches too.
    return np.minimum(alike, tree.depth[tree.leaf_nodes[one]])


def pair_distances(tree: LabelTree, first: ArrayLike, second: ArrayLike, kind: DistanceKind = "lca-depth") -> Ints:
    """Return the distance of each pair of leaves, int [K], in O(K * depth).

    Args:
        tree: the tree.
        first: positions [K] in `tree.leaves`.
        second: positions [K] of the other leaf of each pair.
        kind: a kind of `LabelTree.distances`.

    Raises:
        TreeError: if the kind is unknown.

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
    """Return the largest distance between two leaves, in O(N); 0 for one leaf.

    Args:
        tree: the tree.
        kind: a kind of `LabelTree.distances`.

    Raises:
        TreeError: if the kind is unknown.

    >>> largest_distance(LabelTree(["root", "animal", "cat", "dog", "truck"], [-1, 0, 1, 1, 0]), "edges")
    3
    """
    checked_kind(kind)
    if len(tree.leaves) == 1:
        return 0
    # Paths to two leaves separate only at nodes with several children; the first such node is above all leaves.
    branching = [node for node in tree.internal_nodes.tolist() if len(tree.children[node]) > 1]
    if kind != "edges":
        return int(tree.height[branching[0]])
    arms = (sorted((int(tree.height[child]) + 1 for child in tree.children[node]), reverse=True) for node in branching)
    return max(longest + second for longest, second, *_ in arms)


def smallest_distance(tree: LabelTree) -> int:
    """Return the smallest "lca-depth" between two different leaves, in O(N); 0 for one leaf.

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
    """Return the mean distance between two different leaves, in O(N); 0 for one leaf.

    This is the expected distance of a uniformly random mistake.

    Args:
        tree: the tree.
        kind: a kind of `LabelTree.distances`.

    Raises:
        TreeError: if the kind is unknown.

    >>> mean_distance(LabelTree(["root", "animal", "cat", "dog", "truck"], [-1, 0, 1, 1, 0]))
    1.6666666666666667
    """
    checked_kind(kind)
    size = len(tree.leaves)
    if size == 1:
        return 0.0
    below: NDArray[np.int64] = tree.leaf_ranges[:, 1] - tree.leaf_ranges[:, 0]
    pairs = below**2  # ordered pairs of leaves below each node, including each leaf with itself
    if kind == "lca-height":
        # The height of a common ancestor is the root's height minus the rises along the path to it.
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
    """Return the expected distance to a leaf, sum_c p_c d(c, leaf), float [n], in O(n * L).

    It is computed from z, the probabilities of the nodes on the leaf's path.

    Args:
        tree: the tree.
        probabilities: [n, L], in the order of `tree.leaves`.
        leaves: positions [n] in `tree.leaves`.
        kind: a kind of `LabelTree.distances`.

    Raises:
        TreeError: if the kind is unknown.

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
        falls = tree.height[paths[:, :-1]] - tree.height[paths[:, 1:]]  # 0 after the end of a path
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
