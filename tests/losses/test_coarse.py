"""Targets that are inner nodes: values, gradients, and what a training loop meets, for every loss."""

import copy
import pickle

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings, strategies as st
from torch import nn

from benchmarks.random_trees import random_tree
from hierapp import make_loss
from hierapp.errors import ConfigError
from hierapp.losses import marginal, pairs
from hierapp.losses.kernels import ancestors, expectation, path
from tests.devices import no_cuda
from tests.losses.coarse_literal import coarse
from tests.losses.literal import ANIMALS, RAGGED, SETTINGS, options_for, sample
from tests.losses.test_masked import at
from tests.strategies import trees

calm = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
EACH = pytest.mark.parametrize(("name", "options"), SETTINGS)
# As in test_large: no table is kept, and marginals are read in another way.
LIMITS = [(path, "MOST_KEPT"), (ancestors, "MOST_KEPT"), (pairs, "MOST_KEPT"), (expectation, "MOST_DENSE")]
WAYS = {
    "kept": [],
    "made": [(*limit, 0) for limit in LIMITS],
    "leaves apart": [(marginal, "SMALL", 0), (marginal, "MOST_GATHERED", 1e9)],
    "scattered": [(marginal, "SMALL", 0), (marginal, "MOST_GATHERED", 0), (ancestors, "MOST_KEPT", 0)],
    "parts": [(path, "PRICE_ON_CPU", 0)],
}


def drawn(tree, loss, seed, batch=4):
    """Logits, and labels of any depth."""
    logits, _ = sample(tree, loss, seed, batch)
    return logits, torch.randint(len(tree.nodes), (batch,), generator=torch.Generator().manual_seed(seed))


@EACH
@settings(calm, max_examples=12)
@given(tree=trees(max_nodes=40), seed=st.integers(0, 2**31))
def test_value_and_gradient_are_those_of_the_definition(name, options, tree, seed, make):
    loss = make(name, tree, index="node", reduction="none", **options)
    logits, target = drawn(tree, loss, seed)
    logits.requires_grad_()
    fitting, labels = options_for(tree, options), target.tolist()
    expected = torch.stack([coarse(name, tree, row, v, fitting) for row, v in zip(logits, labels, strict=True)])
    (theirs,) = torch.autograd.grad(expected.sum() + 0 * logits.sum(), logits)
    for limits in WAYS.values():
        with pytest.MonkeyPatch.context() as patch:
            for module, limit, value in limits:
                patch.setattr(module, limit, value)
            loss = make(name, tree, index="node", reduction="none", **options)
            values = loss(logits, target)
        torch.testing.assert_close(values, expected, atol=1e-9, rtol=1e-9)
        (ours,) = torch.autograd.grad(values.sum(), logits)
        torch.testing.assert_close(ours, theirs, atol=1e-7, rtol=1e-7)


@EACH
@settings(calm, max_examples=8)
@given(tree=trees(max_nodes=40), seed=st.integers(0, 2**31))
def test_a_leaf_as_label_gives_the_loss_of_the_leaf(name, options, tree, seed, make):
    by_node, by_leaf = (make(name, tree, index=index, reduction="none", **options) for index in ("node", "leaf"))
    logits, target = sample(tree, by_leaf, seed)
    torch.testing.assert_close(by_node(logits, torch.tensor(tree.leaf_nodes)[target]), by_leaf(logits, target))
    soft = torch.softmax(torch.randn(4, len(tree.leaves), dtype=torch.float64), 1)
    torch.testing.assert_close(by_node(logits, soft), by_leaf(logits, soft))


@EACH
def test_the_root_as_label_tells_nothing(name, options, make):
    """The loss is 0, or what it adds whatever the label; soft labels and SimLoss still spread their target."""
    loss = make(name, RAGGED, index="node", reduction="none", **options)
    logits, _ = sample(RAGGED, loss, seed=1)
    logits.requires_grad_()
    values = loss(logits, torch.zeros(4, dtype=torch.long))
    if name in ("soft-labels", "simloss"):
        means = [make(name, RAGGED, reduction="none", **options)(logits, torch.full((4,), leaf)) for leaf in range(4)]
        if name == "simloss":
            torch.testing.assert_close((-values).exp(), torch.stack(means).neg().exp().mean(0))
        else:  # the mean of the targets is nearer than they are in the mean
            assert (values <= torch.stack(means).mean(0)).all()
        return
    log_p = loss.leaf_log_probs(logits)
    constant = torch.zeros(4, dtype=torch.float64)
    if name == "hierarchical":
        internal = loss.node_log_probs(logits)[:, RAGGED.internal_nodes.tolist()].exp().sum(1)
        constant = constant + options.get("mass", 1.0) * internal
    if name == "regularized-cross-entropy":
        constant = constant + options["penalty"] * (log_p.exp() * log_p).sum(1)
    if options.get("label_smoothing"):
        constant = constant - options["label_smoothing"] * log_p.mean(1)
    torch.testing.assert_close(values, constant, atol=1e-12, rtol=1e-12)


