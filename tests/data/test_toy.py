"""Toy pictures: what the tree decides, and the data set that they become."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from hierapp import LabelTree
from hierapp.data import registry as datasets, toy
from hierapp.errors import DatasetError
from hierapp.trees import library
from tests.strategies import trees

TREE = LabelTree.from_edges([("food", "fruit"), ("fruit", "apple"), ("fruit", "pear"), ("food", "bread")])


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HIERAPP_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HIERAPP_DATA", str(tmp_path / "data"))


@given(trees())
def test_hues_are_in_order_and_closer_within_subtrees(tree):
    hues = toy.hues(tree)
    assert len(hues) == len(tree.leaves)
    assert 0 <= hues.min() <= hues.max() <= toy.CIRCLE
    assert (np.diff(hues) > 0).all()


def test_siblings_have_closer_hues_than_their_cousins():
    hues = toy.hues(library.load("cifar10"))
    tree = library.load("cifar10")
    siblings = [tree.parents[a] == tree.parents[b] for a, b in zip(tree.leaf_nodes, tree.leaf_nodes[1:], strict=False)]
    steps = np.diff(hues)
    assert steps[siblings].max() < steps[~np.array(siblings)].min()


def test_each_branch_below_the_root_has_its_shape_and_a_flat_tree_one():
    assert toy.shapes(TREE).tolist() == [0, 0, 1]
    assert toy.shapes(LabelTree.from_edges([("root", "a"), ("root", "b")])).tolist() == [0, 0]


def test_all_shapes_are_drawn_and_differ():
    tree = LabelTree.from_edges(
        [("root", f"branch {n}") for n in range(8)] + [(f"branch {n}", f"leaf {n}") for n in range(8)]
    )
    drawn = toy.pictures(tree, np.arange(8), np.random.default_rng(0))
    assert drawn.shape == (8, 24, 24, 3)
    assert drawn.dtype == np.uint8
    # Some of the picture is the shape, which has a color, and some is the gray ground.
    colored = (drawn.max(-1).astype(int) - drawn.min(-1) > 80).mean((1, 2))
    assert ((colored > 0.03) & (colored < 0.7)).all()


def test_the_data_set_is_the_same_again_with_the_same_seed(home):
    first, again, other = (toy.create(TREE, f"toy{n}", seed=seed) for n, seed in enumerate((0, 0, 1)))
    assert (first.train_size, first.test_size, first.class_names) == (600, 150, TREE.leaves)
    assert datasets.content_hashes(first.name) == datasets.content_hashes(again.name)
    assert datasets.content_hashes(first.name) != datasets.content_hashes(other.name)
    images, labels = datasets.arrays(first.name, "test")
    assert images.shape == (150, 24, 24, 3)
    assert np.bincount(labels).tolist() == [50, 50, 50]
    assert library.load(first.default_tree) == TREE


@pytest.mark.parametrize(
    ("tree", "values", "words"),
    [
        (LabelTree.from_edges([("root", "only")]), {}, "2 to 1,000 classes"),
        (LabelTree.from_edges([("root", str(n)) for n in range(1_001)]), {}, "the tree has 1,001"),
        (TREE, {"seed": -1}, "must be 0 or more"),
        (TREE, {"name": "digits"}, "already exists"),
        (TREE, {"name": "a/b"}, "not a valid data set name"),
    ],
)
def test_what_cannot_be_drawn_is_told(tree, values, words, home):
    with pytest.raises(DatasetError, match=words):
        toy.create(tree, **{"name": "mine", **values})
