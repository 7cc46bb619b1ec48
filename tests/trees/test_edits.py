"""Any edits in any order keep a valid tree; each does what it says."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from hierapp import LabelTree
from hierapp.errors import TreeError
from hierapp.trees import edits as tree_edits
from hierapp.trees.drafts import Draft
from tests.strategies import named_trees, trees

TREE = LabelTree.from_edges(
    [("root", "animal"), ("animal", "pet"), ("pet", "cat"), ("pet", "dog"), ("animal", "frog"), ("root", "truck")]
)


def any_edit(draw, tree):
    """One of the operations with arguments that may or may not fit; `draw` is a numpy generator."""

    def name():
        return tree.nodes[draw.integers(len(tree.nodes))]

    def some():
        return list(dict.fromkeys(name() for _ in range(draw.integers(1, 4))))

    def fresh():
        odd = [name(), " ", "'\"<b>,;()", "ж" * 200]
        return f"new {draw.integers(100)}" if draw.random() < 0.7 else odd[draw.integers(len(odd))]

    def place():
        return [None, int(draw.integers(-2, 6))][draw.integers(2)]

    arguments = {
        "add": lambda: {"parent": name(), "name": fresh(), "at": place()},
        "rename": lambda: {"node": name(), "name": fresh()},
        "remove": lambda: {"nodes": some(), "with_subtree": bool(draw.integers(2))},
        "move": lambda: {"nodes": some(), "parent": name(), "at": place()},
        "shift": lambda: {"node": name(), "by": int(draw.integers(-3, 4))},
        "promote": lambda: {"nodes": some()},
        "collapse": lambda: {"node": name()},
        "group": lambda: {"nodes": some(), "name": fresh()},
    }
    assert arguments.keys() == tree_edits.OPERATIONS.keys()
    operation = draw.choice([*arguments, "add", "add", "group"])
    return str(operation), arguments[operation]()


@pytest.mark.slow
@settings(deadline=None, max_examples=15)
@given(start=trees(max_nodes=15), seed=st.integers(0, 2**31))
def test_two_hundred_edits_and_all_the_way_back(start, seed, tmp_path_factory):
    draw = np.random.default_rng(seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HIERAPP_HOME", str(tmp_path_factory.mktemp("home")))
        draft = Draft.begin(start, "start")
        for _ in range(200):
            before = draft.tree
            operation, arguments = any_edit(draw, before)
            try:
                draft.do(operation, arguments)
            except TreeError:
                assert draft.tree == before
            valid(draft.tree)
        last, states = draft.tree, len(draft.states)
        assert Draft.load(draft.id).states == draft.states
        while draft.can_undo:
            draft.do("undo", {})
        assert draft.tree == start
        reloaded = Draft.load(draft.id)
        assert (reloaded.tree, len(reloaded.states)) == (start, states)
        while reloaded.can_redo:
            reloaded.do("redo", {})
        assert reloaded.tree == last


def valid(tree):
    assert LabelTree(tree.nodes, tree.parents) == tree
    assert (tree.parents[1:] < np.arange(1, len(tree.nodes))).all()


@settings(deadline=None, max_examples=200)
@given(tree=named_trees(st.text(min_size=1, max_size=8).filter(str.strip), max_nodes=15), seed=st.integers(0, 2**31))
def test_an_edit_never_raises_but_a_tree_error(tree, seed):
    operation, arguments = any_edit(np.random.default_rng(seed), tree)
    try:
        after = tree_edits.apply(tree, operation, arguments)
    except TreeError:
        return
    valid(after)
    if operation in ("move", "shift", "promote"):
        assert set(after.nodes) == set(tree.nodes)
    if operation == "rename":
        assert np.array_equal(after.parents, tree.parents)
    if operation == "collapse":
        assert after.leaves == tree.leaves


@pytest.mark.parametrize(
    ("edit", "leaves", "inner"),
    [
        (lambda: tree_edits.move(TREE, ["frog"], "pet", at=0), "frog cat dog truck", "root animal pet"),
        (lambda: tree_edits.move(TREE, ["pet"], "root"), "frog truck cat dog", "root animal pet"),
        (lambda: tree_edits.move(TREE, ["pet", "cat"], "root"), "frog truck cat dog", "root animal pet"),
        (lambda: tree_edits.move(TREE, ["cat"], "pet", at=2), "dog cat frog truck", "root animal pet"),
        (lambda: tree_edits.move(TREE, ["cat", "dog"], "root"), "pet frog truck cat dog", "root animal"),
        (lambda: tree_edits.remove(TREE, ["animal", "pet"]), "cat dog frog truck", "root"),
        (lambda: tree_edits.remove(TREE, ["animal", "cat"], with_subtree=True), "truck", "root"),
        (lambda: tree_edits.promote(TREE, ["cat", "dog"]), "pet cat dog frog truck", "root animal"),
        (lambda: tree_edits.collapse(TREE, "animal"), "cat dog frog truck", "root animal"),
        (lambda: tree_edits.group(TREE, ["frog", "pet"], "all"), "cat dog frog truck", "root animal all pet"),
        (lambda: tree_edits.shift(TREE, "animal", 9), "truck cat dog frog", "root animal pet"),
    ],
)
def test_edits(edit, leaves, inner):
    tree = edit()
    assert tree.leaves == tuple(leaves.split())
    assert [tree.nodes[node] for node in tree.internal_nodes] == inner.split()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tree_edits.move(TREE, ["animal"], "cat"), "'animal' cannot be moved under 'cat', which is below it"),
        (lambda: tree_edits.move(TREE, ["animal"], "animal"), "cannot be moved under itself"),
        (lambda: tree_edits.move(TREE, ["root"], "cat"), "root 'root' cannot be moved"),
        (lambda: tree_edits.remove(TREE, ["root"]), "cannot be removed"),
        (lambda: tree_edits.remove(TREE, ["animal", "truck"], with_subtree=True), "no leaf"),
        (lambda: tree_edits.add(TREE, "pet", "truck"), "'truck' already"),
        (lambda: tree_edits.add(TREE, "pet", " "), "empty name"),
        (lambda: tree_edits.add(TREE, "fish", "carp"), "no node 'fish'"),
        (lambda: tree_edits.rename(TREE, "cat", "dog"), "'dog' already"),
        (lambda: tree_edits.promote(TREE, ["truck"]), "child of the root"),
        (lambda: tree_edits.collapse(TREE, "pet"), "nothing to collapse"),
        (lambda: tree_edits.group(TREE, ["cat", "frog"], "x"), "different parents"),
        (lambda: tree_edits.group(TREE, [], "x"), "No node is chosen"),
        (lambda: tree_edits.apply(TREE, "burn", {}), "no edit 'burn'; choose one of add"),
        (lambda: tree_edits.apply(TREE, "add", {"where": 1}), "edit add is not possible"),
        (lambda: tree_edits.apply(TREE, "add", {"parent": "pet", "name": 7.5}), "not text"),
    ],
)
def test_what_cannot_be_done_is_told(call, message):
    with pytest.raises(TreeError, match=message):
        call()
