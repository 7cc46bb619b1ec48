"""Where each loss is least in expectation, found by descent, against what it says of itself."""

import warnings

import pytest
import torch

from hierapp import LabelTree, make_loss
from hierapp.losses import judge
from hierapp.losses.propriety import ImproperLossWarning
from tests.losses.literal import RAGGED, SETTINGS, UNIFORM, options_for

CHAIN = LabelTree.from_edges([("root", "a"), ("a", "b"), ("b", "c"), ("b", "d")])


def least(loss, truth):
    """The leaves' probabilities where the expected loss of hard targets is least."""
    logits = torch.zeros(1, loss.num_outputs, dtype=torch.float64, requires_grad=True)
    size = len(loss.tree.leaves)
    optimizer = torch.optim.LBFGS(
        [logits], max_iter=500, line_search_fn="strong_wolfe", tolerance_grad=1e-12, tolerance_change=1e-16
    )

    def closure():
        optimizer.zero_grad()
        value = truth @ loss(logits.expand(size, -1), torch.arange(size), reduction="none")
        value.backward()
        return value

    optimizer.step(closure)
    return loss.leaf_log_probs(logits).exp()[0].detach()


IMPROPER = [("hierarchical", {"targets": "leaf", "mass": 1.0}), ("hierarchical", {"mass": 0.0})]


@pytest.mark.parametrize(("name", "options"), SETTINGS + IMPROPER)
@pytest.mark.parametrize("tree", [RAGGED, UNIFORM, CHAIN], ids=["ragged", "uniform", "chain"])
def test_a_proper_loss_is_least_at_the_truth_and_no_other(name, options, tree, make):
    loss = make(name, tree, **options)
    truth = torch.tensor({2: [0.8, 0.2], 3: [0.5, 0.2, 0.3], 4: [0.2, 0.4, 0.1, 0.3]}[len(tree.leaves)]).double()
    found = least(loss, truth)
    assert ((found - truth).abs().max() < 1e-5) == loss.is_proper, loss.propriety.reason
    assert loss.propriety.is_proper == loss.is_proper
    assert loss.propriety.reason.endswith(".")
    # What pages say without torch.
    assert judge(name, tree, options_for(tree, options)) == loss.propriety


def test_simloss_is_proper_where_no_class_is_like_another():
    flat = LabelTree.from_edges([("root", name) for name in "abc"])
    assert make_loss("simloss", flat).is_proper
    assert judge("simloss", flat).is_proper
    for bound in (0.0, 0.4, 0.5, 0.6, 0.9):
        loss = make_loss("simloss", RAGGED, lower_bound=bound)
        assert loss.is_proper == judge("simloss", RAGGED, {"lower_bound": bound}).is_proper == (bound > 0.6)


@pytest.mark.parametrize(
    ("targets", "mass", "shallow"),
    [("path", 1.0, 0.25), ("leaf", 0.0, 0.25), ("leaf", 1.0, 0.61), ("path", 0.0, 0.11)],
)
def test_where_expected_loss_is_least_on_a_ragged_tree(targets, mass, shallow, make):
    loss = make("hierarchical", RAGGED, targets=targets, mass=mass)
    found = least(loss, torch.full((4,), 0.25, dtype=torch.float64))
    assert found[RAGGED.leaves.index("d")].item() == pytest.approx(shallow, abs=0.006)


@pytest.mark.parametrize(("targets", "mass"), [("leaf", 1.0), ("path", 0.0), ("path", 0.5)])
def test_improper_pairs_are_warned_of_on_ragged_trees_alone(targets, mass):
    with pytest.warns(ImproperLossWarning, match="path targets with mass 1"):
        make_loss("hierarchical", RAGGED, targets=targets, mass=mass)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert make_loss("hierarchical", UNIFORM, targets=targets, mass=mass).is_proper
