"""The exact operating curve against the decoder at many thresholds."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from hierapp import LabelTree
from hierapp.decoding import decode
from hierapp.errors import ConfigError
from hierapp.metrics import operating_curve
from tests.strategies import trees

TREE = LabelTree.from_edges([("root", "animal"), ("animal", "cat"), ("animal", "dog"), ("root", "truck")])
# A dog taken for a cat, and a cat.
TWO = np.log([[0.6, 0.3, 0.1], [0.5, 0.2, 0.3]])


def drawn(tree, seed, count=30):
    generator = np.random.default_rng(seed)
    p = generator.dirichlet(np.full(len(tree.leaves), 0.6), count) + 1e-9
    return np.log(p / p.sum(1, keepdims=True)), generator.integers(0, len(tree.leaves), count)


def test_by_hand():
    curve = operating_curve(TWO, [1, 0], TREE)
    assert curve.thresholds == pytest.approx([0, 0.5, 0.6, 0.7, 0.9])
    # Two cats; a cat and an animal; two animals; an animal and the root; two roots.
    assert curve.correct.tolist() == [0.5, 0.5, 1, 1, 1]
    leaf, animal = np.log2(3), np.log2(1.5)
    assert curve.specificity == pytest.approx([leaf, (leaf + animal) / 2, animal, animal / 2, 0])
    assert curve.depth.tolist() == [3, 2.5, 2, 1.5, 1]
    assert curve.leaves.tolist() == [1, 0.5, 0, 0, 0]
    assert curve.at_correct(0.9) == pytest.approx(
        {"threshold": 0.6, "correct": 1.0, "specificity": animal, "depth": 2.0, "leaves": 0.0}
    )
    assert curve.at_correct(0.5)["specificity"] == pytest.approx(leaf)
    # From the right: half a bit at .5, half a bit from .5 to 1, and log2(1.5) bits at 1.
    assert curve.average_correct == pytest.approx((0.5 * 0.5 + 0.5 * 0.75 + animal) / leaf)


@settings(deadline=None, max_examples=40)
@given(tree=trees(max_nodes=30), seed=st.integers(0, 2**31), extra=st.floats(0, 1))
def test_each_point_is_that_of_the_decoder(tree, seed, extra):
    log_p, target = drawn(tree, seed)
    curve = operating_curve(torch.tensor(log_p), torch.tensor(target), tree)
    below = tree.leaf_ranges[:, 1] - tree.leaf_ranges[:, 0]
    for threshold in [extra, *curve.thresholds[:: max(1, len(curve.thresholds) // 8)]]:
        nodes = decode(log_p, tree, "climb", threshold=min(float(threshold), 1.0))
        start, stop = tree.leaf_ranges[nodes].T
        point = curve.at_thresholds([threshold])
        assert point.correct[0] == pytest.approx(((start <= target) & (target < stop)).mean())
        assert point.specificity[0] == pytest.approx(np.log2(len(tree.leaves) / below[nodes]).mean())
        assert point.depth[0] == pytest.approx(tree.depth[nodes].mean())
        assert point.leaves[0] == pytest.approx((tree.height[nodes] == 0).mean())
    assert (np.diff(curve.correct) >= -1e-12).all()
    assert (np.diff(curve.specificity) <= 1e-12).all()
    assert (curve.correct[-1], curve.specificity[-1], curve.depth[-1]) == pytest.approx((1, 0, 1))
    assert 0 <= curve.average_correct <= 1


def test_samples_in_chunks(monkeypatch):
    log_p, target = drawn(TREE, 1)
    whole = operating_curve(log_p, target, TREE)
    monkeypatch.setattr("hierapp.decoding.inputs.PART", 15)
    parts = operating_curve(log_p, target, TREE)
    np.testing.assert_allclose(parts.correct, whole.correct)
    np.testing.assert_allclose(parts.specificity, whole.specificity, atol=1e-12)


def test_perfect_predictions_are_always_correct():
    curve = operating_curve(np.log([[0.8, 0.1, 0.1]]), [0], TREE)
    assert curve.average_correct == 1.0
    assert curve.at_correct(1.0)["depth"] == 3.0


def test_no_samples():
    curve = operating_curve(np.zeros((0, 3)), [], TREE)
    assert (curve.thresholds.tolist(), curve.correct.tolist()) == ([0.0], [0.0])


@pytest.mark.parametrize(
    ("rows", "target", "message"),
    [
        (TWO, [0], "2 samples but got 1"),
        (TWO, [0, 3], "from 0 to 2"),
        (TWO[:, :2], [0, 1], r"\[B, 3\]"),
        (np.zeros((2, 3)), [0, 1], "log_softmax"),
    ],
)
def test_bad_input_is_told(rows, target, message):
    with pytest.raises(ConfigError, match=message):
        operating_curve(rows, target, TREE)
