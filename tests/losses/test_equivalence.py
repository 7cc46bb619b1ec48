"""What is said to be the same loss is the same in numbers, and what is not is not."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings, strategies as st

from hierapp import LabelTree, make_loss
from hierapp.losses.equivalence import same_loss, sameness
from hierapp.losses.propriety import ImproperLossWarning
from hierapp.trees import library as tree_library
from tests.strategies import trees

UNIFORM = LabelTree.from_edges(
    [("r", "a"), ("r", "b"), ("a", "0"), ("a", "1"), ("a", "2"), ("b", "3"), ("b", "4")],
)
DEEP = LabelTree.from_edges(
    [("r", "a"), ("r", "b"), ("a", "c"), ("a", "d"), ("b", "e"), ("b", "f")]
    + [(inner, f"{inner}{which}") for inner in "cdef" for which in "01"],
)
RAGGED = LabelTree.from_edges([("r", "A"), ("r", "d"), ("A", "a"), ("A", "B"), ("B", "b"), ("B", "c")])
FLAT = LabelTree.from_edges([("r", name) for name in "abcd"])
CHAIN = LabelTree.from_edges([("r", "a"), ("r", "b"), ("a", "only"), ("only", "0"), ("only", "1"), ("b", "2")])
SHAPES = {"uniform": UNIFORM, "deep": DEEP, "ragged": RAGGED, "flat": FLAT, "chain": CHAIN}


@dataclass(frozen=True)
class Configuration:
    loss: str
    options: dict[str, Any] = field(default_factory=dict)


SETTINGS = [
    Configuration("cross-entropy"),
    Configuration("cross-entropy", {"label_smoothing": 0.1}),
    Configuration("regularized-cross-entropy", {"penalty": 0.0}),
    Configuration("regularized-cross-entropy"),
    *(
        Configuration("hierarchical", {"targets": targets, "mass": mass, "soft": soft, "soft_reduction": reduction})
        for targets in ("path", "leaf")
        for mass in (0.0, 1.0)
        for soft, reduction in ((0.0, "mean"), (0.0, "sum"), (0.3, "mean"), (0.3, "sum"))
    ),
    Configuration("hierarchical-convex"),
    Configuration("hierarchical-convex", {"soft": 0.3}),
    Configuration("hierarchical-convex", {"soft": 0.3, "soft_reduction": "sum"}),
    Configuration("conditional"),
    *(
        Configuration("hxe", {"alpha": alpha, "normalize": normalize, "parametrization": head})
        for alpha in (0.0, 0.1, float(np.log(2)))
        for normalize in (False, True)
        for head in ("flat", "conditional")
    ),
    Configuration("soft-labels"),
    Configuration("soft-labels", {"distance": "edges"}),
    Configuration("soft-labels", {"beta": 5.0}),
    Configuration("simloss"),
    Configuration("simloss", {"lower_bound": 0.9}),
    Configuration("simloss", {"lower_bound": 0.4}),
    Configuration("tree-wasserstein"),
    Configuration("level-wise"),
    Configuration("level-wise", {"weights": (2.0, 1.0)}),
    Configuration("level-wise", {"weights": (0.0, 1.0)}),
    Configuration("level-wise", {"weights": (0.0, 1.0, 0.0)}),
]


def values(configuration: Configuration, tree: LabelTree, log_p: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """The loss of samples whose leaves have these probabilities, by whatever logits give them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ImproperLossWarning)
        loss = make_loss(configuration.loss, tree, **configuration.options)
    if loss.num_outputs == len(tree.leaves) and configuration.loss not in CONDITIONAL:
        logits = log_p
    else:
        mass = make_loss("cross-entropy", tree).node_log_probs(log_p)
        logits = mass[:, 1:] - mass[:, tree.parents[1:].copy()]
    return loss(logits, target, reduction="none")


CONDITIONAL = ("hierarchical", "hierarchical-convex", "conditional")


def fits(tree: LabelTree, configuration: Configuration) -> bool:
    weights = configuration.options.get("weights")
    return weights is None or len(weights) == tree.leaf_paths.shape[1] - 1


