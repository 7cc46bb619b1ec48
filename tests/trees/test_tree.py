"""LabelTree against slow, literal definitions on random trees, and what it refuses."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from random import Random

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, strategies as st

from hierapp import LabelTree, TreeError
from hierapp.trees import DISTANCES
from tests.strategies import trees

# The worked example of the method's page.
PETS = LabelTree.from_edges(
    [
        ("root", "animal"),
        ("animal", "pet"),
        ("pet", "cat"),
        ("pet", "dog"),
        ("root", "vehicle"),
        ("vehicle", "truck"),
    ]
)


def graph_of(tree: LabelTree) -> nx.DiGraph:
    """The tree's graph by position, made from the parents alone."""
    graph = nx.DiGraph()
    graph.add_nodes_from(range(len(tree.nodes)))
    graph.add_edges_from((int(parent), node) for node, parent in enumerate(tree.parents) if parent >= 0)
    return graph


def walk_up(tree: LabelTree, node: int) -> list[int]:
    """The node, its parent, and so on to the root."""
    return [node] if tree.parents[node] < 0 else [node, *walk_up(tree, int(tree.parents[node]))]


# What follows from the parents


@given(trees())
def test_depth_is_the_number_of_ancestors_plus_one(tree: LabelTree) -> None:
    assert tree.depth.tolist() == [len(walk_up(tree, node)) for node in range(len(tree.nodes))]


@given(trees())
def test_height_is_the_longest_way_down(tree: LabelTree) -> None:
    graph = graph_of(tree)
    longest = [max(nx.single_source_shortest_path_length(graph, node).values()) for node in graph]
    assert tree.height.tolist() == longest


@given(trees())
def test_children_leaves_and_inner_nodes(tree: LabelTree) -> None:
    graph = graph_of(tree)
    assert [list(below) for below in tree.children] == [sorted(graph.successors(node)) for node in graph]
    leaves = [node for node in graph if graph.out_degree(node) == 0]
    assert tree.leaf_nodes.tolist() == leaves
    assert tree.internal_nodes.tolist() == [node for node in graph if node not in leaves]
    assert tree.leaves == tuple(tree.nodes[node] for node in leaves)


@given(trees())
def test_leaf_ranges_hold_the_leaves_below_each_node(tree: LabelTree) -> None:
    graph = graph_of(tree)
    for node, (start, stop) in enumerate(tree.leaf_ranges.tolist()):
        below = {node, *nx.descendants(graph, node)}
        assert tree.leaf_nodes[start:stop].tolist() == [leaf for leaf in tree.leaf_nodes.tolist() if leaf in below]


@given(trees())
def test_uniform_depth(tree: LabelTree) -> None:
    depths = {len(walk_up(tree, leaf)) for leaf in tree.leaf_nodes.tolist()}
    assert tree.is_uniform_depth == (len(depths) == 1)


@given(trees())
def test_a_path_leads_from_the_root_down(tree: LabelTree) -> None:
    for node in range(len(tree.nodes)):
        assert tree.path(node) == walk_up(tree, node)[::-1]


@given(trees())
def test_adjacency_marks_the_children(tree: LabelTree) -> None:
    expected = nx.to_numpy_array(graph_of(tree), dtype=int)
    np.testing.assert_array_equal(tree.adjacency(), expected)


@given(trees())
def test_paths_mark_the_ancestors_and_the_node(tree: LabelTree) -> None:
    expected = np.zeros((len(tree.nodes), len(tree.nodes)))
    for node in range(len(tree.nodes)):
        expected[node, walk_up(tree, node)] = 1
    np.testing.assert_array_equal(tree.paths(), expected)


