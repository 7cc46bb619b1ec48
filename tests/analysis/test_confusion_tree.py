"""The confusion matrix of nodes: what is shown, what it counts, which images are in a cell."""

from __future__ import annotations

import numpy as np
import pytest

from hierapp.analysis.confusion_tree import folded, images_of, levels, shares, shown, usual_level
from hierapp.training.predictions import Outputs
from hierapp.trees import LabelTree, library as tree_library

TREE = LabelTree.from_edges(
    [("root", "animal"), ("animal", "pet"), ("pet", "cat"), ("pet", "dog"), ("animal", "horse"), ("root", "truck")]
)


def names(nodes):
    return [TREE.nodes[node] for node in nodes]


def test_levels_open_from_the_root_down():
    assert names(shown(TREE, 1)) == ["animal", "truck"]
    assert names(shown(TREE, 2)) == ["pet", "horse", "truck"]
    assert names(shown(TREE, 3)) == ["cat", "dog", "horse", "truck"]
    assert levels(TREE) == [1, 2, 3]


def test_nodes_open_and_close_by_themselves():
    assert names(shown(TREE, 1, opened=["animal"])) == ["pet", "horse", "truck"]
    assert names(shown(TREE, 1, opened=["animal", "pet"])) == ["cat", "dog", "horse", "truck"]
    assert names(shown(TREE, 1, opened=["pet"])) == ["animal", "truck"]
    assert names(shown(TREE, 3, closed=["pet"])) == ["pet", "horse", "truck"]
    assert names(shown(TREE, 3, closed=["animal"])) == ["animal", "truck"]


def test_few_classes_are_all_shown_and_many_are_not():
    assert usual_level(TREE) == 3
    cifar100 = tree_library.load("cifar100")
    assert len(shown(cifar100, usual_level(cifar100))) == 20
    flat = LabelTree(["root", *(str(leaf) for leaf in range(500))], [-1, *[0] * 500])
    assert levels(flat) == [1]


def test_counts_are_summed_below_each_node():
    counts = np.array([[8, 1, 1, 0], [2, 6, 1, 1], [0, 0, 9, 1], [0, 1, 2, 7]])
    assert folded(counts, TREE, shown(TREE, 3)).tolist() == counts.tolist()
    assert folded(counts, TREE, shown(TREE, 2)).tolist() == [[17, 2, 1], [0, 9, 1], [1, 2, 7]]
    assert folded(counts, TREE, shown(TREE, 1)).tolist() == [[28, 2], [3, 7]]


def test_an_empty_row_has_no_shares():
    assert shares(np.array([[3, 1], [0, 0]])).tolist() == [[0.75, 0.25], [0.0, 0.0]]


@pytest.fixture
def said():
    """Five images, columns in another order than the leaves: truck, horse, dog, cat."""
    p = [[0, 0, 0.2, 0.8], [0, 0, 0.9, 0.1], [0, 0.3, 0.7, 0], [0.6, 0, 0.4, 0], [0, 0, 0.6, 0.4]]
    target = [3, 3, 2, 2, 3]  # cat, cat, dog, dog, cat
    return Outputs(np.array(p, np.float16), np.array(target, np.int32), ("truck", "horse", "dog", "cat"), "digits", 1)


def at(name):
    return TREE.nodes.index(name)


def test_a_cell_of_classes_holds_its_images_the_surest_first(said):
    assert images_of(said, TREE, at("cat"), at("dog")).tolist() == [1, 4]
    assert images_of(said, TREE, at("dog"), at("truck")).tolist() == [3]
    assert images_of(said, TREE, at("truck"), at("dog")).tolist() == []


def test_in_a_cell_of_nodes_mistakes_come_first(said):
    assert images_of(said, TREE, at("pet"), at("animal")).tolist() == [1, 4, 0, 2]
    assert images_of(said, TREE, at("animal"), at("truck")).tolist() == [3]
