"""Excerpts of large trees, and its branches."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from benchmarks.random_trees import random_tree
from hierapp import LabelTree
from hierapp.trees import generators
from hierapp.trees.excerpt import MOST_LEVELS, MOST_ROWS, branch, excerpt
from tests.strategies import trees

CHAIN = LabelTree([f"n{i}" for i in range(300)] + [f"l{i}" for i in range(300)], [-1, *range(299), *range(300)])


@given(tree=trees(), rows=st.integers(1, 12), levels=st.integers(2, 6))
def test_it_is_part_of_the_tree_within_the_limits(tree, rows, levels):
    part = excerpt(tree, rows, levels)
    assert len(part.tree.leaves) <= max(rows, 1)
    assert part.tree.depth.max() <= levels
    drawn = part.nodes >= 0
    assert [part.tree.nodes[i] for i in np.flatnonzero(drawn)] == [tree.nodes[i] for i in part.nodes[drawn]]
    assert part.hidden == len(tree.nodes) - drawn.sum()
    assert part.below[part.tree.leaf_nodes].sum() == len(tree.leaves)  # every class is counted once


@pytest.mark.parametrize(
    "tree",
    [
        generators.flat([f"class {i}" for i in range(10_000)]),
        CHAIN,
        random_tree(112, 8, 1.97, 10_000, 10),
    ],
    ids=["wide", "deep", "random"],
)
def test_a_large_tree_is_drawn_in_part(tree):
    part = excerpt(tree)
    assert len(part.tree.leaves) <= MOST_ROWS
    assert part.tree.depth.max() <= MOST_LEVELS
    assert part.hidden == len(tree.nodes) - (part.nodes >= 0).sum() > 0


def test_a_small_tree_is_drawn_whole():
    tree = generators.random([str(i) for i in range(MOST_ROWS)], 0)
    part = excerpt(tree)
    assert part.tree is tree
    assert part.hidden == 0


def test_the_children_that_are_not_drawn_are_counted_under_a_free_name():
    taken = [f"class {i}" for i in range(300)]
    taken[0] = "101 more of root"
    part = excerpt(generators.flat(taken))
    assert part.tree.leaves[-1] == "101 more of root…"
    assert part.below[-1] == 101


@given(tree=trees())
def test_a_branch_is_the_tree_below_its_node(tree):
    for node in tree.internal_nodes.tolist():
        below = branch(tree, node)
        start, stop = tree.leaf_ranges[node]
        assert below.nodes[0] == tree.nodes[node]
        assert below.leaves == tree.leaves[start:stop]
        for kind in ("lca-depth", "lca-height", "edges"):
            assert (below.distances(kind) == tree.distances(kind)[start:stop, start:stop]).all()
