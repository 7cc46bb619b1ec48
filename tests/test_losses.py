"""Every loss against a slow function that states its definition node by node."""

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from hierapp import LabelTree, make_loss
from hierapp.errors import ConfigError
from hierapp.losses import LOSSES, check_options
from hierapp.losses.base import TreeLoss
from tests.strategies import trees

ANIMALS = LabelTree.from_edges(
    [("root", "animal"), ("animal", "pet"), ("pet", "cat"), ("pet", "dog"), ("root", "vehicle"), ("vehicle", "truck")]
)
RAGGED = LabelTree.from_edges([("root", "A"), ("A", "a"), ("A", "B"), ("B", "b"), ("B", "c"), ("root", "d")])
SETTINGS = [
    ("cross-entropy", {}),
    ("cross-entropy", {"label_smoothing": 0.2}),
    ("regularized-cross-entropy", {"penalty": 0.7}),
    ("hierarchical", {}),
    ("hierarchical", {"targets": "leaf", "mass": 0.0}),
    ("hierarchical", {"mass": 0.3, "soft": 0.4}),
    ("hierarchical", {"soft": 0.4, "soft_reduction": "sum"}),
    ("hierarchical-convex", {}),
    ("hierarchical-convex", {"soft": 2.0}),
    ("hierarchical-convex", {"soft": 2.0, "soft_reduction": "sum"}),
    ("simloss", {}),
    ("simloss", {"lower_bound": 0.4}),
]


# The definitions, literally.


def conditionals(tree: LabelTree, row: Tensor) -> dict[str, Tensor]:
    """p(v) by name, for one sample's logits [N - 1]."""
    p = {tree.nodes[0]: row.new_ones(())}
    for below in tree.children:
        if below:
            for child, value in zip(below, torch.softmax(torch.stack([row[c - 1] for c in below]), 0), strict=True):
                p[tree.nodes[child]] = value
    return p


def parent_of(tree: LabelTree, name: str) -> str | None:
    above = int(tree.parents[tree.nodes.index(name)])
    return tree.nodes[above] if above >= 0 else None


def path_names(tree: LabelTree, leaf: str) -> list[str]:
    path = [leaf]
    while (above := parent_of(tree, path[-1])) is not None:
        path.append(above)
    return path[::-1]


def node_probability(tree: LabelTree, p: dict[str, Tensor], name: str) -> Tensor:
    z = p[name]
    while (above := parent_of(tree, name)) is not None:
        name = above
        z = z * p[name]
    return z


def children_of(tree: LabelTree, name: str) -> list[str]:
    return [tree.nodes[child] for child in tree.children[tree.nodes.index(name)]]


def literal_path_loss(tree, row, leaf, convex, targets="path", mass=1.0, soft=0.0, soft_reduction="mean"):
    p = conditionals(tree, row)
    path = path_names(tree, leaf)
    depth = {name: position + 1 for position, name in enumerate(path)}
    value = row.new_zeros(())
    for above, node in pairwise(path):
        if convex:
            value = value - p[node].log() / depth[above]
        else:
            value = value - p[node].log() * (depth[leaf] - depth[node] + 1 if targets == "path" else 1)
    internal = [name for name in tree.nodes if children_of(tree, name)]
    if not convex:
        value = value + mass * sum(node_probability(tree, p, name) for name in internal)
    others = [name for name in internal if name not in path]
    terms = []
    for name in others:
        below = children_of(tree, name)
        uniform = 1 / len(below)
        divergence = sum(uniform * (math.log(uniform) - p[child].log()) for child in below)
        terms.append(divergence / len(path_names(tree, name)) if convex else divergence)
    if terms:
        value = value + soft * sum(terms) / (len(terms) if soft_reduction == "mean" else 1)
    return value


