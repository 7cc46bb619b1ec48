"""Where each loss is least in expectation, found by descent, against what it says of itself."""

import math
import warnings

import numpy as np
import pytest
import torch

from hierapp import LabelTree, make_loss
from hierapp.losses import judge
from hierapp.losses.propriety import ImproperLossWarning
from tests.losses.literal import ANIMALS, RAGGED, SETTINGS, UNIFORM, options_for

CHAIN = LabelTree.from_edges([("root", "a"), ("a", "b"), ("b", "c"), ("b", "d")])


def least(loss, truth):
    """The leaves' probabilities where the expected loss of hard targets is least; `truth` are those of the labels."""
    logits = torch.zeros(1, loss.num_outputs, dtype=torch.float64, requires_grad=True)
    size = len(truth)
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


@pytest.mark.parametrize(("name", "options"), SETTINGS + IMPROPER)
@pytest.mark.parametrize("tree", [RAGGED, UNIFORM], ids=["ragged", "uniform"])
def test_class_weights_move_the_minimum_to_w_t(name, options, tree, make):
    plain = make(name, tree, **options)
    truth = torch.tensor([0.5, 0.2, 0.3] if len(tree.leaves) == 3 else [0.2, 0.4, 0.1, 0.3]).double()
    weight = torch.tensor([0.5, 2.0, 1.0, 3.0]).double()[: len(truth)]
    loss = make(name, tree, weight=weight, **options)
    assert not loss.is_proper
    assert "w * t" in loss.propriety.reason
    assert judge(name, tree, options_for(tree, options), weight=weight.tolist()) == loss.propriety
    found, wanted = least(loss, truth), weight * truth / (weight @ truth)
    assert (found - truth).abs().max() > 1e-3
    assert ((found - wanted).abs().max() < 1e-5) == plain.is_proper
    equal = make(name, tree, weight=[2.0] * len(truth), **options)
    assert equal.propriety == plain.propriety
    assert judge(name, tree, options_for(tree, options), weight=[2.0] * len(truth)) == plain.propriety


@pytest.mark.parametrize(("name", "options"), SETTINGS + IMPROPER)
@pytest.mark.parametrize("tree", [RAGGED, UNIFORM, CHAIN], ids=["ragged", "uniform", "chain"])
def test_with_coarse_labels_a_proper_loss_is_least_at_the_truth_and_no_other(name, options, tree, make):
    """Labels are cut off at a level that does not depend on the class: half of them at the first, half not at all."""
    loss = make(name, tree, index="node", **options)
    truth = torch.tensor({2: [0.8, 0.2], 3: [0.5, 0.2, 0.3], 4: [0.2, 0.4, 0.1, 0.3]}[len(tree.leaves)]).double()
    labels = torch.zeros(len(tree.nodes), dtype=torch.float64)
    for leaf, share in enumerate(truth.tolist()):
        labels[int(tree.leaf_paths[leaf, 1])] += share / 2
        labels[int(tree.leaf_nodes[leaf])] += share / 2
    found = least(loss, labels)
    assert ((found - truth).abs().max() < 1e-5) == loss.is_proper, loss.propriety.reason
    assert judge(name, tree, options_for(tree, options), index="node") == loss.propriety
    assert not loss.is_proper or "does not depend on the class" in loss.propriety.reason


def test_labels_whose_coarseness_depends_on_the_class_mislead():
    """All of class a is labeled x and nothing else is: what the reason says of cross-entropy is needed."""
    loss = make_loss("cross-entropy", UNIFORM, index="node")
    labels = torch.zeros(len(UNIFORM.nodes), dtype=torch.float64)
    for node, share in (("x", 0.5), ("b", 0.2), ("c", 0.3)):
        labels[UNIFORM.nodes.index(node)] = share
    found = least(loss, labels)
    torch.testing.assert_close(found, torch.tensor([0.0, 0.7, 0.3]).double(), atol=1e-3, rtol=0)


def test_simloss_that_leaves_a_wrong_class_more_than_half_the_credit_is_warned_of():
    """The tree's similarity of cat and dog is 2/3; (2/3 - b) / (1 - b) is a half for b = 1/3."""
    with pytest.warns(ImproperLossWarning, match=r"0\.67 of the credit.* only 0\.41 .*lower_bound to 0\.34"):
        loss = make_loss("simloss", ANIMALS)
    assert "almost no gradient" in loss.propriety.reason
    logits = torch.tensor([[0.0, 30.0, 0.0]], dtype=torch.float64, requires_grad=True)
    value = loss(logits, torch.tensor([ANIMALS.leaves.index("cat")]))
    value.backward()
    assert value.item() == pytest.approx(-math.log(2 / 3))
    assert logits.grad.abs().max().item() < 1e-12
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        quiet = make_loss("simloss", ANIMALS, lower_bound=0.34)
        assert make_loss("simloss", RAGGED, similarity=0.5 + 0.5 * np.eye(4)).propriety.reason.endswith("ones.")
    assert "gradient" not in quiet.propriety.reason
    with pytest.warns(ImproperLossWarning, match="similarity that distinguishes"):
        make_loss("simloss", UNIFORM, similarity=[[1, 1, 0], [1, 1, 0], [0, 0, 1]])


def test_simloss_is_proper_where_no_class_is_like_another(make):
    flat = LabelTree.from_edges([("root", name) for name in "abc"])
    assert make_loss("simloss", flat).is_proper
    assert judge("simloss", flat).is_proper
    for bound in (0.0, 0.4, 0.5, 0.6, 0.9):
        loss = make("simloss", RAGGED, lower_bound=bound)
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
