"""Metrics of each level against loops over the definition, and against scikit-learn and torchmetrics."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from hierapp import LabelTree
from hierapp.errors import ConfigError
from hierapp.metrics import level_report, probability_report
from tests.strategies import trees

# Uniform: three levels below the root, with 2, 4 and 8 nodes.
UNIFORM = LabelTree(["r", *(f"n{i}" for i in range(1, 15))], [-1, *((i - 1) // 2 for i in range(1, 15))])


def drawn(tree, seed, count=40):
    generator = np.random.default_rng(seed)
    p = generator.dirichlet(np.full(len(tree.leaves), 0.6), count) + 1e-9
    return np.log(p / p.sum(1, keepdims=True)), generator.integers(0, len(tree.leaves), count)


@settings(deadline=None, max_examples=30)
@given(tree=trees(max_nodes=25), seed=st.integers(0, 2**31))
def test_against_a_loop_over_samples(tree, seed):
    log_p, target = drawn(tree, seed, 8)
    found = level_report(torch.tensor(log_p), torch.tensor(target), tree)
    for level in range(1, int(tree.depth.max())):
        right, losses = 0, []
        for row, leaf in zip(np.exp(log_p), target, strict=True):
            z = {}
            for place, node in enumerate(tree.leaf_nodes.tolist()):
                above = tree.path(node)
                z.setdefault(above[min(level, len(above) - 1)], []).append(row[place])
            path = tree.path(int(tree.leaf_nodes[leaf]))
            own = path[min(level, len(path) - 1)]
            sums = {node: sum(parts) for node, parts in z.items()}
            right += max(sums.values()) == pytest.approx(sums[own], abs=1e-12)
            losses.append(-np.log(sums[own]))
        assert found["level_marginal_accuracy"][level - 1] == pytest.approx(right / 8)
        assert found["level_log_loss"][level - 1] == pytest.approx(np.mean(losses))
    whole = probability_report(log_p, target, tree)
    if tree.depth.max() > 1:
        assert found["level_log_loss"][-1] == pytest.approx(whole["log_loss"])
        assert found["level_calibration_error"][-1] == pytest.approx(whole["calibration_error"])


def test_scikit_learn_and_torchmetrics_agree():
    from sklearn.metrics import accuracy_score, log_loss
    from torchmetrics.functional.classification import multiclass_calibration_error

    log_p, target = drawn(UNIFORM, 1, 300)
    found = level_report(log_p, target, UNIFORM, bins=10)
    for level, size in enumerate((2, 4, 8)):
        marginals = np.exp(log_p).reshape(300, size, -1).sum(2)
        marginals /= marginals.sum(1, keepdims=True)
        own = target // (8 // size)
        assert found["level_marginal_accuracy"][level] == pytest.approx(accuracy_score(own, marginals.argmax(1)))
        assert found["level_log_loss"][level] == pytest.approx(log_loss(own, marginals, labels=range(size)))
        theirs = multiclass_calibration_error(torch.tensor(marginals), torch.tensor(own), size, n_bins=10)
        assert found["level_calibration_error"][level] == pytest.approx(theirs.item(), abs=1e-6)


def test_a_probability_that_underflows_has_a_finite_log_loss():
    log_p = np.array([[0.0, -800.0, -900.0, -900.0] * 2])
    log_p[:, 4:] -= 1000
    found = level_report(log_p, [2], UNIFORM)
    assert found["level_log_loss"] == pytest.approx([0.0, 900 - np.log(2), 900.0])


def test_samples_in_chunks(monkeypatch):
    log_p, target = drawn(UNIFORM, 2)
    whole = level_report(log_p, target, UNIFORM)
    monkeypatch.setattr("hierapp.decoding.inputs.PART", 50)
    parts = level_report(log_p.astype(np.float64), target, UNIFORM)
    assert parts.keys() == whole.keys()
    for name, values in whole.items():
        assert parts[name] == pytest.approx(values)


def test_no_samples_and_bad_input():
    assert level_report(np.zeros((0, 8)), [], UNIFORM)["level_log_loss"] == [0.0, 0.0, 0.0]
    with pytest.raises(ConfigError, match="from 0 to 7"):
        level_report(drawn(UNIFORM, 0, 1)[0], [8], UNIFORM)
