"""Worked values and identities of softmax margin, tree-min focal, the frame, level presets and logit adjustment."""

import math

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings, strategies as st
from torch.nn import functional as F

from hierapp import LabelTree, make_loss
from hierapp.errors import ConfigError
from hierapp.losses import PathHead, judge
from hierapp.losses.level_weights import LEVEL_PRESETS
from hierapp.trees import generators
from tests.losses.literal import RAGGED, UNIFORM, sample
from tests.strategies import trees

calm = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
FIGURE_7 = LabelTree.from_edges(
    [("root", "animal"), ("root", "vehicle")]
    + [("animal", name) for name in ("cat", "dog", "horse")]
    + [("vehicle", name) for name in ("truck", "ship")]
)
CAT = torch.tensor([FIGURE_7.leaves.index("cat")])


@pytest.mark.parametrize(("margin", "value"), [("incorrect", 2.8089), ("depth", 5.0445)])
def test_softmax_margin_over_the_tree_of_figure_7(margin, value):
    loss = make_loss("softmax-margin", FIGURE_7, tau=1.0, margin=margin)
    assert loss(torch.zeros(1, len(FIGURE_7.nodes)), CAT).item() == pytest.approx(value, abs=5e-5)
    assert not loss.is_proper


def test_softmax_margin_divides_the_mass_of_inner_nodes_among_their_leaves():
    logits = torch.full((1, 8), -100.0, dtype=torch.float64)
    logits[0, FIGURE_7.nodes.index("animal")] = logits[0, FIGURE_7.nodes.index("ship")] = 0.0
    loss = make_loss("softmax-margin", FIGURE_7)
    expected = torch.tensor([[1 / 6, 1 / 6, 1 / 6, 0.0, 0.5]], dtype=torch.float64)
    torch.testing.assert_close(loss.leaf_log_probs(logits).exp(), expected)
    assert loss.node_log_probs(logits).exp()[0, FIGURE_7.nodes.index("animal")].item() == pytest.approx(0.5)


@settings(calm, max_examples=20)
@given(tree=trees(max_nodes=30), seed=st.integers(0, 2**31))
def test_tree_min_focal_with_all_scores_a_half(tree, seed):
    loss = make_loss("tree-min-focal", tree, gamma=0.0, reduction="none")
    logits, target = sample(tree, loss, seed)
    expected = torch.full((4,), (len(tree.nodes) - 1) * math.log(2), dtype=torch.float64)
    torch.testing.assert_close(loss(0 * logits, target), expected)


@settings(calm, max_examples=20)
@given(tree=trees(max_nodes=30), gamma=st.sampled_from([0.5, 1.0, 3.0]))
def test_the_frame_has_the_similarities(tree, gamma):
    loss = make_loss("frame", tree, gamma=gamma)
    w, distances = loss.head(), tree.distances("lca-height")
    assert w.shape == (len(tree.leaves), loss.num_outputs)
    torch.testing.assert_close(w @ w.T, torch.tensor(np.exp(-gamma * distances / max(distances.max(), 1))))
    outputs = torch.randn(3, loss.num_outputs, dtype=torch.float64)
    torch.testing.assert_close(loss.leaf_log_probs(outputs), F.log_softmax(outputs @ w.T, 1))
    target = torch.zeros(3, dtype=torch.long)
    torch.testing.assert_close(loss(outputs, target), F.cross_entropy(outputs @ w.T, target))


# Level-wise as a family


def of_level_wise(tree, weights, seed=0):
    loss = make_loss("level-wise", tree, weights=weights, reduction="none")
    logits, target = sample(tree, loss, seed)
    return logits, target, loss(logits, target)


def conditionals(tree, logits):
    """Logits of a conditional head with the same probabilities."""
    return make_loss("cross-entropy", tree).node_log_probs(logits)[:, 1:]


def test_all_ones_are_the_first_term_of_the_hierarchical_loss_on_uniform_depth():
    for weights in (None, "uniform", [1.0, 1.0]):
        logits, target, values = of_level_wise(UNIFORM, weights)
        loss = make_loss("hierarchical", UNIFORM, mass=0.0, reduction="none")
        torch.testing.assert_close(values, loss(conditionals(UNIFORM, logits), target))


