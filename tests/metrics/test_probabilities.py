"""Metrics of probabilities and of inner nodes against slow loops, and against torchmetrics."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from hierapp import LabelTree
from hierapp.errors import ConfigError
from hierapp.metrics import confusion_matrix, probability_report, report
from hierapp.metrics.probabilities import node_report
from hierapp.trees import DISTANCES
from tests.strategies import trees

TREE = LabelTree.from_edges([("root", "animal"), ("animal", "cat"), ("animal", "dog"), ("root", "truck")])


def drawn(size, seed, count=40):
    generator = torch.Generator().manual_seed(seed)
    log_p = torch.log_softmax(2 * torch.randn(count, size, generator=generator, dtype=torch.float64), 1)
    return log_p, torch.randint(size, (count,), generator=generator)


@pytest.mark.parametrize("kind", DISTANCES)
@settings(deadline=None, max_examples=40)
@given(tree=trees(max_nodes=30), seed=st.integers(0, 2**31))
def test_against_a_loop_over_samples(kind, tree, seed):
    size = len(tree.leaves)
    log_p, target = drawn(size, seed)
    computed = probability_report(log_p, target, tree, kind, top=[1, 3])
    distances = tree.distances(kind)
    for k in {1, min(3, size)}:
        hits, away = [], []
        for row, y in zip(log_p.tolist(), target.tolist(), strict=True):
            first = sorted(range(size), key=lambda leaf: -row[leaf])[:k]
            hits.append(y in first)
            away.append(np.mean([distances[y, leaf] for leaf in first]))
        assert computed[f"top_{k}_accuracy"] == pytest.approx(np.mean(hits))
        assert computed[f"distance_at_{k}"] == pytest.approx(np.mean(away))
    assert computed["log_loss"] == pytest.approx(-log_p[torch.arange(40), target].mean().item())
    expected = (log_p.exp().numpy() * distances[target]).sum(1).mean()
    assert computed["expected_distance"] == pytest.approx(expected)
    counts = confusion_matrix(target, log_p.argmax(1), size)
    assert computed["top_1_accuracy"] == pytest.approx(report(counts, tree)["accuracy"])
    assert computed["distance_at_1"] == pytest.approx(report(counts, tree, kind)["mean_distance"])


def test_torchmetrics_agrees():
    from torchmetrics.functional.classification import multiclass_accuracy, multiclass_calibration_error

    tree = LabelTree.from_edges([("root", f"{i}") for i in range(8)])
    log_p, target = drawn(8, seed=1, count=500)
    computed = probability_report(log_p, target, tree, top=[1, 3], bins=10)
    theirs = multiclass_calibration_error(log_p.exp(), target, num_classes=8, n_bins=10)
    assert computed["calibration_error"] == pytest.approx(theirs.item(), abs=1e-6)
    for k in (1, 3):
        theirs = multiclass_accuracy(log_p.exp(), target, num_classes=8, top_k=k, average="micro")
        assert computed[f"top_{k}_accuracy"] == pytest.approx(theirs.item())


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, np.float16, np.float64])
def test_any_precision_in_parts(kind, monkeypatch):
    log_p, target = drawn(3, seed=2)
    whole = probability_report(log_p, target, TREE)
    stored = log_p.to(kind) if isinstance(kind, torch.dtype) else log_p.numpy().astype(kind)
    monkeypatch.setattr("hierapp.metrics.probabilities.PART", 21)
    computed = probability_report(stored, target.tolist(), TREE)
    assert json.loads(json.dumps(computed)) == computed
    for name, value in whole.items():
        assert computed[name] == (value if isinstance(value, str) else pytest.approx(value, abs=0.05))


def test_nothing_is_nothing():
    computed = probability_report(np.zeros((0, 3)), [], TREE)
    assert computed["samples"] == computed["log_loss"] == computed["calibration_error"] == 0
    assert node_report([], [], TREE)["hierarchical_f1"] == 0


@settings(deadline=None, max_examples=60)
@given(tree=trees(max_nodes=30), seed=st.integers(0, 2**31))
def test_predictions_of_inner_nodes(tree, seed):
    generator = np.random.default_rng(seed)
    true, predicted = generator.integers(len(tree.leaves), size=30), generator.integers(len(tree.nodes), size=30)
    computed = node_report(predicted, true, tree)
    shared = above = below = 0
    f1, correct = [], []
    for leaf, node in zip(true, predicted, strict=True):
        path, guess = (set(tree.path(int(end))) - {0} for end in (tree.leaf_nodes[leaf], node))
        shared, above, below = shared + len(path & guess), above + len(path), below + len(guess)
        f1.append(2 * len(path & guess) / (len(path) + len(guess)))
        correct.append(guess <= path)
    assert computed["hierarchical_precision"] == pytest.approx(shared / below if below else 0)
    assert computed["hierarchical_recall"] == pytest.approx(shared / above)
    assert computed["hierarchical_macro_f1"] == pytest.approx(np.mean(f1))
    assert computed["correct"] == pytest.approx(np.mean(correct))
    assert computed["accuracy"] == pytest.approx(np.mean(tree.leaf_nodes[true] == predicted))
    assert computed["leaves"] == pytest.approx(np.mean([not tree.children[node] for node in predicted]))
    assert computed["mean_depth"] == pytest.approx(tree.depth[predicted].mean())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: probability_report(np.zeros((2, 4)), [0, 1], TREE), r"\[2, 3\] for 2 targets"),
        (lambda: probability_report(np.zeros((2, 3)), [0], TREE), r"\[1, 3\] for 1 targets"),
        (lambda: probability_report(np.zeros((2, 3)), [0, 3], TREE), "from 0 to 2"),
        (lambda: probability_report(np.zeros((2, 3)), [0, 1], TREE, top=[0]), "1 or more"),
        (lambda: probability_report(np.zeros((2, 3)), [0, 1], TREE, bins=0), "at least one bin"),
        (lambda: node_report([0], [0, 1], TREE), "equal length"),
        (lambda: node_report([5], [0], TREE), "nodes from 0 to 4"),
        (lambda: node_report([0], [3], TREE), "leaves from 0 to 2"),
    ],
)
def test_bad_input_is_told(call, message):
    with pytest.raises(ConfigError, match=message):
        call()
