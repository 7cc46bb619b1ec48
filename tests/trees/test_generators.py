"""Trees by rule, trees as text, trees compared."""

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.sparse import csr_array

from hierapp import LabelTree
from hierapp.errors import TreeError
from hierapp.trees import diff, generators, library as tree_library, text as tree_text
from hierapp.trees.distances import pair_distances
from hierapp.trees.names import name_of
from tests.strategies import named_trees, trees

CLASSES = st.lists(st.text(min_size=1, max_size=4).map(name_of).filter(bool), min_size=1, max_size=20, unique=True)


@settings(deadline=None, max_examples=60)
@given(classes=CLASSES, seed=st.integers(0, 2**31))
def test_each_rule_gives_a_tree_over_the_classes(classes, seed):
    matrix = np.random.default_rng(seed).integers(0, 9, (len(classes), len(classes)))
    made = {
        "flat": generators.flat(classes),
        "balanced": generators.balanced(classes),
        "random": generators.random(classes, seed),
        "confusion": generators.from_confusion(matrix, classes),
        "weights": generators.from_weights(matrix, classes),
    }
    for tree in made.values():
        assert set(tree.leaves) == set(classes)
    assert made["flat"].leaves == made["balanced"].leaves == tuple(classes)
    assert max(map(len, made["balanced"].children)) <= 2
    assert made["balanced"].depth.max() - 1 == max(1, int(np.ceil(np.log2(len(classes)))))
    assert made["random"] == generators.random(classes, seed)


def test_what_is_mistaken_for_each_other_is_joined():
    counts = [[7, 3, 0, 0], [2, 8, 0, 0], [0, 0, 9, 1], [0, 1, 2, 7]]
    tree = generators.from_confusion(counts, ["cat", "dog", "car", "bus"])
    distances = tree.distances()
    assert distances[0, 1] == distances[2, 3] == 1
    assert distances[0, 2] == 2
    weights = [[1, 0.1], [1, -0.1], [-1, 0.1], [-1, -0.1]]
    assert (generators.from_weights(weights, ["cat", "dog", "car", "bus"]).distances() == distances).all()
    assert generators.from_confusion(csr_array(counts), ["cat", "dog", "car", "bus"]) == tree


def test_more_classes_than_can_be_clustered(monkeypatch):
    monkeypatch.setattr(generators, "MOST_LINKED", 2)
    for make in (generators.from_confusion, generators.from_weights):
        with pytest.raises(TreeError, match="up to 2 classes"):
            make(np.eye(3), ["cat", "dog", "car"])


@pytest.mark.parametrize("head", ["flat", "conditional"])
def test_a_run_whose_last_layer_tells_classes_apart(head, tmp_path):
    from safetensors.numpy import save_file

    tree = LabelTree.from_edges([("r", "A"), ("A", "cat"), ("A", "car"), ("r", "B"), ("B", "dog"), ("B", "bus")])
    of_class = {"cat": [1, 0.1], "dog": [1, -0.1], "car": [-1, 0.1], "bus": [-1, -0.1]}
    names = tree.leaves if head == "flat" else tree.nodes[1:]
    rows = np.array([of_class.get(name, [9, 9]) for name in names], np.float32)
    file = tmp_path / "model.safetensors"
    save_file({"1.fc.weight": np.ones((7, 3), np.float32), "1.head.weight": rows, "1.head.bias": rows[:, 0]}, file)
    found = generators.from_classifier(file, tree)
    assert found.distances()[found.leaves.index("cat"), found.leaves.index("dog")] == 1
    file.write_bytes(b"no weights")
    with pytest.raises(TreeError, match="cannot be read"):
        generators.from_classifier(file, tree)
    save_file({"weight": np.ones((3, 3), np.float32)}, file)
    with pytest.raises(TreeError, match="one row per class"):
        generators.from_classifier(file, tree)