@pytest.mark.parametrize("name", ["cross-entropy", "conditional"])
def test_the_mass_of_a_node_is_that_of_the_leaves_below_it(name):
    loss = make_loss(name, ANIMALS, index="node", reduction="none")
    logits, _ = sample(ANIMALS, loss, seed=2)
    of_nodes = torch.stack([(-loss(logits, torch.full((4,), node))).exp() for node in range(len(ANIMALS.nodes))], 1)
    torch.testing.assert_close(of_nodes, loss.node_log_probs(logits).exp())


def test_simloss_of_a_matrix_is_the_mean_over_the_leaves_below():
    similarity = [[1.0, 0.5, 0.0, 0.2], [0.1, 1.0, 0.0, 0.3], [0.4, 0.2, 1.0, 0.0], [0.0, 0.0, 0.3, 1.0]]
    loss = make_loss("simloss", RAGGED, index="node", similarity=similarity)
    logits = torch.randn(1, 4, dtype=torch.float64)
    p = torch.softmax(logits, 1)[0]
    mean = (torch.tensor(similarity[1]) + torch.tensor(similarity[2])).double() / 2  # b and c
    value = loss(logits, torch.tensor([RAGGED.nodes.index("B")]))
    torch.testing.assert_close(value, -(mean @ p).log(), atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("targets", ["path", "leaf"])
@settings(calm, max_examples=10)
@given(tree=trees(max_nodes=30), seed=st.integers(0, 2**31))
def test_the_matrix_form_agrees(targets, tree, seed, make):
    ours, matrix = (
        make("hierarchical", tree, targets=targets, mass=0.3, matrix_form=form, index="node", reduction="none")
        for form in (False, True)
    )
    logits, target = drawn(tree, ours, seed)
    torch.testing.assert_close(matrix(logits, target), ours(logits, target), atol=1e-9, rtol=1e-9)


@pytest.mark.slow
@EACH
@pytest.mark.parametrize("tree", [ANIMALS, RAGGED], ids=["animals", "ragged"])
def test_gradcheck(name, options, tree, make):
    loss = make(name, tree, index="node", **options)
    logits, target = drawn(tree, loss, seed=3, batch=3)
    logits.requires_grad_()
    assert torch.autograd.gradcheck(lambda u: loss(u, target), logits)
    assert torch.autograd.gradgradcheck(lambda u: loss(u, target), logits)


# What a training loop meets


@EACH
def test_reductions_weights_ignored_labels_and_pixels(name, options, make):
    weight = torch.tensor([0.5, 2.0, 0.0, 1.5], dtype=torch.float64)
    of_nodes = torch.stack([weight[start:stop].mean() for start, stop in RAGGED.leaf_ranges.tolist()])
    loss = make(name, RAGGED, index="node", weight=weight, ignore_index=255, **options)
    plain = make(name, RAGGED, index="node", **options)
    logits = torch.randn(2, loss.num_outputs, 3, dtype=torch.float64)
    target = torch.tensor([[0, 255, 2], [255, 3, 6]])
    keep = target != 255
    known = target.where(keep, 0)
    pixels = logits.movedim(1, 2).reshape(-1, loss.num_outputs)
    each = plain(pixels, known.flatten(), reduction="none").view(2, 3)
    torch.testing.assert_close(plain(logits, known, reduction="none"), each)
    shares = of_nodes[known] * keep
    each = each * shares
    if options.get("label_smoothing"):  # what is smoothed is weighed by its own leaves, as torch does
        log_p, smoothing = torch.log_softmax(logits, 1), options["label_smoothing"]
        hard = make_loss(name, RAGGED, index="node", reduction="none")(logits, known) * shares
        each = (1 - smoothing) * hard - smoothing * keep * (log_p * weight[:, None]).mean(1)
    torch.testing.assert_close(loss(logits, target, reduction="none"), each)
    torch.testing.assert_close(loss(logits, target, reduction="sum"), each.sum())
    torch.testing.assert_close(loss(logits, target), each.sum() / shares.sum())
    torch.testing.assert_close(plain(logits[0, :, 2], target[0, 2]), plain(logits[:1, :, 2], target[:1, 2]))


@EACH
@pytest.mark.parametrize("wrong", [7, -1])
def test_a_label_that_is_no_node_is_reported(name, options, wrong, make):
    loss = make(name, RAGGED, index="node", **options)
    with pytest.raises(ConfigError, match=r"from 0 to 6, positions in tree\.nodes"):
        loss(torch.zeros(2, loss.num_outputs), torch.tensor([0, wrong]))


def test_an_unknown_index_is_reported():
    for name in ("cross-entropy", "hierarchical"):
        with pytest.raises(ConfigError, match="leaf or node"):
            make_loss(name, RAGGED, index="branch")


@EACH
@pytest.mark.parametrize("size", [1e4, -1e4])
def test_extreme_logits_give_finite_values_and_gradients(name, options, size, make):
    loss = make(name, RAGGED, index="node", reduction="none", **options)
    nodes = len(RAGGED.nodes)
    logits = torch.cat([size * torch.eye(loss.num_outputs), size * (torch.arange(loss.num_outputs) % 2)[None]])
    logits, target = logits.repeat_interleave(nodes, 0), torch.arange(nodes).repeat(len(logits))
    logits.requires_grad_()
    values = loss(logits, target)
    (gradient,) = torch.autograd.grad(values.sum(), logits)
    assert values.isfinite().all()
    assert gradient.isfinite().all()


@pytest.mark.parametrize("name", ["cross-entropy", "conditional", "hxe", "level-wise"])
def test_a_hopeless_coarse_label_keeps_its_value_and_gradient(name):
    """All belief is outside the subtree of B, and more of it on one leaf of B than on the other."""
    loss = make_loss(name, RAGGED, index="node", **({"normalize": False} if name == "hxe" else {}))
    by_name = {"a": 500.0, "b": -500.0, "c": -400.0, "d": 500.0, "A": 500.0, "B": -500.0}
    names = RAGGED.leaves if loss.num_outputs == 4 else RAGGED.nodes[1:]
    logits = torch.tensor([[by_name[each] for each in names]], requires_grad=True)
    value = loss(logits, torch.tensor([RAGGED.nodes.index("B")]))
    value.backward()
    assert value.item() > 700
    assert logits.grad.abs().max() > 0.3


@EACH
def test_a_masked_class_gives_the_limit_where_it_is_finite(name, options, make):
    loss, limits = make(name, RAGGED, index="node", **options), 0
    for masked in range(loss.num_outputs):
        for node in range(len(RAGGED.nodes)):
            (near, _), (limit, slope) = (at(loss, masked, logit, torch.tensor([node])) for logit in (-300.0, -600.0))
            value, gradient = at(loss, masked, -torch.inf, torch.tensor([node]))
            if abs(near - limit) < 1e-6 * max(1.0, abs(limit)):
                limits += 1
                assert value == pytest.approx(limit)
                torch.testing.assert_close(gradient, slope)
    assert limits > 5 or name == "soft-labels" or options.get("label_smoothing") or options.get("soft")


@EACH
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_computed_in_float32(name, options, dtype, make):
    loss = make(name, RAGGED, index="node", weight=[1, 2, 3, 4], **options)
    logits, target = drawn(RAGGED, loss, seed=2)
    expected = loss(logits.to(dtype).float(), target)
    torch.testing.assert_close(loss(logits.to(dtype), target), expected)
    cast = nn.Sequential(nn.Identity(), copy.deepcopy(loss)).to(dtype)[1]
    torch.testing.assert_close(cast(logits.to(dtype), target), expected)
    assert loss.state_dict() == {}
    torch.testing.assert_close(pickle.loads(pickle.dumps(loss))(logits, target), loss(logits, target))


@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:FutureWarning")  # torch.func.jvp's own
@EACH
def test_function_transforms(name, options, make):
    loss = make(name, RAGGED, index="node", **options)
    logits, target = drawn(RAGGED, loss, seed=7)
    whole = torch.func.grad(lambda u: loss(u, target, reduction="sum"))(logits)
    torch.testing.assert_close(torch.func.vmap(torch.func.grad(loss))(logits, target), whole)


@pytest.mark.slow
@EACH
def test_compiles_without_graph_breaks(name, options, make):
    torch.compiler.reset()
    loss = make(name, RAGGED, index="node", weight=[1.0, 2.0, 0.5, 1.0], **options)
    logits, target = drawn(RAGGED, loss, seed=6)
    ours, theirs = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    value = torch.compile(loss, fullgraph=True, backend="aot_eager")(ours, target)
    torch.testing.assert_close(value, loss(theirs, target))
    value.backward()
    loss(theirs, target).backward()
    torch.testing.assert_close(ours.grad, theirs.grad)


@pytest.mark.slow
@EACH
def test_ten_thousand_leaves_fit(name, options, make):
    tree = random_tree(112, 8, 1.97, 10_000, 10)
    loss = make(name, tree, index="node", **options)
    assert sum(buffer.nbytes for buffer in loss.buffers()) < 100e6
    logits = torch.randn(8, loss.num_outputs, requires_grad=True)
    target = torch.tensor(np.random.default_rng(0).choice(len(tree.nodes), 8))
    value = loss(logits, target)
    value.backward()
    assert value.isfinite()
    assert logits.grad.isfinite().all()


@no_cuda
@EACH
def test_values_and_gradients_cuda(name, options, make):
    loss = make(name, RAGGED, index="node", weight=[1.0, 2.0, 0.5, 1.0], **options)
    logits, target = drawn(RAGGED, loss, seed=5)
    here, there = logits.clone().requires_grad_(), logits.cuda().requires_grad_()
    expected = loss(here, target)
    expected.backward()
    value = loss.to("cuda")(there, target.cuda())
    value.backward()
    torch.testing.assert_close(value.cpu(), expected)
    torch.testing.assert_close(there.grad.cpu(), here.grad)
