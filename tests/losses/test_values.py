"""Values and gradients of every loss against its definition, on random trees."""

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings, strategies as st
from torch.nn import functional as F

from hierapp import LabelTree, make_loss
from hierapp.losses import LOSSES, reference
from tests.losses import coarse_literal
from tests.losses.literal import ANIMALS, DEFINITIONS, RAGGED, SETTINGS, UNIFORM, literal, options_for, sample
from tests.strategies import trees

# `make` has no state.
calm = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
EXPECTED = [setting for setting in SETTINGS if setting[0] != "tree-wasserstein"]


def test_every_loss_of_the_registry_is_tested():
    assert set(DEFINITIONS) == set(coarse_literal.DEFINITIONS) == set(LOSSES) == {name for name, _ in SETTINGS}


@pytest.mark.parametrize(("name", "options"), SETTINGS)
@settings(calm, max_examples=15)
@given(tree=trees(max_nodes=60), seed=st.integers(0, 2**31))
def test_value_and_gradient_are_those_of_the_definition(name, options, tree, seed, make):
    loss = make(name, tree, reduction="none", **options)
    logits, target = sample(tree, loss, seed, batch=2)
    logits.requires_grad_()
    values = loss(logits, target)
    given_options = options_for(tree, options)
    expected = torch.stack(
        [literal(name, tree, row, int(y), given_options) for row, y in zip(logits, target, strict=True)]
    )
    torch.testing.assert_close(values, expected, atol=1e-9, rtol=1e-9)
    (ours,) = torch.autograd.grad(values.sum(), logits)
    (theirs,) = torch.autograd.grad(expected.sum(), logits)
    torch.testing.assert_close(ours, theirs, atol=1e-7, rtol=1e-7)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "options"), SETTINGS)
@pytest.mark.parametrize("tree", [ANIMALS, RAGGED], ids=["animals", "ragged"])
def test_gradcheck(name, options, tree, make):
    loss = make(name, tree, **options)
    logits, target = sample(tree, loss, seed=3, batch=3)
    logits.requires_grad_()
    assert torch.autograd.gradcheck(lambda u: loss(u, target), logits)
    assert torch.autograd.gradgradcheck(lambda u: loss(u, target), logits)
    soft = torch.softmax(torch.randn(3, len(tree.leaves), dtype=torch.float64), 1)
    assert torch.autograd.gradcheck(lambda u: loss(u, soft), logits)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "options"), EXPECTED)
@settings(calm, max_examples=12)
@given(tree=trees(max_nodes=30), seed=st.integers(0, 2**31))
def test_probabilities_as_target_give_the_expected_loss(name, options, tree, seed, make):
    loss = make(name, tree, reduction="none", **options)
    logits, _ = sample(tree, loss, seed, batch=2)
    target = torch.softmax(torch.randn(2, len(tree.leaves), dtype=torch.float64), 1)
    expected = sum(target[:, leaf] * loss(logits, torch.full((2,), leaf)) for leaf in range(len(tree.leaves)))
    torch.testing.assert_close(loss(logits, target), expected, atol=1e-9, rtol=1e-9)


@settings(calm, max_examples=30)
@given(tree=trees(max_nodes=30), seed=st.integers(0, 2**31))
def test_tree_wasserstein_is_the_distance_to_the_target(tree, seed):
    loss = make_loss("tree-wasserstein", tree, reduction="none")
    logits, target = sample(tree, loss, seed)
    p, distances = torch.softmax(logits, 1), torch.tensor(tree.distances("edges"), dtype=torch.float64)
    torch.testing.assert_close(loss(logits, target), (p * distances[target]).sum(1))
    one_hot = F.one_hot(target, len(tree.leaves)).double()
    torch.testing.assert_close(loss(logits, one_hot), loss(logits, target))
    # To itself it is no way at all, and it is as far there as back.
    other = torch.softmax(sample(tree, loss, seed + 1)[0], 1)
    torch.testing.assert_close(loss(logits, p), torch.zeros(4, dtype=torch.float64), atol=1e-12, rtol=0)
    torch.testing.assert_close(loss(logits, other), loss(other.log(), p))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "options"), SETTINGS)