@given(trees())
def test_distances_by_networkx(tree: LabelTree) -> None:
    graph = graph_of(tree)
    ways = dict(nx.all_pairs_shortest_path_length(graph.to_undirected(as_view=True)))
    depth = {node: ways[0][node] + 1 for node in graph}
    height = {node: max(nx.single_source_shortest_path_length(graph, node).values()) for node in graph}
    leaves = tree.leaf_nodes.tolist()
    ancestors = dict(nx.all_pairs_lowest_common_ancestor(graph, [(a, b) for a in leaves for b in leaves]))
    lowest = {pair: ancestors[pair] if pair in ancestors else ancestors[pair[::-1]] for pair in ancestors}
    size = len(leaves)
    expected = {kind: np.zeros((size, size), int) for kind in DISTANCES}
    for i, a in enumerate(leaves):
        for j, b in enumerate(leaves):
            common = lowest[a, b]
            expected["lca-depth"][i, j] = max(depth[a], depth[b]) - depth[common]
            expected["lca-height"][i, j] = height[common]
            expected["edges"][i, j] = ways[a][b]
    for kind in DISTANCES:
        np.testing.assert_array_equal(tree.distances(kind), expected[kind], err_msg=kind)


@given(trees())
def test_the_distances_agree_up_to_a_factor_on_uniform_depth(tree: LabelTree) -> None:
    if tree.is_uniform_depth:
        np.testing.assert_array_equal(tree.distances("lca-depth"), tree.distances("lca-height"))
        np.testing.assert_array_equal(2 * tree.distances("lca-depth"), tree.distances("edges"))


def test_the_worked_example() -> None:
    assert PETS.nodes == ("root", "animal", "pet", "cat", "dog", "vehicle", "truck")
    assert PETS.leaves == ("cat", "dog", "truck")
    assert PETS.depth.tolist() == [1, 2, 3, 4, 4, 2, 3]
    assert PETS.height.tolist() == [3, 2, 1, 0, 0, 1, 0]
    assert not PETS.is_uniform_depth
    assert PETS.distances().tolist() == [[0, 1, 3], [1, 0, 3], [3, 3, 0]]
    assert PETS.distances("lca-height").tolist() == [[0, 1, 3], [1, 0, 3], [3, 3, 0]]
    assert PETS.distances("edges").tolist() == [[0, 2, 5], [2, 0, 5], [5, 5, 0]]


def test_the_distances_differ_on_a_ragged_tree() -> None:
    # cat and dog stand at different depths below animal, whose height is 2.
    tree = LabelTree.from_edges([("root", "animal"), ("animal", "cat"), ("animal", "pack"), ("pack", "dog")])
    assert tree.distances("lca-depth")[0, 1] == 2
    assert tree.distances("lca-height")[0, 1] == 2
    assert tree.distances("edges")[0, 1] == 3
    wide = LabelTree.from_edges([("root", "a"), ("root", "b"), ("root", "c"), ("c", "d"), ("d", "e")])
    assert wide.distances("lca-depth")[0, 1] == 1
    assert wide.distances("lca-height")[0, 1] == 3


# The canonical order


@given(trees())
def test_nodes_stand_in_preorder(tree: LabelTree) -> None:
    assert list(nx.dfs_preorder_nodes(graph_of(tree), 0)) == list(range(len(tree.nodes)))
    assert tree.parents[0] == -1
    assert (tree.parents[1:] < np.arange(1, len(tree.nodes))).all()


@given(trees(), st.randoms(use_true_random=False))
def test_any_order_of_the_nodes_makes_the_same_relations(tree: LabelTree, random: Random) -> None:
    order = list(range(len(tree.nodes)))
    random.shuffle(order)
    place = {node: i for i, node in enumerate(order)}
    above = [-1 if tree.parents[node] < 0 else place[int(tree.parents[node])] for node in order]
    again = LabelTree([tree.nodes[node] for node in order], above)

    def relations(one: LabelTree) -> set[tuple[str, str]]:
        return {(one.nodes[p], one.nodes[i]) for i, p in enumerate(one.parents.tolist()) if p >= 0}

    assert relations(again) == relations(tree)
    # Siblings keep the order in which they were given.
    for below in again.children:
        places = [place[tree.nodes.index(again.nodes[child])] for child in below]
        assert places == sorted(places)


@given(trees(), st.randoms(use_true_random=False))
def test_edges_in_any_order_make_the_same_relations(tree: LabelTree, random: Random) -> None:
    edges = [(tree.nodes[p], tree.nodes[i]) for i, p in enumerate(tree.parents.tolist()) if p >= 0]
    assert LabelTree.from_edges(edges) == tree
    random.shuffle(edges)
    again = LabelTree.from_edges(edges)
    assert {(again.nodes[p], again.nodes[i]) for i, p in enumerate(again.parents.tolist()) if p >= 0} == set(edges)


