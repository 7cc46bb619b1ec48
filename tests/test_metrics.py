"""Figures from confusion counts, against worked examples and slow loops."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hierapp import LabelTree
from hierapp.errors import ConfigError
from hierapp.metrics import confusion_matrix, report
from tests.strategies import trees

# The worked example of the method page: root -> animal -> pet -> {cat, dog}, root -> vehicle -> truck.
TREE = LabelTree.from_edges(
    [("root", "animal"), ("animal", "pet"), ("pet", "cat"), ("pet", "dog"), ("root", "vehicle"), ("vehicle", "truck")]
)
COUNTS = [[8, 1, 1], [2, 6, 2], [0, 3, 7]]


@pytest.mark.parametrize(
    ("figure", "expected"),
    [
        ("recall", [0.8, 0.6, 0.7]),
        ("precision", [0.8, 0.6, 0.7]),
        ("weighted_precision", [0.8, 0.375, 0.4375]),
        ("weighted_recall", [0.66667, 0.42857, 0.4375]),
        ("weighted_class_accuracy", [0.66667, 0.42857, 0.4375]),
        ("class_accuracy", [0.8, 0.6, 0.7]),
        ("weighted_f1", [0.72727, 0.4, 0.4375]),
        ("accuracy", 0.7),
        ("mean_distance", 0.7),
        ("severity", 2.33333),
        ("samples", 30),
        ("undefined", []),
    ],
)
def test_worked_example(figure, expected):
    assert report(COUNTS, TREE)[figure] == pytest.approx(expected, abs=5e-6)


def test_levels_and_ancestors_of_the_worked_example():
    figures = report(COUNTS, TREE)
    # Wrong about animal or vehicle: 1 + 2 + 3 of 30; pet agrees with animal here; the last level is the accuracy.
    assert figures["level_accuracy"] == pytest.approx([0.8, 0.8, 0.7])
    # cat and dog share 2 of 3 nodes, cat and truck 0 of 3 (truck ends a level higher, with 2).
    steps = {"cat": 3, "dog": 3, "truck": 2}
    shared = 8 * 3 + 1 * 2 + 2 * 2 + 6 * 3 + 7 * 2
    true = 10 * steps["cat"] + 10 * steps["dog"] + 10 * steps["truck"]
    predicted = 10 * steps["cat"] + 10 * steps["dog"] + 10 * steps["truck"]
    assert figures["hierarchical_recall"] == pytest.approx(shared / true)
    assert figures["hierarchical_precision"] == pytest.approx(shared / predicted)


@settings(deadline=None, max_examples=60)
@given(tree=trees(max_nodes=30), seed=st.integers(0, 2**31), kind=st.sampled_from(["lca-depth", "lca-height", "edges"]))
def test_against_a_loop_over_samples(tree, seed, kind):
    generator = np.random.default_rng(seed)
    size = len(tree.leaves)
    true, predicted = generator.integers(size, size=50), generator.integers(size, size=50)
    figures = report(confusion_matrix(true, predicted, size), tree, kind)
    distances = tree.distances(kind)
    paid = [distances[t, p] for t, p in zip(true, predicted, strict=True)]
    wrong = [d for d, t, p in zip(paid, true, predicted, strict=True) if t != p]
    assert figures["accuracy"] == pytest.approx(np.mean(true == predicted))
    assert figures["mean_distance"] == pytest.approx(np.mean(paid))
    assert figures["severity"] == pytest.approx(np.mean(wrong) if wrong else 0.0)
    shared = above_true = above_predicted = 0
    for t, p in zip(true, predicted, strict=True):
        of_true, of_predicted = (set(tree.path(int(tree.leaf_nodes[leaf]))) - {0} for leaf in (t, p))
        shared += len(of_true & of_predicted)
        above_true += len(of_true)
        above_predicted += len(of_predicted)
    assert figures["hierarchical_recall"] == pytest.approx(shared / above_true)
    assert figures["hierarchical_precision"] == pytest.approx(shared / above_predicted)
    for leaf in range(size):
        hit = np.sum((true == leaf) & (predicted == leaf))
        missed = sum(d for d, t, p in zip(paid, true, predicted, strict=True) if t == leaf != p)
        taken = sum(distances[p, t] for t, p in zip(true, predicted, strict=True) if p == leaf != t)
        for name, below in (("recall", missed), ("precision", taken)):
            expected = hit / (hit + below) if hit + below else 0.0
            assert figures[f"weighted_{name}"][leaf] == pytest.approx(expected)


def test_nothing_predicted_counts_as_zero_and_is_flagged():
    figures = report([[1, 0, 0], [1, 0, 0], [0, 0, 0]], TREE)
    assert figures["recall"] == [1.0, 0.0, 0.0]
    assert set(figures["undefined"]) == {
        "recall",
        "precision",
        "f1",
        "weighted_recall",
        "weighted_precision",
        "weighted_f1",
    }
    assert report(np.zeros((3, 3), int), TREE)["accuracy"] == 0.0


def test_figures_are_plain_values_for_json():
    import json

    assert json.loads(json.dumps(report(COUNTS, TREE)))["accuracy"] == pytest.approx(0.7)


def test_confusion_matrix_takes_tensors():
    import torch

    counts = confusion_matrix(torch.tensor([0, 1, 1]), torch.tensor([0, 0, 1]), 3)
    assert counts.tolist() == [[1, 0, 0], [1, 1, 0], [0, 0, 0]]
    assert confusion_matrix([], [], 2).tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: confusion_matrix([0], [0, 1], 2), "equal length"),
        (lambda: confusion_matrix([0, 2], [0, 1], 2), "from 0 to 1"),
        (lambda: confusion_matrix([0, -1], [0, 1], 2), "from 0 to 1"),
        (lambda: report([[1]], TREE), r"shape \[3, 3\]"),
        (lambda: report([[1, 0, -1]] * 3, TREE), "negative"),
    ],
)
def test_bad_input_is_told(call, message):
    with pytest.raises(ConfigError, match=message):
        call()
