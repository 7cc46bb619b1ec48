"""Distances without the matrix against the matrix."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from hierapp.errors import TreeError
from hierapp.trees import DISTANCES
from hierapp.trees.distances import (
    common_depths,
    expected_distances,
    largest_distance,
    mean_distance,
    pair_distances,
    smallest_distance,
)
from tests.strategies import trees


@pytest.mark.parametrize("kind", DISTANCES)
@settings(deadline=None, max_examples=80)
@given(tree=trees(max_nodes=40), seed=st.integers(0, 2**31))
def test_against_the_matrix(kind, tree, seed):
    size = len(tree.leaves)
    matrix = tree.distances(kind)
    first, second = np.indices((size, size)).reshape(2, -1)
    np.testing.assert_array_equal(pair_distances(tree, first, second, kind).reshape(size, size), matrix)
    assert largest_distance(tree, kind) == matrix.max()
    if kind == "lca-depth":
        assert smallest_distance(tree) == min(matrix[~np.eye(size, dtype=bool)], default=0)
    assert mean_distance(tree, kind) == pytest.approx(matrix.sum() / max(size * (size - 1), 1))
    p = np.random.default_rng(seed).dirichlet(np.ones(size), size=size)
    np.testing.assert_allclose(expected_distances(tree, p, np.arange(size), kind), (p * matrix).sum(1), atol=1e-12)


@settings(deadline=None, max_examples=40)
@given(tree=trees(max_nodes=40))
def test_paths_and_common_ancestors(tree):
    for leaf, row in enumerate(tree.leaf_paths.tolist()):
        path = tree.path(int(tree.leaf_nodes[leaf]))
        assert row == path + path[-1:] * (len(row) - len(path))
        other = (leaf * 7 + 3) % len(tree.leaves)
        theirs = tree.path(int(tree.leaf_nodes[other]))
        assert common_depths(tree, [leaf], [other])[0] == len(set(path) & set(theirs))


def test_an_unknown_distance_is_told():
    from tests.losses.literal import RAGGED

    for call in (lambda: pair_distances(RAGGED, [0], [1], "miles"), lambda: mean_distance(RAGGED, "miles")):
        with pytest.raises(TreeError, match="lca-depth, lca-height, edges"):
            call()
