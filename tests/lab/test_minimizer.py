import time

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from hierapp.errors import ConfigError
from hierapp.lab import engine
from hierapp.lab.choices import LossChoice
from hierapp.lab.minimizer import least, unbalanced, walk
from hierapp.trees import library as tree_library
from hierapp.utils.numbers import number
from tests.losses.literal import RAGGED, UNIFORM
from tests.strategies import trees


def expected(tree, truth, targets, mass, probabilities):
    """The expected loss by hierapp's own loss, and its gradient on the node logits."""
    from hierapp.lab.example import Example

    loss = engine.loss_of(LossChoice.of("hierarchical", {"targets": targets, "mass": mass}), tree)
    example = Example.from_leaf_probabilities(tree, probabilities, 0)
    logits = torch.tensor([example.logits], dtype=torch.float64, requires_grad=True)
    value = torch.tensor(truth, dtype=torch.float64) @ loss(logits.expand(len(truth), -1), torch.arange(len(truth)))
    (gradient,) = torch.autograd.grad(value, logits)
    return value.item(), gradient[0].numpy()


@pytest.mark.parametrize(
    ("targets", "mass", "shallow"),
    [("path", 1.0, 0.25), ("leaf", 0.0, 0.25), ("leaf", 1.0, 0.61), ("path", 0.0, 0.11)],
)
def test_where_it_is_least_on_the_ragged_tree(targets, mass, shallow):
    found = least(RAGGED, [0.25] * 4, targets, mass)
    assert found.probabilities[3] == pytest.approx(shallow, abs=0.005)
    assert found.is_proper == (shallow == 0.25)
    assert (found.off < 1e-6) == found.is_proper
    if not found.is_proper:
        assert f"d has probability {number(found.probabilities[3])}" in found.summary
        assert found.value < found.value_at_truth


@pytest.mark.slow
@settings(max_examples=80)
@given(
    tree=trees(max_nodes=25),
    seed=st.integers(0, 2**31),
    targets=st.sampled_from(["path", "leaf"]),
    mass=st.sampled_from([0.0, 0.3, 1.0, 2.5]),
)
def test_the_librarys_expected_loss_is_flat_there(tree, seed, targets, mass):
    truth = np.random.default_rng(seed).dirichlet(np.ones(len(tree.leaves)))
    truth = (truth + 1e-4) / (truth + 1e-4).sum()
    found = least(tree, truth.tolist(), targets, mass)
    value, gradient = expected(tree, found.truth, targets, mass, found.probabilities)
    assert found.value == pytest.approx(value, abs=1e-7)
    assert np.abs(gradient).max() < 1e-6
    assert sum(found.probabilities) == pytest.approx(1)
    at_truth, _ = expected(tree, found.truth, targets, mass, found.truth)
    assert found.value_at_truth == pytest.approx(at_truth, abs=1e-7)
    if found.is_proper:
        assert found.probabilities == pytest.approx(found.truth, abs=1e-6)


@pytest.mark.slow
@settings(max_examples=40)
@given(tree=trees(max_nodes=20), seed=st.integers(0, 2**31), targets=st.sampled_from(["path", "leaf"]))
def test_classes_that_never_occur(tree, seed, targets):
    generator = np.random.default_rng(seed)
    truth = generator.dirichlet(np.ones(len(tree.leaves))) * generator.integers(0, 2, len(tree.leaves))
    truth = truth / truth.sum() if truth.sum() else np.eye(len(tree.leaves))[0]
    found = least(tree, truth.tolist(), targets, 1.0)
    value, _ = expected(tree, found.truth, targets, 1.0, found.probabilities)
    for other in generator.dirichlet(np.ones(len(tree.leaves)), 20):
        mixed = 0.99 * np.array(found.probabilities) + 0.01 * other
        assert expected(tree, found.truth, targets, 1.0, mixed)[0] > value - 1e-6
    if targets == "path":
        assert found.probabilities == pytest.approx(found.truth, abs=1e-5)


def test_a_uniform_tree_keeps_the_truth_whatever_the_mass():
    truth = (0.5, 0.2, 0.3)
    for targets in ("path", "leaf"):
        for mass in (0.0, 1.0, 5.0):
            assert least(UNIFORM, truth, targets, mass).probabilities == pytest.approx(truth, abs=1e-6)


def test_the_minimizer_walks_off_the_truth_as_the_tree_gets_unbalanced():
    away = [each.probabilities[3] for each in walk(targets="leaf", mass=1.0)]
    assert away[0] == pytest.approx(0.25)
    assert away[2] == pytest.approx(0.61, abs=0.005)
    assert away == sorted(away)
    deep = [each.probabilities[3] for each in walk(targets="path", mass=0.0)]
    assert deep[2] == pytest.approx(0.11, abs=0.005)
    assert deep == sorted(deep, reverse=True)
    assert all(each.off < 1e-6 for each in walk(targets="path", mass=1.0))


def test_the_unbalanced_tree_of_two_steps_is_that_of_the_docs():
    assert unbalanced(2) == RAGGED
    assert all(unbalanced(steps).leaves == tuple("abcd") for steps in range(9))


def test_it_is_the_same_each_time_and_becomes_an_example():
    found = least(RAGGED, [0.25] * 4, "leaf", 1.0)
    assert found == least(RAGGED, [0.25] * 4, "leaf", 1.0)
    assert found.example(3).leaf_probabilities == pytest.approx(found.probabilities)


def test_ten_leaves_take_no_longer_than_a_few_hundred_small_systems():
    tree = tree_library.load("cifar10-binary")
    start = time.process_time()
    for _ in range(300):
        np.linalg.solve(np.eye(11), np.ones(11))
    unit = time.process_time() - start
    start = time.process_time()
    least(tree, [0.1] * 10, "leaf", 1.0)
    assert time.process_time() - start < 60 * max(unit, 1e-3)


@pytest.mark.parametrize(
    "call",
    [
        lambda: least(RAGGED, [0.5, 0.5]),
        lambda: least(RAGGED, [0.5, 0.5, 0.5, -0.5]),
        lambda: least(RAGGED, [0.3] * 4),
        lambda: least(RAGGED, [0.25] * 4, "tree"),
        lambda: least(RAGGED, [0.25] * 4, "leaf", -1.0),
        lambda: least(RAGGED, [0.25] * 4, "leaf", float("nan")),
        lambda: unbalanced(9),
    ],
)
def test_what_is_no_question_is_refused_in_a_sentence(call):
    with pytest.raises(ConfigError, match=r"^[A-Z].*\.$"):
        call()
