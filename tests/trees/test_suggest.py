"""The proposed trees, by each of the ways."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from hierapp import LabelTree
from hierapp.errors import TreeError
from hierapp.trees import suggest
from hierapp.trees.suggest import by_folders, by_looks, by_order, by_words, propose
from tests import strategies as profile  # noqa: F401 - no deadline


def groups_of(tree: LabelTree) -> dict[str, set[str]]:
    return {
        tree.nodes[node]: {tree.nodes[child] for child in tree.children[node]} for node in tree.internal_nodes.tolist()
    }


def test_neighbors_stand_together_in_an_order() -> None:
    tree = by_order(["a", "b", "c", "d", "e"])
    assert tree.leaves == ("a", "b", "c", "d", "e")
    assert groups_of(tree)["root"] == {"a to c", "d to e"}
    assert groups_of(tree)["a to b"] == {"a", "b"}


def test_folders_are_taken_as_they_are() -> None:
    tree = by_folders(["cat", "oak", "car"], [("living", "animal"), ("living", "plant"), ()])
    assert tree is not None
    assert groups_of(tree) == {
        "root": {"living", "car"},
        "living": {"animal", "plant"},
        "animal": {"cat"},
        "plant": {"oak"},
    }


def test_folders_around_everything_say_nothing() -> None:
    assert by_folders(["a", "b"], [("all",), ("all",)]) is None
    tree = by_folders(["a", "b"], [("all", "x"), ("all", "y")])
    assert tree is not None
    assert groups_of(tree)["root"] == {"x", "y"}


def test_a_folder_with_a_class_s_name_or_another_s_keeps_the_tree_whole() -> None:
    tree = by_folders(["cat", "root", "dog"], [("cat",), ("a", "x"), ("b", "x")])
    assert tree is not None
    assert set(tree.leaves) == {"cat", "root", "dog"}


def test_shared_words_make_groups() -> None:
    tree = by_words(["oakTree", "pine tree", "red_car", "race-car", "moon"])
    assert tree is not None
    assert groups_of(tree) == {
        "root": {"tree", "car", "moon"},
        "tree": {"oakTree", "pine tree"},
        "car": {"red_car", "race-car"},
    }


@pytest.mark.parametrize(
    "names", [["cat", "dog", "sun"], ["a cat", "b cat"], ["1 2", "1 3"], ["the cat", "the dog", "the sun", "the"]]
)
def test_names_that_share_nothing_telling_make_none(names: list[str]) -> None:
    assert by_words(names) is None


def test_what_looks_alike_stands_together() -> None:
    means = [[0.0, 0], [5, 5], [0.1, 0], [5.1, 5], [0, 9], [0.1, 9], [4.9, 5], [0, 9.1], [0, 0.1]]
    tree = by_looks([f"c{i}" for i in range(9)], means)
    assert tree is not None
    assert groups_of(tree) == {
        "root": {"group 1", "group 2", "group 3"},
        "group 1": {"c0", "c2", "c8"},
        "group 2": {"c1", "c3", "c6"},
        "group 3": {"c4", "c5", "c7"},
    }


def test_more_classes_than_can_be_clustered_by_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suggest, "MOST_CLUSTERED", 8)
    assert by_looks([f"c{i}" for i in range(9)], np.eye(9)) is None


def test_the_first_way_that_says_something_is_taken() -> None:
    names, means = ["red car", "blue car", "moon"], np.eye(3)
    none = [()] * 3
    assert "order" in propose(names, none, means, ordinal=True).how
    assert "folders" in propose(names, [("a",), ("b",), ("b",)], means).how
    assert "words" in propose(names, none, means).how
    assert "mean images" in propose(["cat", "dog", "sun"], none, [[0], [1], [9]]).how
    assert propose(["cat", "dog"], [(), ()], np.eye(2)).tree.nodes == ("root", "cat", "dog")


def test_means_that_do_not_fit_are_refused() -> None:
    with pytest.raises(TreeError, match="a row of means for each of 3 classes"):
        by_looks(["a", "b", "c"], np.zeros((2, 4)))


@settings(max_examples=60)
@given(
    st.lists(
        st.text("ab c_R1", min_size=1, max_size=8).map(str.strip).filter(bool), min_size=2, max_size=12, unique=True
    ),
    st.integers(0, 3),
    st.booleans(),
    st.data(),
)
def test_whatever_the_names_the_leaves_are_the_classes(names, depth, ordinal, data) -> None:
    folder = st.sampled_from(["x", "root", "group 1", names[0]])
    groups = data.draw(st.lists(st.lists(folder, max_size=depth), min_size=len(names), max_size=len(names)))
    means = np.random.default_rng(len(names)).random((len(names), 6))
    one = propose(names, groups, means, ordinal)
    assert sorted(one.tree.leaves) == sorted(names)
    assert propose(names, groups, means, ordinal).tree == one.tree
