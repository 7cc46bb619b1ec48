"""The split-conformal threshold of `climb`: by hand, against the decoder, and its guarantee by simulation."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from hierapp import LabelTree
from hierapp.decoding import climb_threshold, decode
from hierapp.decoding.climbing import climb_scores
from hierapp.errors import ConfigError
from tests.losses.literal import RAGGED
from tests.strategies import trees

TREE = LabelTree.from_edges([("root", "animal"), ("animal", "cat"), ("animal", "dog"), ("root", "truck")])


def drawn(tree, seed, count, sharpness=1.0):
    """Probabilities, and targets drawn from blunter ones: an overconfident network."""
    generator = np.random.default_rng(seed)
    p = generator.dirichlet(np.full(len(tree.leaves), 0.5), count) + 1e-9
    p /= p.sum(1, keepdims=True)
    target = (p.cumsum(1) > generator.random((count, 1))).argmax(1)
    sharp = p**sharpness
    return np.log(sharp / sharp.sum(1, keepdims=True)), target


def is_right(tree, nodes, target):
    start, stop = tree.leaf_ranges[nodes].T
    return (start <= target) & (target < stop)


def test_by_hand():
    p = np.array([[0.5, 0.3, 0.2], [0.6, 0.3, 0.1], [0.7, 0.2, 0.1], [0.4, 0.3, 0.3]])
    # Right; a dog as a cat; right; a truck as a cat: then the animal, with 0.7, is wrong, too.
    assert climb_scores(np.log(p), [0, 1, 0, 2], TREE) == pytest.approx([0, 0.6, 0, 0.7])
    # The ceil(5 (1 - alpha))-th smallest.
    found = [climb_threshold(np.log(p), [0, 1, 0, 2], TREE, alpha) for alpha in (0.6, 0.4, 0.2, 0.19)]
    assert found == pytest.approx([0.0, 0.6, 0.7, 1.0])
    as_tensors = climb_threshold(torch.tensor(p).log(), torch.tensor([0, 1, 0, 2]), TREE, 0.4)
    assert as_tensors == pytest.approx(0.6)


@settings(deadline=None, max_examples=40)
@given(tree=trees(max_nodes=30), seed=st.integers(0, 2**31), threshold=st.floats(0, 1))
def test_climb_is_right_where_the_threshold_reaches_the_score(tree, seed, threshold):
    log_p, target = drawn(tree, seed, 20)
    scores = climb_scores(log_p, target, tree)
    for share in (threshold, *scores):
        nodes = decode(log_p, tree, "climb", threshold=float(share))
        assert is_right(tree, nodes, target).tolist() == (share >= scores - 1e-12).tolist()


def test_the_guarantee_by_simulation():
    """Over 1,000 draws of 49 calibration samples and one new one: at least 90 %, at most 92 %."""
    count, draws, alpha = 49, 1000, 0.1
    log_p, target = drawn(RAGGED, 7, (count + 1) * draws, sharpness=2.0)
    scores = climb_scores(log_p, target, RAGGED).reshape(draws, count + 1)
    right = 0
    for draw, row in enumerate(scores):
        first = draw * (count + 1)
        calibration, new = slice(first, first + count), first + count
        threshold = climb_threshold(log_p[calibration], target[calibration], RAGGED, alpha)
        assert threshold == np.sort(row[:count])[44]  # ceil(50 * 0.9) = 45
        node = decode(log_p[new : new + 1], RAGGED, "climb", threshold=threshold)
        right += int(is_right(RAGGED, node, target[new : new + 1])[0])
    # Three standard errors of 1,000 draws are 0.028.
    assert 0.9 - 0.028 <= right / draws <= 0.92 + 0.028
    # Without calibration the most likely leaf is right far less often.
    assert is_right(RAGGED, decode(log_p, RAGGED, "leaf"), target).mean() < 0.8


@pytest.mark.parametrize(
    ("target", "alpha", "message"),
    [
        ([0], 0.0, "between 0 and 1 but got 0"),
        ([0], 1.5, "between 0 and 1"),
        ([3], 0.1, "from 0 to 2"),
        ([0.5], 0.1, "integers"),
        ([0, 1], 0.1, "for each of 1 samples but got 2"),
    ],
)
def test_bad_input_is_told(target, alpha, message):
    with pytest.raises(ConfigError, match=message):
        climb_threshold(np.log([[0.5, 0.3, 0.2]]), target, TREE, alpha)


def test_without_samples_there_is_no_threshold():
    with pytest.raises(ConfigError, match="at least one"):
        climb_threshold(np.zeros((0, 3)), [], TREE)