def values_at_random(configuration: Configuration, tree: LabelTree, seed: int) -> np.ndarray:
    """The loss for random outputs, each leaf as often as the true one."""
    generator, leaves, rounds = torch.Generator().manual_seed(seed), len(tree.leaves), 12
    log_p = torch.randn(rounds * leaves, leaves, generator=generator, dtype=torch.float64).mul(2).log_softmax(1)
    return values(configuration, tree, log_p, torch.arange(leaves).repeat(rounds)).numpy()


def relation(y: np.ndarray, x: np.ndarray) -> tuple[float, float]:
    """y = factor * x + constant by least squares: the factor and the misfit."""
    factor = ((x - x.mean()) * (y - y.mean())).sum() / ((x - x.mean()) ** 2).sum()
    rest = y - y.mean() - factor * (x - x.mean())
    return float(factor), float(np.abs(rest).max() / np.abs(y - y.mean()).max())


def check(one: Configuration, other: Configuration, tree: LabelTree, y: np.ndarray, x: np.ndarray) -> None:
    found = sameness(one, other, tree)
    factor, misfit = relation(y, x)
    if found is None:
        assert misfit > 1e-6 or factor <= 0, "they are the same, and nothing says so"
        return
    assert misfit < 1e-9
    assert factor == pytest.approx(found.factor)
    assert (found.kind == "same") <= (found.factor == 1.0)
    heads = {head(each, tree) for each in (one, other)}
    assert (found.kind == "coordinates") == (len(heads) == 2)


def head(configuration: Configuration, tree: LabelTree) -> str:
    if len(tree.nodes) == len(tree.leaves) + 1:
        return "both"
    conditional = configuration.loss in CONDITIONAL or configuration.options.get("parametrization") == "conditional"
    return "conditional" if conditional else "flat"


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
def test_every_two_settings_are_the_same_exactly_where_their_values_are(shape):
    tree = SHAPES[shape]
    fitting = [configuration for configuration in SETTINGS if fits(tree, configuration)]
    figures = [values_at_random(configuration, tree, seed=0) for configuration in fitting]
    for place, (one, y) in enumerate(zip(fitting, figures, strict=True)):
        for other, x in zip(fitting[place:], figures[place:], strict=True):
            try:
                check(one, other, tree, y, x)
            except AssertionError as error:
                raise AssertionError(f"{one} and {other}: {error}") from error


@settings(max_examples=25)
@given(trees(max_nodes=14).filter(lambda tree: len(tree.leaves) > 2), st.sampled_from(SETTINGS), st.integers(0, 99))
def test_what_is_said_of_any_tree_holds(tree, one, seed):
    assume(fits(tree, one))
    same = [(other, sameness(one, other, tree)) for other in SETTINGS if fits(tree, other) and other is not one]
    for other, found in [each for each in same if each[1] is not None][seed % 3 :: 3][:3]:
        factor, misfit = relation(values_at_random(one, tree, seed), values_at_random(other, tree, seed))
        assert misfit < 1e-9, other
        assert factor == pytest.approx(found.factor), other


def gradient(configuration: Configuration, tree: LabelTree) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ImproperLossWarning)
        loss = make_loss(configuration.loss, tree, **configuration.options)
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(24, loss.num_outputs, generator=generator, dtype=torch.float64, requires_grad=True)
    loss(logits, torch.arange(24) % len(tree.leaves)).backward()
    return logits.grad.numpy()