@settings(calm, max_examples=10)
@given(tree=trees(max_nodes=40), seed=st.integers(0, 2**31))
def test_the_order_of_siblings_and_of_samples_changes_nothing(name, options, tree, seed, make):
    generator = np.random.default_rng(seed)
    shuffled = generator.permutation(len(tree.nodes))
    where = np.argsort(shuffled)
    names = [tree.nodes[i] for i in shuffled]
    twin = LabelTree(names, [where[tree.parents[i]] if tree.parents[i] >= 0 else -1 for i in shuffled])
    ours = theirs = options_for(tree, options)
    if "prior" in ours:
        theirs = {**ours, "prior": [ours["prior"][tree.leaves.index(leaf)] for leaf in twin.leaves]}
    loss, of_twin = make(name, tree, reduction="none", **ours), make(name, twin, reduction="none", **theirs)
    logits, target = sample(tree, loss, seed)
    ours, outputs = ([each.tree.nodes[node] for node in each.output_nodes] for each in (loss, of_twin))
    moved = logits[:, [ours.index(output) for output in outputs]]
    moved_target = torch.tensor([twin.leaves.index(tree.leaves[int(y)]) for y in target])
    torch.testing.assert_close(of_twin(moved, moved_target), loss(logits, target))
    order = torch.tensor(generator.permutation(4))
    torch.testing.assert_close(loss(logits[order], target[order]), loss(logits, target)[order])


@pytest.mark.parametrize(("name", "options"), SETTINGS)
@settings(calm, max_examples=15)
@given(tree=trees(max_nodes=40), seed=st.integers(0, 2**31))
def test_leaf_and_node_probabilities(name, options, tree, seed, make):
    loss = make(name, tree, **options)
    logits, _ = sample(tree, loss, seed)
    leaves, nodes = loss.leaf_log_probs(logits).exp(), loss.node_log_probs(logits).exp()
    torch.testing.assert_close(leaves.sum(1), torch.ones(4, dtype=torch.float64))
    assert (nodes[:, 0] - 1).abs().max() < 1e-12
    for node, (start, stop) in enumerate(tree.leaf_ranges.tolist()):
        torch.testing.assert_close(nodes[:, node], leaves[:, start:stop].sum(1))


# Extreme logits.


@pytest.mark.parametrize(("name", "options"), SETTINGS)
@pytest.mark.parametrize("size", [1e4, -1e4])
@pytest.mark.parametrize("tree", [RAGGED, ANIMALS], ids=["ragged", "animals"])
def test_extreme_logits_give_finite_values_and_gradients(name, options, size, tree, make):
    loss = make(name, tree, reduction="none", **options)
    leaves = len(tree.leaves)
    # One output after the other is extreme, and in the end every second one.
    logits = torch.cat([size * torch.eye(loss.num_outputs), size * (torch.arange(loss.num_outputs) % 2)[None]])
    logits, target = logits.repeat_interleave(leaves, 0), torch.arange(leaves).repeat(len(logits))
    logits.requires_grad_()
    for targets in (target, F.one_hot(target, leaves).float()):
        values = loss(logits, targets)
        (gradient,) = torch.autograd.grad(values.sum(), logits)
        assert values.isfinite().all()
        assert gradient.isfinite().all()
    assert loss.leaf_log_probs(logits).isfinite().all()
    assert loss.node_log_probs(logits).isfinite().all()


@pytest.mark.parametrize("name", sorted(set(LOSSES) - {"tree-wasserstein"}))
def test_a_hopeless_sample_keeps_its_gradient(name, make):
    options = {"normalize": False} if name == "hxe" else {}
    loss = make(name, RAGGED, **options)
    # The last output is leaf d's, for flat and conditional losses alike; all belief is elsewhere, with SimLoss on
    # classes that are not like d.
    logits = torch.full((1, loss.num_outputs), 500.0)
    logits[0, -1] = -500.0
    logits.requires_grad_()
    loss(logits, torch.tensor([RAGGED.leaves.index("d")])).backward()
    assert logits.grad.abs().max() > 0.3


def test_tree_wasserstein_is_bounded_and_so_loses_the_gradient_of_a_hopeless_sample():
    logits = torch.tensor([[500.0, -500.0, -500.0, -500.0]], requires_grad=True)
    value = make_loss("tree-wasserstein", RAGGED)(logits, torch.tensor([3]))
    value.backward()
    assert value.item() == RAGGED.distances("edges")[0, 3]
    assert logits.grad.abs().max() == 0


# Losses that are one another.