def literal(name: str, tree: LabelTree, row: Tensor, leaf: int, options: dict) -> Tensor:
    """One sample's loss by THEORY's formula."""
    if name.startswith("hierarchical"):
        return literal_path_loss(tree, row, tree.leaves[leaf], name == "hierarchical-convex", **options)
    p = torch.softmax(row, 0)
    if name == "cross-entropy":
        eps = options.get("label_smoothing", 0.0)
        return sum(-((1 - eps) * (i == leaf) + eps / len(p)) * p[i].log() for i in range(len(p)))
    if name == "regularized-cross-entropy":
        return -p[leaf].log() + options["penalty"] * sum(value * value.log() for value in p)
    bound = options.get("lower_bound", 0.0)
    distances = tree.distances()
    credit = 0.0
    for other in range(len(p)):
        similarity = 1 - distances[leaf, other] / max(distances.max(), 1)
        credit = credit + max(0.0, (similarity - bound) / (1 - bound)) * p[other]
    return -credit.log()


def sample(tree: LabelTree, loss: TreeLoss, seed: int, batch: int = 4) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(batch, loss.num_outputs, generator=generator, dtype=torch.float64)
    return logits, torch.randint(len(tree.leaves), (batch,), generator=generator)


def test_every_loss_of_the_registry_is_tested():
    assert {name for name, _ in SETTINGS} == set(LOSSES)


@pytest.mark.parametrize(("name", "options"), SETTINGS)
@settings(deadline=None, max_examples=25)
@given(tree=trees(max_nodes=30), seed=st.integers(0, 2**31))
def test_value_and_gradient_are_those_of_the_definition(name, options, tree, seed):
    loss = make_loss(name, tree, reduction="none", **options)
    logits, target = sample(tree, loss, seed)
    logits.requires_grad_()
    values = loss(logits, target)
    expected = torch.stack([literal(name, tree, row, int(y), options) for row, y in zip(logits, target, strict=True)])
    torch.testing.assert_close(values, expected, atol=1e-9, rtol=1e-9)
    (ours,) = torch.autograd.grad(values.sum(), logits)
    (theirs,) = torch.autograd.grad(expected.sum(), logits)
    torch.testing.assert_close(ours, theirs, atol=1e-7, rtol=1e-7)


@pytest.mark.parametrize(("name", "options"), SETTINGS)
@pytest.mark.parametrize("tree", [ANIMALS, RAGGED])
def test_gradcheck(name, options, tree):
    loss = make_loss(name, tree, **options)
    logits, target = sample(tree, loss, seed=3, batch=3)
    logits.requires_grad_()
    assert torch.autograd.gradcheck(lambda u: loss(u, target), logits)
    soft = torch.softmax(torch.randn(3, len(tree.leaves), dtype=torch.float64), 1)
    assert torch.autograd.gradcheck(lambda u: loss(u, soft), logits)