@settings(calm, max_examples=15)
@given(tree=trees(max_nodes=40), seed=st.integers(0, 2**31))
def test_presets_are_the_losses_that_they_are_named_after(tree, seed):
    logits, target, values = of_level_wise(tree, "hxe", seed)
    hxe = make_loss("hxe", tree, alpha=0.1, normalize=False, reduction="none")
    torch.testing.assert_close(values, hxe(logits, target), atol=1e-9, rtol=1e-9)
    logits, target, values = of_level_wise(tree, "report", seed)
    convex = make_loss("hierarchical-convex", tree, reduction="none")
    torch.testing.assert_close(values, convex(conditionals(tree, logits), target), atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize("preset", LEVEL_PRESETS)
def test_presets_are_proper_and_fit_any_tree(preset):
    for tree in (RAGGED, UNIFORM, generators.flat(["a", "b"])):
        loss = make_loss("level-wise", tree, weights=preset)
        assert loss.is_proper
        assert judge("level-wise", tree, {"weights": preset}) == loss.propriety


# Logit adjustment


@pytest.mark.parametrize(("name", "tree"), [("cross-entropy", RAGGED), ("conditional", FIGURE_7)])
def test_priors_are_added_in_training_alone(name, tree):
    prior = torch.arange(1.0, len(tree.leaves) + 1)
    loss, plain = make_loss(name, tree, tau=0.5, prior=prior), make_loss(name, tree)
    logits, target = sample(tree, loss, seed=0)
    adjusted = loss(logits, target)
    assert abs(adjusted - plain(logits, target)) > 1e-3
    torch.testing.assert_close(loss.leaf_log_probs(logits), plain.leaf_log_probs(logits))
    torch.testing.assert_close(loss.eval()(logits, target), plain(logits, target))
    assert not loss.is_proper
    assert "prior^tau" in loss.propriety.reason
    assert judge(name, tree, {"tau": 0.5, "prior": prior.tolist()}) == loss.propriety
    assert not judge(name, tree, {"tau": 0.5}).is_proper


@pytest.mark.parametrize(
    ("name", "tree", "prior"),
    [("cross-entropy", RAGGED, [7] * 4), ("conditional", RAGGED, [2, 1, 1, 4]), ("conditional", UNIFORM, [1, 1, 2])],
)
def test_equal_priors_change_nothing(name, tree, prior):
    loss, plain = make_loss(name, tree, tau=2.0, prior=prior), make_loss(name, tree)
    logits, target = sample(tree, loss, seed=0)
    torch.testing.assert_close(loss(logits, target), plain(logits, target))
    assert loss.is_proper
    assert judge(name, tree, {"tau": 2.0, "prior": prior}) == loss.propriety


@pytest.mark.parametrize("name", ["cross-entropy", "conditional"])
def test_priors_are_needed_in_training_and_may_be_set_later(name):
    loss = make_loss(name, RAGGED, tau=1.0)
    logits, target = sample(RAGGED, loss, seed=0)
    with pytest.raises(ConfigError, match="tau = 1 but no class priors"):
        loss(logits, target)
    assert not loss.is_proper
    loss.adjustment.set_prior(torch.tensor([4, 3, 2, 1]))
    known = make_loss(name, RAGGED, tau=1.0, prior=[0.4, 0.3, 0.2, 0.1])
    torch.testing.assert_close(loss(logits, target), known(logits, target))
    assert loss.propriety == known.propriety


@pytest.mark.parametrize(
    ("prior", "message"),
    [([1, 1], r"shape \[4\]"), ([1, 1, 0, 1], "above 0"), (["a"] * 4, "not a number"), ([1, 1, math.nan, 1], "finite")],
)
def test_priors_that_are_no_frequencies_are_refused(prior, message):
    with pytest.raises(ConfigError, match=message):
        make_loss("conditional", RAGGED, tau=1.0, prior=prior)
    with pytest.raises(ConfigError, match="has no option 'prior'"):
        make_loss("hierarchical", RAGGED, prior=prior)


@pytest.mark.parametrize("bias", [True, False])
def test_the_path_head_adjusts_as_the_loss_does(bias):
    loss = make_loss("conditional", RAGGED, tau=0.7, prior=[4, 3, 2, 1])
    head = PathHead(loss, in_features=5, bias=bias, sparse=False).double()
    features, target = torch.randn(6, 5, dtype=torch.float64), torch.randint(4, (6,))
    torch.testing.assert_close(head(features, target), loss(head.logits(features), target))
    compiled = torch.compile(head, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(features, target), loss(head.logits(features), target))
    head.eval()
    plain = make_loss("conditional", RAGGED)
    torch.testing.assert_close(head(features, target), plain(head.logits(features), target))


@pytest.mark.parametrize(
    ("given", "expected"), [("hxe", "hxe"), ("1,2,3", (1.0, 2.0, 3.0)), ("", None), (None, None), ([1, 2], (1.0, 2.0))]
)
def test_weights_of_levels_are_numbers_or_a_preset(given, expected):
    from hierapp.losses import LOSSES, check_options

    assert check_options("level-wise", {"weights": given})["weights"] == expected
    (option,) = LOSSES["level-wise"].options
    assert option.check("level-wise", option.text(expected)) == expected


def test_an_unknown_preset_is_refused():
    with pytest.raises(ConfigError, match="or uniform, or hxe, or report, or geometric but got 'falling'"):
        make_loss("level-wise", RAGGED, weights="falling")