@pytest.mark.parametrize("name", ["cifar10", "cifar100", "cifar100-5level", "fashion-mnist"])
def test_adversarial_drives_siblings_apart(name):
    tree = tree_library.load(name)
    against = generators.adversarial(tree)
    assert np.array_equal(against.parents, tree.parents)
    assert set(against.leaves) == set(tree.leaves)
    assert [against.nodes[i] for i in tree.internal_nodes] == [tree.nodes[i] for i in tree.internal_nodes]
    size = len(tree.leaves)
    one, other = np.triu_indices(size, 1)
    siblings = pair_distances(tree, one, other) == 1
    place = np.array([against.leaves.index(leaf) for leaf in tree.leaves])
    apart = pair_distances(against, place[one], place[other])
    assert apart[siblings].mean() > apart.mean()


@settings(deadline=None, max_examples=40)
@given(tree=trees(max_nodes=30))
def test_indented_text_comes_back(tree):
    assert tree_text.parse(tree_text.render(tree)) == tree


@pytest.mark.parametrize(
    ("text", "nodes"),
    [
        ("a\n\tb\n\tc\n", "a b c"),
        ("- a\n    - b\n        * c\n    + d", "a b c d"),
        ("a\n  b\nc\n  d", "root a b c d"),
        ("parent,child\nr,a\nr,b", "r a b"),
        ("a,b\na,c\nb,d", "a b d c"),
        ("(x,y)r;", "r x y"),
        ('{"name": "r", "children": [{"name": "x"}]}', "r x"),
    ],
)
def test_what_people_type(text, nodes):
    assert " ".join(tree_text.parse(text).nodes) == nodes


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("  \n", "empty"),
        ("a\n  b\n  b", "Line 3: the name 'b' is used twice"),
        ("parent,child\nr,a\nr", "Expected a parent and a child in line 3 but got 1 cells"),
        ("a,b\nb,a", "cycle"),
        ("only", "no leaf"),
    ],
)
def test_text_that_is_no_tree_is_told(text, message):
    with pytest.raises(TreeError, match=message):
        tree_text.parse(text)


@settings(deadline=None, max_examples=60)
@given(
    text=st.one_of(
        st.text(max_size=60), named_trees(st.text(min_size=1, max_size=5).filter(str.strip)).map(tree_text.render)
    )
)
def test_any_text_gives_a_tree_or_a_tree_error(text):
    with suppress(TreeError):
        tree_text.parse(text)


@settings(deadline=None, max_examples=40)
@given(first=trees(max_nodes=20), second=trees(max_nodes=20))
def test_what_changed_between_two_trees(first, second):
    shared = [name for name in first.leaves if name in second.leaves]
    if len(shared) < 2:
        with pytest.raises(TreeError, match="in common"):
            diff.compare(first, second)
        return
    found = diff.compare(first, second)
    assert list(found.classes) == shared
    before = {(a, b): first.distances()[first.leaves.index(a), first.leaves.index(b)] for a in shared for b in shared}
    after = {(a, b): second.distances()[second.leaves.index(a), second.leaves.index(b)] for a in shared for b in shared}
    listed = {(a, b): (was, now) for a, b, was, now in found.pairs}
    for i, a in enumerate(shared):
        for b in shared[i + 1 :]:
            pair = (before[a, b], after[a, b])
            assert listed.get((a, b)) == (pair if pair[0] != pair[1] else None)
    assert not diff.compare(first, first).moved


def test_what_moved_is_told_by_the_way_to_it():
    one = LabelTree.from_edges([("root", "animal"), ("animal", "cat"), ("animal", "dog"), ("root", "truck")])
    other = LabelTree.from_edges([("root", "animal"), ("animal", "dog"), ("root", "truck"), ("truck", "lorry")])
    assert diff.compare(one, LabelTree.from_edges([("r", "cat"), ("r", "dog")])).moved == (
        ("cat", "animal", "the root"),
        ("dog", "animal", "the root"),
    )
    with pytest.raises(TreeError, match="1 classes in common"):
        diff.compare(one, other)