@pytest.mark.parametrize(("name", "options"), SETTINGS)
@settings(deadline=None, max_examples=15)
@given(tree=trees(max_nodes=20), seed=st.integers(0, 2**31))
def test_probabilities_as_target_give_the_expected_loss(name, options, tree, seed):
    loss = make_loss(name, tree, reduction="none", **options)
    logits, _ = sample(tree, loss, seed, batch=2)
    target = torch.softmax(torch.randn(2, len(tree.leaves), dtype=torch.float64), 1)
    expected = sum(target[:, leaf] * loss(logits, torch.full((2,), leaf)) for leaf in range(len(tree.leaves)))
    torch.testing.assert_close(loss(logits, target), expected, atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize(("name", "options"), SETTINGS)
def test_reductions_and_buffers(name, options):
    loss = make_loss(name, RAGGED, **options)
    logits, target = sample(RAGGED, loss, seed=1)
    each = loss(logits, target, reduction="none")
    assert each.shape == (4,)
    torch.testing.assert_close(loss(logits, target), each.mean())
    torch.testing.assert_close(loss(logits, target, reduction="sum"), each.sum())
    torch.testing.assert_close(make_loss(name, RAGGED, reduction="sum", **options)(logits, target), each.sum())
    assert loss.state_dict() == {}


@pytest.mark.parametrize(("name", "options"), SETTINGS)
@settings(deadline=None, max_examples=20)
@given(tree=trees(max_nodes=40), seed=st.integers(0, 2**31))
def test_leaf_and_node_probabilities(name, options, tree, seed):
    loss = make_loss(name, tree, **options)
    logits, _ = sample(tree, loss, seed)
    leaves, nodes = loss.leaf_log_probs(logits).exp(), loss.node_log_probs(logits).exp()
    torch.testing.assert_close(leaves.sum(1), torch.ones(4, dtype=torch.float64))
    assert (nodes[:, 0] == 1).all()
    for node, (start, stop) in enumerate(tree.leaf_ranges.tolist()):
        torch.testing.assert_close(nodes[:, node], leaves[:, start:stop].sum(1))


@pytest.mark.parametrize(("name", "options"), SETTINGS)
@pytest.mark.parametrize("size", [1e4, -1e4])
def test_extreme_logits_give_finite_values_and_gradients(name, options, size):
    loss = make_loss(name, RAGGED, reduction="none", **options)
    logits = torch.zeros(len(RAGGED.leaves), loss.num_outputs)
    logits[:, 0] = size
    logits.requires_grad_()
    values = loss(logits, torch.arange(len(RAGGED.leaves)))
    values.sum().backward()
    assert values.isfinite().all()
    assert logits.grad.isfinite().all()


@pytest.mark.parametrize("name", LOSSES)
def test_a_hopeless_sample_keeps_its_gradient(name):
    loss = make_loss(name, RAGGED)
    # The last output is leaf d's, for flat and conditional losses alike; all belief is elsewhere. SimLoss pulls at
    # the most alike of the believed ones as well.
    logits = torch.full((1, loss.num_outputs), 500.0)
    logits[0, -1] = -500.0
    logits.requires_grad_()
    loss(logits, torch.tensor([RAGGED.leaves.index("d")])).backward()
    assert logits.grad.abs().max() > 0.3


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_computed_in_float32(name, dtype):
    loss = make_loss(name, RAGGED)
    logits, target = sample(RAGGED, loss, seed=2)
    value = loss(logits.to(dtype), target)
    assert value.dtype == torch.float32
    torch.testing.assert_close(value, loss(logits.to(dtype).float(), target))


@pytest.mark.parametrize(
    "edges",
    [
        [("root", "only")],
        [("root", "a"), ("a", "b"), ("b", "c")],
        [("root", "a"), ("root", "b"), ("root", "c")],
    ],
    ids=["one leaf", "chain", "flat"],
)
@pytest.mark.parametrize("name", LOSSES)
def test_odd_trees(name, edges):
    tree = LabelTree.from_edges(edges)
    loss = make_loss(name, tree)
    logits = torch.zeros(2, loss.num_outputs, requires_grad=True)
    value = loss(logits, torch.zeros(2, dtype=torch.int64))
    value.backward()
    assert value.isfinite()
    assert logits.grad.isfinite().all()


def test_the_second_term_is_the_number_of_internal_levels_on_uniform_depth():
    tree = LabelTree.from_edges([("root", "x"), ("root", "y"), ("x", "a"), ("x", "b"), ("y", "c")])
    logits, target = torch.randn(3, 5), torch.tensor([0, 1, 2])
    with_term, without = (make_loss("hierarchical", tree, mass=mass)(logits, target) for mass in (1.0, 0.0))
    torch.testing.assert_close(with_term - without, torch.tensor(2.0))


def test_leaf_targets_on_uniform_depth_are_cross_entropy_in_other_coordinates():
    tree = LabelTree.from_edges([("root", "x"), ("root", "y"), ("x", "a"), ("x", "b"), ("y", "c")])
    loss = make_loss("hierarchical", tree, targets="leaf", mass=0.0, reduction="none")
    logits, target = torch.randn(3, 5), torch.tensor([0, 1, 2])
    torch.testing.assert_close(loss(logits, target), -loss.leaf_log_probs(logits)[torch.arange(3), target])


def test_simloss_of_unlike_classes_is_cross_entropy():
    logits, target = torch.randn(4, len(RAGGED.leaves)), torch.tensor([0, 1, 2, 3])
    loss = make_loss("simloss", RAGGED, similarity=torch.eye(4).numpy())
    torch.testing.assert_close(loss(logits, target), F.cross_entropy(logits, target))


@pytest.mark.parametrize(
    ("targets", "mass", "shallow"),
    [("path", 1.0, 0.25), ("leaf", 0.0, 0.25), ("leaf", 1.0, 0.61), ("path", 0.0, 0.11)],
)
def test_where_expected_loss_is_least_on_a_ragged_tree(targets, mass, shallow):
    loss = make_loss("hierarchical", RAGGED, targets=targets, mass=mass)
    logits = torch.zeros(1, loss.num_outputs, dtype=torch.float64, requires_grad=True)
    truth = torch.full((1, 4), 0.25, dtype=torch.float64)
    optimizer = torch.optim.LBFGS([logits], max_iter=200, line_search_fn="strong_wolfe", tolerance_grad=1e-10)

    def closure():
        optimizer.zero_grad()
        value = loss(logits, truth)
        value.backward()
        return value

    optimizer.step(closure)
    found = loss.leaf_log_probs(logits).exp()[0, RAGGED.leaves.index("d")].item()
    assert found == pytest.approx(shallow, abs=0.006)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: make_loss("nonsense", RAGGED), "Unknown loss 'nonsense'"),
        (lambda: make_loss("cross-entropy", RAGGED, mass=1), "has no option 'mass'"),
        (lambda: make_loss("cross-entropy", RAGGED, similarity=[[1]]), "has no option 'similarity'"),
        (lambda: make_loss("hierarchical", RAGGED, mass=-1), "mass of hierarchical"),
        (lambda: make_loss("hierarchical", RAGGED, mass="nan"), "mass of hierarchical"),
        (lambda: make_loss("hierarchical", RAGGED, mass=True), "mass of hierarchical"),
        (lambda: make_loss("hierarchical", RAGGED, targets="both"), "path, leaf"),
        (lambda: make_loss("hierarchical", RAGGED, reduction="max"), "mean, sum, none"),
        (lambda: make_loss("simloss", RAGGED, similarity=[[1.0]]), r"shape \[4, 4\]"),
        (lambda: make_loss("simloss", RAGGED, similarity=[[1.0] * 4] * 4), "all ones"),
        (lambda: make_loss("hierarchical", RAGGED)(torch.zeros(2, 4), torch.zeros(2).long()), r"shape \[B, 6\]"),
        (lambda: make_loss("hierarchical", RAGGED)(torch.zeros(2, 6), torch.zeros(3).long()), "Expected target"),
        (lambda: make_loss("hierarchical", RAGGED)(torch.zeros(2, 6), torch.zeros(2)), "Expected target"),
    ],
)
def test_bad_input_is_told_in_one_sentence(call, message):
    with pytest.raises(ConfigError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_the_registry_knows_the_defaults_of_the_classes():
    import inspect
    from importlib import import_module

    for name, entry in LOSSES.items():
        module, _, class_name = entry.where.partition(":")
        signature = inspect.signature(getattr(import_module(f"hierapp.losses.{module}"), class_name))
        for option in entry.options:
            assert signature.parameters[option.name].default == option.default
        assert set(signature.parameters) - {"tree", "reduction", "similarity"} == set(check_options(name, {}))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize(("name", "options"), SETTINGS)
def test_values_on_cuda(name, options):
    loss = make_loss(name, RAGGED, **options)
    logits, target = sample(RAGGED, loss, seed=5)
    expected = loss(logits, target)
    there = loss.to("cuda")(logits.to("cuda"), target.to("cuda"))
    torch.testing.assert_close(there.cpu(), expected)
