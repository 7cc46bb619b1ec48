"""Metrics from confusion counts, against worked examples and slow loops."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from hierapp import LabelTree
from hierapp.errors import ConfigError
from hierapp.metrics import confusion_matrix, report
from hierapp.metrics.confusion import sparse_confusion_matrix
from tests.strategies import trees

# The worked example of the method page: root -> animal -> pet -> {cat, dog}, root -> vehicle -> truck.
TREE = LabelTree.from_edges(
    [("root", "animal"), ("animal", "pet"), ("pet", "cat"), ("pet", "dog"), ("root", "vehicle"), ("vehicle", "truck")]
)
COUNTS = [[8, 1, 1], [2, 6, 2], [0, 3, 7]]


@pytest.mark.parametrize(
    ("name", "expected"),
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
def test_worked_example(name, expected):
    assert report(COUNTS, TREE)[name] == pytest.approx(expected, abs=5e-6)


def test_levels_and_ancestors_of_the_worked_example():
    computed = report(COUNTS, TREE)
    # Wrong about animal or vehicle: 1 + 2 + 3 of 30; pet agrees with animal here; the last level is the accuracy.
    assert computed["level_accuracy"] == pytest.approx([0.8, 0.8, 0.7])
    # cat and dog share 2 of 3 nodes, cat and truck 0 of 3 (truck ends a level higher, with 2).
    steps = {"cat": 3, "dog": 3, "truck": 2}
    shared = 8 * 3 + 1 * 2 + 2 * 2 + 6 * 3 + 7 * 2
    true = 10 * steps["cat"] + 10 * steps["dog"] + 10 * steps["truck"]
    predicted = 10 * steps["cat"] + 10 * steps["dog"] + 10 * steps["truck"]
    assert computed["hierarchical_recall"] == pytest.approx(shared / true)
    assert computed["hierarchical_precision"] == pytest.approx(shared / predicted)


@settings(deadline=None, max_examples=60)
@given(tree=trees(max_nodes=30), seed=st.integers(0, 2**31), kind=st.sampled_from(["lca-depth", "lca-height", "edges"]))
def test_against_a_loop_over_samples(tree, seed, kind):
    generator = np.random.default_rng(seed)
    size = len(tree.leaves)
    true, predicted = generator.integers(size, size=50), generator.integers(size, size=50)
    computed = report(confusion_matrix(true, predicted, size), tree, kind)
    distances = tree.distances(kind)
    paid = [distances[t, p] for t, p in zip(true, predicted, strict=True)]
    wrong = [d for d, t, p in zip(paid, true, predicted, strict=True) if t != p]
    assert computed["accuracy"] == pytest.approx(np.mean(true == predicted))
    assert computed["mean_distance"] == pytest.approx(np.mean(paid))
    assert computed["severity"] == pytest.approx(np.mean(wrong) if wrong else 0.0)
    shared = above_true = above_predicted = 0
    for t, p in zip(true, predicted, strict=True):
        of_true, of_predicted = (set(tree.path(int(tree.leaf_nodes[leaf]))) - {0} for leaf in (t, p))
        shared += len(of_true & of_predicted)
        above_true += len(of_true)
        above_predicted += len(of_predicted)
    assert computed["hierarchical_recall"] == pytest.approx(shared / above_true)
    assert computed["hierarchical_precision"] == pytest.approx(shared / above_predicted)
    for leaf in range(size):
        hit = np.sum((true == leaf) & (predicted == leaf))
        missed = sum(d for d, t, p in zip(paid, true, predicted, strict=True) if t == leaf != p)
        taken = sum(distances[p, t] for t, p in zip(true, predicted, strict=True) if p == leaf != t)
        for name, below in (("recall", missed), ("precision", taken)):
            expected = hit / (hit + below) if hit + below else 0.0
            assert computed[f"weighted_{name}"][leaf] == pytest.approx(expected)


@settings(deadline=None, max_examples=40)
@given(tree=trees(max_nodes=30), seed=st.integers(0, 2**31))
def test_superclasses_and_heights_against_a_loop(tree, seed):
    generator = np.random.default_rng(seed)
    size = len(tree.leaves)
    true, predicted = generator.integers(size, size=50), generator.integers(size, size=50)
    computed = report(confusion_matrix(true, predicted, size), tree)
    within, wrong, heights = [], [], np.zeros(int(tree.height[0]) + 1, int)
    for t, p in zip(true, predicted, strict=True):
        of_true, of_predicted = (tree.path(int(tree.leaf_nodes[leaf])) for leaf in (t, p))
        parent = of_true[-2]
        within.append(t == p or (parent != 0 and parent in of_predicted))
        wrong.append(t != p)
        if t != p:
            heights[tree.height[max(set(of_true) & set(of_predicted), key=of_true.index)]] += 1
    within, wrong = np.array(within), np.array(wrong)
    assert computed["superclass_accuracy"] == pytest.approx(within.mean())
    assert computed["failed_superclass_accuracy"] == pytest.approx(within[wrong].mean() if wrong.any() else 0)
    assert computed["mistakes_by_height"] == heights[1:].tolist()
    assert sum(computed["mistakes_by_height"]) == wrong.sum()


@pytest.mark.parametrize("scale", ["none", "max", "mean"])
def test_scales_of_the_weights(scale):
    computed, plain = report(COUNTS, TREE, scale=scale), report(COUNTS, TREE)
    # The distances are 1, 3 and 3: at most 3, 7 / 3 in the mean.
    unit = {"none": 1, "max": 3, "mean": 7 / 3}[scale]
    assert computed["weighted_recall"] == pytest.approx([8 / (8 + 4 / unit), 6 / (6 + 8 / unit), 7 / (7 + 9 / unit)])
    assert computed["severity"] == plain["severity"]


# Other libraries, on what they also compute.


def drawn(tree, seed, count=200):
    generator = np.random.default_rng(seed)
    return generator.integers(len(tree.leaves), size=(2, count))


@pytest.mark.filterwarnings("ignore:A single label was found:UserWarning")
@settings(deadline=None, max_examples=20)
@given(tree=trees(max_nodes=30), seed=st.integers(0, 2**31))
def test_scikit_learn_agrees(tree, seed):
    from sklearn import metrics

    true, predicted = drawn(tree, seed)
    names = range(len(tree.leaves))
    counts = confusion_matrix(true, predicted, len(tree.leaves))
    np.testing.assert_array_equal(counts, metrics.confusion_matrix(true, predicted, labels=names))
    computed = report(counts, tree)
    assert computed["accuracy"] == pytest.approx(metrics.accuracy_score(true, predicted))
    theirs = metrics.precision_recall_fscore_support(true, predicted, labels=names, zero_division=0)
    for name, values in zip(("precision", "recall", "f1"), theirs, strict=False):
        assert computed[name] == pytest.approx(values.tolist())
        assert computed[f"macro_{name}"] == pytest.approx(values.mean())


@settings(deadline=None, max_examples=20)
@given(tree=trees(max_nodes=30), seed=st.integers(0, 2**31))
def test_torchmetrics_agrees(tree, seed):
    import torch
    from torchmetrics.functional import classification

    true, predicted = (torch.tensor(each) for each in drawn(tree, seed))
    size = len(tree.leaves)
    if size < 2:
        return  # no task for torchmetrics
    computed = report(confusion_matrix(true, predicted, size), tree)
    for name, function in (
        ("recall", classification.multiclass_recall),
        ("precision", classification.multiclass_precision),
        ("f1", classification.multiclass_f1_score),
    ):
        theirs = function(predicted, true, num_classes=size, average="none")
        assert computed[name] == pytest.approx(theirs.tolist(), abs=1e-6)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:F-score is ill-defined")
@settings(deadline=None, max_examples=20)
@given(tree=trees(max_nodes=30), seed=st.integers(0, 2**31))
def test_hiclass_agrees(tree, seed):
    from hiclass import metrics

    true, predicted = drawn(tree, seed, count=50)
    computed = report(confusion_matrix(true, predicted, len(tree.leaves)), tree)
    # A row of names a sample, the root left out, empty below its leaf.
    levels = tree.leaf_paths.shape[1] - 1
    names = [
        [tree.nodes[node] for node in tree.path(int(leaf))[1:]] + [""] * (levels + 1 - int(tree.depth[leaf]))
        for leaf in tree.leaf_nodes
    ]
    theirs_true, theirs_predicted = ([names[leaf] for leaf in each] for each in (true, predicted))
    for name, function in (("precision", metrics.precision), ("recall", metrics.recall), ("f1", metrics.f1)):
        for average, key in (("micro", f"hierarchical_{name}"), ("macro", f"hierarchical_macro_{name}")):
            expected = function(np.array(theirs_true), np.array(theirs_predicted), average=average)
            assert computed[key] == pytest.approx(expected), key


@pytest.mark.slow
def test_ten_thousand_classes_need_no_matrix():
    import tracemalloc

    from benchmarks.random_trees import random_tree

    tree = random_tree(112, 8, 1.97, 10_000, 10)
    true, predicted = drawn(tree, 0, count=50_000)
    predicted[:40_000] = true[:40_000]
    tracemalloc.start()
    counts = sparse_confusion_matrix(true, predicted, 10_000)
    computed = report(counts, tree, "lca-height", scale="mean")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 200e6  # a matrix of 10,000 x 10,000 counts takes 800 MB
    assert computed["samples"] == 50_000
    wrong = true != predicted
    assert computed["accuracy"] == pytest.approx(1 - wrong.mean())
    assert computed["severity"] == pytest.approx(computed["random_mistake_distance"], rel=0.02)


@settings(deadline=None, max_examples=30)
@given(tree=trees(max_nodes=30), seed=st.integers(0, 2**31))
def test_sparse_counts_give_the_same_metrics(tree, seed):
    true, predicted = drawn(tree, seed)
    size = len(tree.leaves)
    sparse = sparse_confusion_matrix(true, predicted, size)
    np.testing.assert_array_equal(sparse.toarray(), confusion_matrix(true, predicted, size))
    assert report(sparse, tree) == report(sparse.toarray(), tree)


def test_nothing_predicted_counts_as_zero_and_is_flagged():
    computed = report([[1, 0, 0], [1, 0, 0], [0, 0, 0]], TREE)
    assert computed["recall"] == [1.0, 0.0, 0.0]
    assert set(computed["undefined"]) == {
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
        (lambda: report(COUNTS, TREE, scale="half"), "none, max, mean"),
        (lambda: sparse_confusion_matrix([0], [3], 3), "from 0 to 2"),
    ],
)
def test_bad_input_is_told(call, message):
    with pytest.raises(ConfigError, match=message):
        call()