@given(trees())
def test_back_from_the_adjacency_matrix_and_from_networkx(tree: LabelTree) -> None:
    assert LabelTree.from_adjacency(tree.adjacency(), tree.nodes) == tree
    assert LabelTree.from_networkx(tree.to_networkx()) == tree


def test_a_multigraph_is_read_by_its_pairs() -> None:
    assert LabelTree.from_networkx(nx.MultiDiGraph([("root", "a"), ("root", "b")])).leaves == ("a", "b")


# Classes


@given(trees(), st.randoms(use_true_random=False))
def test_positions_of_classes_go_by_name(tree: LabelTree, random: Random) -> None:
    classes = list(tree.leaves)
    random.shuffle(classes)
    assert [tree.leaves[i] for i in tree.positions_of(classes)] == classes


@pytest.mark.parametrize(
    ("classes", "said"),
    [
        (["cat", "dog"], "leaf 'truck' not among the classes"),
        (["cat", "dog", "truck", "ship"], "class 'ship' not among the leaves"),
        (["cat", "dog", "lorry"], "class 'lorry' not among the leaves and leaf 'truck' not among the classes"),
        (["cat", "dog", "truck", "cat"], "class 'cat' given more than once"),
        (["cat", "dog", "truck", "pet"], "class 'pet' not among the leaves"),
    ],
)
def test_classes_that_are_not_the_leaves(classes: list[str], said: str) -> None:
    with pytest.raises(TreeError, match=f"^The tree does not fit the data set: {said}; .*[.]$"):
        PETS.positions_of(classes)


# What is no tree


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: LabelTree.from_edges([("r", "x"), ("a", "a")]), "'a' form a cycle"),
        (lambda: LabelTree.from_edges([("a", "b"), ("c", "d")]), "'a', 'c' are all roots"),
        (lambda: LabelTree.from_adjacency(np.zeros((3, 3)), ["a", "b", "c"]), "'a', 'b', 'c' are all roots"),
        (lambda: LabelTree.from_edges([("a", "c"), ("b", "c")]), "'c' has two parents, 'a' and 'b'"),
        (
            lambda: LabelTree.from_adjacency([[0, 1, 1], [0, 0, 1], [0, 0, 0]], ["a", "b", "c"]),
            "'c' has two parents, 'a' and 'b'",
        ),
        (lambda: LabelTree.from_edges([("a", "c"), ("a", "c")]), "from 'a' to 'c' is given twice"),
        (lambda: LabelTree(["r", "cat", "cat"], [-1, 0, 0]), "The name 'cat' is used twice"),
        (lambda: LabelTree(["r", ""], [-1, 0]), "A node has an empty name"),
        (lambda: LabelTree(["r", " \t"], [-1, 0]), "A node has an empty name"),
        (lambda: LabelTree(["r", 3.5], [-1, 0]), "The node name 3.5 is not text"),
        (lambda: LabelTree(["r", "\ud800"], [-1, 0]), "surrogate"),
        (lambda: LabelTree(["r"], [-1]), "The tree has no leaf"),
        (lambda: LabelTree([], []), "The tree has no leaf"),
        (lambda: LabelTree.from_edges([]), "The tree has no leaf"),
        (lambda: LabelTree(["r", "a"], [-1]), "one integer per node"),
        (lambda: LabelTree(["r", "a"], [-1, 0.5]), "one integer per node"),
        (lambda: LabelTree(["r", "a"], [-1, 2]), "out of range"),
        (lambda: LabelTree(["r", "a"], [-2, 0]), "out of range"),
        (lambda: LabelTree.from_adjacency([[0, 1]], ["r", "a"]), "must be square"),
        (lambda: LabelTree.from_adjacency([[0, 1], [0, 0]], ["r"]), "2 rows but 1 names"),
        (lambda: LabelTree.from_adjacency([[0, 2], [0, 0]], ["r", "a"]), "values other than 0 and 1"),
        (lambda: LabelTree.from_networkx(nx.Graph([("r", "a")])), "undirected"),
        (lambda: LabelTree.from_networkx(nx.DiGraph([((0, 1), 1)])), "The node name (0, 1) is not text"),
        (lambda: PETS.distances("steps"), "lca-depth, lca-height, edges but got 'steps'"),
    ],
)
def test_what_is_refused(make: Callable[[], object], said: str) -> None:
    with pytest.raises(TreeError) as refused:
        make()
    assert said in str(refused.value)
    assert str(refused.value).endswith(".")
    assert "\n" not in str(refused.value)
    assert isinstance(refused.value, ValueError)


