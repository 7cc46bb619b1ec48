"""Hierarchical F_beta of nodes and sets, against scikit-learn and the other reports."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from hierapp import LabelTree
from hierapp.decoding import decode, decode_set
from hierapp.errors import ConfigError
from hierapp.metrics import hierarchical_f_beta
from hierapp.metrics.probabilities import node_report
from tests.strategies import trees

TREE = LabelTree.from_edges([("root", "animal"), ("animal", "cat"), ("animal", "dog"), ("root", "truck")])


def indicators(tree, nodes, count_root):
    """The sets of nodes and their ancestors as rows of 0 and 1."""
    # With one more column, since scikit-learn reads a single one as classes 0 and 1.
    found = np.zeros((len(nodes), len(tree.nodes) + 1), int)
    for row, node in enumerate(nodes):
        found[row, tree.path(int(node))] = 1
    return found[:, 0 if count_root else 1 :]


@settings(deadline=None, max_examples=12)
@given(
    tree=trees(max_nodes=25),
    seed=st.integers(0, 2**31),
    beta=st.sampled_from([0.5, 1.0, 2.0]),
    count_root=st.booleans(),
)
def test_scikit_learn_agrees(tree, seed, beta, count_root):
    from sklearn.metrics import precision_recall_fscore_support

    generator = np.random.default_rng(seed)
    nodes, target = generator.integers(0, len(tree.nodes), 20), generator.integers(0, len(tree.leaves), 20)
    true, guessed = (indicators(tree, each, count_root) for each in (tree.leaf_nodes[target], nodes))
    found = hierarchical_f_beta(nodes, target, tree, beta, count_root)
    for average, prefix in (("micro", ""), ("samples", "macro_")):
        theirs = precision_recall_fscore_support(true, guessed, beta=beta, average=average, zero_division=0)
        names = [f"{prefix}{name}" for name in ("precision", "recall", "f_beta")]
        assert [found[name] for name in names] == pytest.approx(theirs[:3])
    sets = np.zeros((20, len(tree.nodes)), bool)
    sets[:, 0 if count_root else 1 :] = guessed[:, :-1]
    assert hierarchical_f_beta(sets, target, tree, beta, count_root) == pytest.approx(found)


def test_with_beta_1_it_is_that_of_the_node_report():
    nodes, target = [1, 2, 4, 0, 3], [0, 1, 2, 0, 1]
    found, whole = hierarchical_f_beta(nodes, target, TREE), node_report(nodes, target, TREE)
    for ours, theirs in (("precision", "precision"), ("recall", "recall"), ("f_beta", "f1")):
        assert found[ours] == pytest.approx(whole[f"hierarchical_{theirs}"])
        assert found[f"macro_{ours}"] == pytest.approx(whole[f"hierarchical_macro_{theirs}"])


def test_the_best_sets_have_the_highest_mean_if_the_probabilities_are_right():
    generator = np.random.default_rng(0)
    p = generator.dirichlet(np.ones(3), 4000)
    target = (p.cumsum(1) > generator.random((4000, 1))).argmax(1)
    scores = [
        hierarchical_f_beta(each, target, TREE)["macro_f_beta"]
        for each in (decode_set(np.log(p), TREE), decode(np.log(p), TREE, "hf-beta"), decode(np.log(p), TREE, "leaf"))
    ]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > scores[1] + 0.01


def test_nothing_is_nothing():
    assert set(hierarchical_f_beta([], [], TREE).values()) == {0.0}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1], [0], TREE, -1.0), "at least 0"),
        (([1, 2], [0], TREE), "one for each"),
        (([5], [0], TREE), "nodes from 0 to 4"),
        (([1], [3], TREE), "classes from 0 to 2"),
        (([[1, 0, 0, 0, 0]], [0], TREE), "sets as bool"),
    ],
)
def test_bad_input_is_told(arguments, message):
    with pytest.raises(ConfigError, match=message):
        hierarchical_f_beta(*arguments)
