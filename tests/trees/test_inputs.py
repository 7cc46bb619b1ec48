"""Edges and paths in the Python objects that users have them in."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pandas as pd
import pytest

from hierapp import LabelTree, TreeError
from hierapp.errors import DuplicateNamesError

PAIRS = [("r", "a"), ("r", "b"), ("a", "c")]
TREE = LabelTree.from_edges(PAIRS)


@pytest.mark.parametrize(
    "edges",
    [
        [list(pair) for pair in PAIRS],
        iter(PAIRS),
        np.array(PAIRS),
        np.array(PAIRS, object),
        [np.array(pair) for pair in PAIRS],
        [(*pair, 1.0) for pair in PAIRS],
        [(*pair, {"weight": 2}) for pair in PAIRS],
        [(*pair, None) for pair in PAIRS],
        {"r": ["a", "b"], "a": ["c"], "b": []},
        {"r": ("a", "b"), "a": {"c"}},
        {"r": {"a": {}, "b": {}}.keys(), "a": ["c"]},
        pd.DataFrame(PAIRS, columns=["parent", "child"]),
        pd.DataFrame(PAIRS),
        pd.DataFrame({"child": ["a", "b", "c"], "weight": [1, 2, 3], "parent": ["r", "r", "a"]}),
        pd.DataFrame({"parent": [None, "r", "r", "a"], "child": ["r", "a", "b", "c"]}),
        [(" r", "a "), ("r", "b"), ("a", "c")],
    ],
    ids=lambda edges: type(edges).__name__,
)
def test_edges_in_any_form(edges: object) -> None:
    tree = LabelTree.from_edges(edges)
    assert tree == TREE
    assert {type(name) for name in tree.nodes} == {str}


@pytest.mark.parametrize(
    ("edges", "said"),
    [
        ("ra", "Expected a list but got 'ra'"),
        (b"ra", "Expected a list"),
        (["ra", "rb"], "Expected an edge to be a pair of names but got 'ra'"),
        (3, "Expected a list but got 3"),
        ([("r",)], "Expected an edge to be a pair"),
        ([("r", "a", "b", "c")], "Expected an edge to be a pair"),
        ([("r", "a", "b")], "call LabelTree.from_paths"),
        ([("r", None)], "The node name None is not text"),
        ([("r", float("nan"))], "The node name nan is not text"),
        ([("r", True)], "The node name True is not text"),
        ([("r", "")], "A node has an empty name"),
        ({"cat": "animal"}, "Expected a list of children of 'cat' but got 'animal'"),
        ({"r": {"a": ["b"]}}, "but got a dictionary"),
        (np.arange(3), "Expected an edge to be a pair of names but got"),
        (np.zeros((2, 4)), "Expected an edge to be a pair"),
        (pd.DataFrame({"a": ["r"], "b": ["x"], "c": ["y"]}), "the columns parent and child but got ['a', 'b', 'c']"),
        ([{"parent": "r", "child": "a"}], "Expected an edge to be a pair"),
    ],
)
def test_what_is_no_list_of_edges(edges: object, said: str) -> None:
    with pytest.raises(TreeError) as refused:
        LabelTree.from_edges(edges)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    "paths",
    [
        [("r", "a", "c"), ("r", "b", "")],
        [["r", "a", "c"], ["r", "b", None]],
        np.array([["r", "a", "c"], ["r", "b", ""]]),
        pd.DataFrame([("r", "a", "c"), ("r", "b", None)]),
        pd.DataFrame([("r", "a", "c"), ("r", "b", float("nan"))]),
        [("r", "", "a", "c"), ("r", "b", "b", "b")],
        [("r", "a", "c"), ("r", "a", "c"), ("r",), ("r", "b")],
    ],
    ids=lambda paths: type(paths).__name__,
)
def test_paths_in_any_form(paths: object) -> None:
    assert LabelTree.from_paths(paths) == TREE  # type: ignore[arg-type]


def test_paths_with_several_tops_get_a_root() -> None:
    assert LabelTree.from_paths([("a", "c"), ("root", "d")]).nodes == ("root 2", "a", "c", "root", "d")


@pytest.mark.parametrize(
    ("paths", "said"),
    [
        ("cat", "Expected a list"),
        (["cat", "dog"], "Expected a path of names but got 'cat'"),
        ([("r", 2.5)], "The node name 2.5 is not text"),
        ([("", "")], "The tree has no leaf"),
        ([], "The tree has no leaf"),
    ],
)
def test_what_is_no_list_of_paths(paths: object, said: str) -> None:
    with pytest.raises(TreeError, match=said):
        LabelTree.from_paths(paths)  # type: ignore[arg-type]


def test_a_name_below_several_parents_is_told_with_names_to_give() -> None:
    with pytest.raises(DuplicateNamesError, match=r"'other \(a\)' and 'other \(b\)'"):
        LabelTree.from_paths([("a", "other"), ("b", "other"), ("b", "c")])


def test_graphs_with_whole_numbers() -> None:
    tree = LabelTree.from_networkx(nx.full_rary_tree(2, 7, create_using=nx.DiGraph))
    assert tree.nodes == ("0", "1", "3", "4", "2", "5", "6")
    assert LabelTree.from_networkx(nx.DiGraph([(np.int64(0), np.int64(1))])).nodes == ("0", "1")
    with pytest.raises(TreeError, match="such as 1 and '1'"):
        LabelTree.from_networkx(nx.DiGraph([(0, 1), (0, "1")]))


def test_classes_are_found_by_name_in_any_unicode_form() -> None:
    tree = LabelTree.from_edges([("r", "Mo\u0308hre"), ("r", "Lauch ")])
    assert tree.leaves == ("M\u00f6hre", "Lauch")
    assert tree.positions_of(["Lauch", "Mo\u0308hre"]).tolist() == [1, 0]