@pytest.mark.parametrize(
    "edges",
    [[("r", "x")], [("r", "x"), ("b", "tail"), ("tail", "end")], []],
    ids=["beside a tree", "with a tail", "alone"],
)
def test_a_cycle_is_named_from_parent_to_child(edges: list[tuple[str, str]]) -> None:
    with pytest.raises(TreeError) as refused:
        LabelTree.from_edges([*edges, ("a", "b"), ("b", "c"), ("c", "a")])
    turns = ["'a', 'b', 'c'", "'b', 'c', 'a'", "'c', 'a', 'b'"]
    assert str(refused.value) in [f"The nodes {turn} form a cycle; remove one of its edges." for turn in turns]


def test_a_node_without_an_edge_is_refused() -> None:
    graph = nx.DiGraph([("r", "a")])
    graph.add_node("lost")
    with pytest.raises(TreeError, match="The node 'lost' has no edge"):
        LabelTree.from_networkx(graph)


def test_many_names_are_cut_in_messages() -> None:
    with pytest.raises(TreeError, match="and 95 more are all roots"):
        LabelTree([f"n{i}" for i in range(100)], [-1] * 100)


# A value


def test_a_tree_never_changes() -> None:
    source = np.array([-1, 0, 0])
    tree = LabelTree(["r", "a", "b"], source)
    source[2] = 1
    assert tree.parents.tolist() == [-1, 0, 0]
    for array in (tree.parents, tree.depth, tree.height, tree.leaf_nodes, tree.internal_nodes, tree.leaf_ranges):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 7
    for matrix in (tree.adjacency, tree.paths, tree.distances):
        before = matrix()
        matrix()[:] = 7
        np.testing.assert_array_equal(matrix(), before)
    with pytest.raises(AttributeError, match="immutable"):
        tree.nodes = ("r", "b", "a")


@pytest.mark.parametrize("copied", [lambda tree: pickle.loads(pickle.dumps(tree)), copy.copy, copy.deepcopy])
def test_a_copy_is_the_same_and_never_changes(copied: Callable[[LabelTree], LabelTree]) -> None:
    again = copied(PETS)
    assert again == PETS
    with pytest.raises(ValueError, match="read-only"):
        again.parents[0] = 7


@given(trees(12), trees(12))
def test_equality_and_hash_go_by_names_and_parents(one: LabelTree, other: LabelTree) -> None:
    again = LabelTree(one.nodes, one.parents)
    assert again == one
    assert hash(again) == hash(one)
    assert (one == other) == (one.nodes == other.nodes and one.parents.tolist() == other.parents.tolist())


def test_what_is_not_equal() -> None:
    tree = LabelTree(["r", "a", "b"], [-1, 0, 0])
    assert tree != LabelTree(["r", "b", "a"], [-1, 0, 0])
    assert tree != LabelTree(["r", "a", "b"], [-1, 0, 1])
    assert tree != "tree"
    assert len({tree, LabelTree(["r", "a", "b"], [-1, 0, 0])}) == 1
    assert repr(PETS) == "LabelTree(7 nodes, 3 leaves, depth 4)"


@pytest.mark.slow
def test_a_chain_of_a_hundred_thousand_nodes() -> None:
    size = 100_000
    tree = LabelTree([str(i) for i in range(size)], np.arange(size) - 1)
    assert tree.depth[-1] == size
    assert tree.height[0] == size - 1
    assert tree.leaf_ranges[0].tolist() == [0, 1]