@pytest.mark.parametrize(
    ("one", "other", "tree", "factor"),
    [
        (Configuration("hierarchical", {"targets": "leaf"}), Configuration("conditional"), UNIFORM, 1.0),
        (Configuration("hierarchical", {"targets": "leaf", "mass": 0.0}), Configuration("conditional"), RAGGED, 1.0),
        (Configuration("hierarchical", {"mass": 0.0}), Configuration("hierarchical", {"mass": 7.0}), DEEP, 1.0),
        (Configuration("hierarchical"), Configuration("hierarchical-convex"), UNIFORM, 2.0),
        (Configuration("hxe", {"alpha": 0.0, "normalize": False}), Configuration("cross-entropy"), RAGGED, 1.0),
        (Configuration("hxe", {"alpha": 0.0}), Configuration("cross-entropy"), UNIFORM, 1 / 8),
        (Configuration("hxe"), Configuration("hxe", {"normalize": False}), RAGGED, None),
        (Configuration("simloss", {"lower_bound": 0.9}), Configuration("cross-entropy"), UNIFORM, 1.0),
        (Configuration("simloss"), Configuration("cross-entropy"), FLAT, 1.0),
        (Configuration("regularized-cross-entropy", {"penalty": 0.0}), Configuration("cross-entropy"), DEEP, 1.0),
        (Configuration("hierarchical"), Configuration("cross-entropy"), FLAT, 1.0),
        (Configuration("soft-labels", {"distance": "edges"}), Configuration("soft-labels"), DEEP, 1.0),
    ],
)
def test_what_is_the_same_has_the_same_gradients(one, other, tree, factor):
    found = sameness(one, other, tree)
    assert found.kind == ("same" if factor == 1.0 else "scaled")
    assert factor is None or found.factor == pytest.approx(factor)
    np.testing.assert_allclose(gradient(one, tree), found.factor * gradient(other, tree), rtol=1e-9, atol=1e-12)


def test_the_sentences():
    leaf, conditional, plain = (
        Configuration("hierarchical", {"targets": "leaf"}),
        Configuration("conditional"),
        SETTINGS[0],
    )
    assert "up to a constant" in same_loss(leaf, conditional, UNIFORM)
    assert "parametrized differently" in same_loss(leaf, plain, UNIFORM)
    assert "the same loss, times 2" in same_loss(
        Configuration("hierarchical-convex"), Configuration("hierarchical"), UNIFORM
    )
    assert same_loss(leaf, plain, RAGGED) is None
    assert same_loss(Configuration("hierarchical"), plain, UNIFORM) is None


def test_hierarchical_with_path_targets_is_level_wise_on_the_trees_that_ship_for_cifar():
    """Both weigh a decision by the levels from it down; only the coordinates differ."""
    for name in ("cifar10", "cifar100-5level"):
        found = sameness(Configuration("hierarchical"), Configuration("level-wise"), tree_library.load(name))
        assert (found.kind, found.factor) == ("coordinates", 1.0)


def test_with_two_trees_only_what_needs_no_tree_is_the_same():
    other = LabelTree.from_edges([("r", "x"), ("r", "4"), *(("x", name) for name in "3210")])
    plain, conditional = Configuration("cross-entropy"), Configuration("conditional")
    assert sameness(plain, plain, UNIFORM, other).kind == "same"
    assert sameness(SETTINGS[1], SETTINGS[1], UNIFORM, other).kind == "same"
    assert sameness(plain, conditional, UNIFORM, other).kind == "coordinates"
    assert sameness(conditional, conditional, UNIFORM, other).kind == "coordinates"
    assert sameness(Configuration("simloss"), Configuration("simloss"), UNIFORM, other) is None
    assert sameness(Configuration("hierarchical"), Configuration("hierarchical"), UNIFORM, other) is None
    assert sameness(conditional, conditional, UNIFORM, UNIFORM).kind == "same"


def test_what_is_not_known_is_the_same_as_nothing():
    assert same_loss(Configuration("newest"), Configuration("newest"), UNIFORM) is None
    assert same_loss(Configuration("simloss", {"sauce": 1}), Configuration("simloss"), UNIFORM) is None


def test_a_tree_of_ten_thousand_leaves_takes_no_table_of_pairs():
    tree = LabelTree(
        [str(node) for node in range(10_101)], [-1] + [0] * 100 + [1 + leaf // 100 for leaf in range(10_000)]
    )
    assert sameness(Configuration("hierarchical"), Configuration("hierarchical-convex"), tree).factor == pytest.approx(
        2.0
    )
    assert sameness(Configuration("hierarchical", {"soft": 0.1}), Configuration("conditional"), tree) is None
