"""Every metric has a specification, and `evaluate` computes them all, also of 10,000 classes."""

import json

import numpy as np
import pytest
import torch

from benchmarks.random_trees import random_tree
from hierapp import LabelTree
from hierapp.decoding import decode
from hierapp.metrics import METRICS, confusion_matrix, evaluate, ordered, probability_report, report
from hierapp.metrics.confusion import sparse_confusion_matrix
from hierapp.metrics.measures.risk_ranking import min_risk_distances
from hierapp.trees import DISTANCES
from hierapp.trees.distances import pair_distances
from tests.devices import DEEP

TREE = LabelTree(["r", *(f"n{i}" for i in range(1, 15))], [-1, *((i - 1) // 2 for i in range(1, 15))])


def drawn(tree, seed=0, count=60):
    generator = np.random.default_rng(seed)
    p = generator.dirichlet(np.full(len(tree.leaves), 0.6), count) + 1e-9
    return np.log(p / p.sum(1, keepdims=True)), generator.integers(0, len(tree.leaves), count)


def test_all_metrics_are_computed_and_are_json():
    log_p, target = drawn(TREE)
    found = evaluate(torch.tensor(log_p), torch.tensor(target), TREE, ordered=TREE.leaves)
    of_rows = {name: spec for name, spec in METRICS.items() if not spec.maps}
    assert set(of_rows) <= set(found)
    assert json.loads(json.dumps(found)) == found
    for name, spec in of_rows.items():
        sizes = {"": None, "level": 3, "class": 8}
        assert (len(found[name]) if isinstance(found[name], list) else None) == sizes[spec.per]
        numbers = found[name] if spec.per else [found[name]]
        assert all(isinstance(float(spec.text(number)), float) for number in numbers)
        if spec.unit == "share":
            assert all(0 <= number <= 1 for number in numbers)
    counts = confusion_matrix(target, log_p.argmax(1), 8)
    expected = probability_report(log_p, target, TREE) | report(counts, TREE)
    for name, value in expected.items():
        assert found[name] == value
    assert evaluate(log_p, target, TREE, counts=counts, ordered=TREE.leaves) == found
    others = evaluate(log_p, target, TREE)
    assert set(found) - set(others) == {spec.name for spec in ordered.METRICS}


@pytest.mark.parametrize("kind", DISTANCES)
def test_distance_at_k_of_the_ranking_by_risk(kind):
    log_p, target = drawn(DEEP)
    found = min_risk_distances(log_p, target, DEEP, kind, top=(1, 3, 100))
    distances = DEEP.distances(kind)
    risks = np.exp(log_p) @ distances
    for k in (1, 3, 100):
        away = []
        for row, p, leaf in zip(risks, log_p, target, strict=True):
            order = sorted(range(len(DEEP.leaves)), key=lambda each: (round(row[each], 9), -p[each]))
            away.append(distances[leaf, order[:k]].mean())
        assert found[f"min_risk_distance_at_{k}"] == pytest.approx(np.mean(away))
    decoded = np.searchsorted(DEEP.leaf_nodes, decode(log_p, DEEP, "min-risk", distance=kind))
    expected = pair_distances(DEEP, target, decoded, kind).mean()
    assert found["min_risk_distance_at_1"] == pytest.approx(expected)


def test_ten_thousand_classes():
    tree = random_tree(20, 5, 1.5, 10_000, 20)
    logits = 4 * torch.randn(12, len(tree.leaves), generator=torch.Generator().manual_seed(0))
    log_p, target = torch.log_softmax(logits, 1), list(range(12))
    counts = sparse_confusion_matrix(target, log_p.argmax(1), len(tree.leaves))
    found = evaluate(log_p, target, tree, counts=counts)
    assert len(found["level_log_loss"]) == tree.depth.max() - 1
    assert found["level_log_loss"][-1] == pytest.approx(found["log_loss"])