@settings(calm, max_examples=30)
@given(tree=trees(max_nodes=60), seed=st.integers(0, 2**31))
def test_hxe_with_equal_weights_is_cross_entropy_to_the_last_digit(tree, seed):
    loss = make_loss("hxe", tree, alpha=0.0, normalize=False, reduction="none")
    logits, target = sample(tree, loss, seed)
    twin = logits.clone()
    logits.requires_grad_()
    twin.requires_grad_()
    ours, theirs = loss(logits, target), F.cross_entropy(twin, target, reduction="none")
    assert torch.equal(ours, theirs)
    ours.sum().backward()
    theirs.sum().backward()
    torch.testing.assert_close(logits.grad, twin.grad, atol=1e-15, rtol=1e-14)


@pytest.mark.parametrize("rate", [0.0, 1e-300])
def test_simloss_of_unlike_classes_is_cross_entropy(rate):
    apart = np.abs(np.subtract.outer(np.arange(4), np.arange(4)))
    logits, target = torch.randn(4, 4), torch.tensor([0, 1, 2, 3])
    loss = make_loss("simloss", RAGGED, similarity=float(rate) ** apart)
    torch.testing.assert_close(loss(logits, target), F.cross_entropy(logits, target))
    assert loss.is_proper == (rate == 0.0)


def test_sharp_soft_labels_are_cross_entropy():
    logits, target = torch.randn(4, 4), torch.tensor([0, 1, 2, 3])
    loss = make_loss("soft-labels", RAGGED, beta=1e4)
    torch.testing.assert_close(loss(logits, target), F.cross_entropy(logits, target))


def test_level_wise_with_the_last_level_alone_is_cross_entropy():
    logits, target = torch.randn(4, 4), torch.tensor([0, 1, 2, 3])
    loss = make_loss("level-wise", RAGGED, weights=[0, 0, 1])
    torch.testing.assert_close(loss(logits, target), F.cross_entropy(logits, target))


@pytest.mark.parametrize("name", LOSSES)
def test_on_a_flat_tree_the_tree_says_nothing(name):
    tree = LabelTree.from_edges([("root", name) for name in "abcd"])
    options = {
        "cross-entropy": {},
        "regularized-cross-entropy": {"penalty": 0.0},
        "hierarchical": {"mass": 0.0},
        "hxe": {"alpha": 0.0, "normalize": False},
        "soft-labels": {"beta": 1e4},
    }
    if name in ("tree-wasserstein", "softmax-margin", "tree-min-focal", "frame"):
        return  # bounded, or computed from other outputs
    logits, target = torch.randn(4, 4), torch.tensor([0, 1, 2, 3])
    loss = make_loss(name, tree, **options.get(name, {}))
    torch.testing.assert_close(loss(logits, target), F.cross_entropy(logits, target))


def test_the_second_term_is_the_number_of_internal_levels_on_uniform_depth():
    logits, target = torch.randn(3, 5), torch.tensor([0, 1, 2])
    with_term, without = (make_loss("hierarchical", UNIFORM, mass=mass)(logits, target) for mass in (1.0, 0.0))
    torch.testing.assert_close(with_term - without, torch.tensor(2.0))


def test_leaf_targets_without_mass_are_cross_entropy_in_other_coordinates():
    loss = make_loss("hierarchical", RAGGED, targets="leaf", mass=0.0, reduction="none")
    logits, target = torch.randn(4, 6), torch.tensor([0, 1, 2, 3])
    torch.testing.assert_close(loss(logits, target), -loss.leaf_log_probs(logits)[torch.arange(4), target])
    torch.testing.assert_close(loss(logits, target), make_loss("conditional", RAGGED, reduction="none")(logits, target))


# The paper's own ways.


@pytest.mark.parametrize("targets", ["path", "leaf"])
@settings(calm, max_examples=20)
@given(tree=trees(max_nodes=40), seed=st.integers(0, 2**31), mass=st.sampled_from([0.0, 0.3, 1.0]))
def test_matrix_form_and_literal_loop_agree(targets, tree, seed, mass, make):
    ours, matrix = (
        make("hierarchical", tree, targets=targets, mass=mass, matrix_form=form, reduction="none")
        for form in (False, True)
    )
    logits, target = sample(tree, ours, seed)
    torch.testing.assert_close(matrix(logits, target), ours(logits, target), atol=1e-9, rtol=1e-9)
    loop = reference.literal_loop(tree, logits, target, targets, mass)
    torch.testing.assert_close(loop, ours(logits, target), atol=1e-9, rtol=1e-9)
    soft = torch.softmax(torch.randn(4, len(tree.leaves), dtype=torch.float64), 1)
    torch.testing.assert_close(matrix(logits, soft), ours(logits, soft), atol=1e-9, rtol=1e-9)
