"""What is computed for each batch where a tree is too large for a table agrees with the tables of small trees."""

import pytest
import torch
from hypothesis import HealthCheck, given, settings, strategies as st

from benchmarks.random_trees import random_tree
from hierapp.losses import marginal, pairs
from hierapp.losses.kernels import ancestors, expectation, path
from hierapp.losses.kernels.ancestors import DistanceRows
from hierapp.trees import DISTANCES
from tests.losses.literal import SETTINGS, sample
from tests.strategies import trees

LIMITS = [(path, "MOST_KEPT"), (ancestors, "MOST_KEPT"), (pairs, "MOST_KEPT"), (expectation, "MOST_DENSE")]
LIMITS += [(marginal, "MOST_GATHERED"), (marginal, "SMALL")]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "options"), SETTINGS)
@settings(deadline=None, max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tree=trees(max_nodes=40), seed=st.integers(0, 2**31))
def test_without_tables_the_values_are_the_same(name, options, tree, seed, make):
    kept = make(name, tree, reduction="none", **options)
    with pytest.MonkeyPatch.context() as patch:
        for module, limit in LIMITS:
            patch.setattr(module, limit, 0)
        made = make(name, tree, reduction="none", **options)
        logits, target = sample(tree, kept, seed)
        soft = torch.softmax(torch.randn(4, len(tree.leaves), dtype=torch.float64), 1)
        values, soft_values = made(logits, target), made(logits, soft)
    torch.testing.assert_close(values, kept(logits, target))
    torch.testing.assert_close(soft_values, kept(logits, soft))


# How a loss of paths reads its logits: as a CPU or a GPU pays for it, in one part, or in as many as there are widths;
# and of the marginals whether all leaves are read with them.
WAYS = {
    "cpu": {},
    "gpu": {(path, "PRICE_ON_CPU"): path.PRICE_ELSEWHERE},
    "parts": {(path, "PRICE_ON_CPU"): 0},
    "parts made": {(path, "PRICE_ON_CPU"): 0, (path, "MOST_KEPT"): 0},
    "one part made": {(path, "PRICE_ON_CPU"): 1e9, (path, "MOST_KEPT"): 0, (marginal, "SMALL"): 1e9},
    "leaves apart": {(marginal, "SMALL"): 0, (marginal, "MOST_GATHERED"): 1e9},
    "scattered": {(marginal, "SMALL"): 0, (marginal, "MOST_GATHERED"): 0},
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "options"),
    [each for each in SETTINGS if each[0] in ("hierarchical", "hierarchical-convex", "hxe", "level-wise")],
)
@settings(deadline=None, max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tree=trees(max_nodes=40), seed=st.integers(0, 2**31))
def test_every_way_to_read_the_logits_gives_the_same(name, options, tree, seed, make):
    found = []
    for limits in WAYS.values():
        with pytest.MonkeyPatch.context() as patch:
            for (module, limit), value in limits.items():
                patch.setattr(module, limit, value)
            loss = make(name, tree, reduction="none", **options)
        logits, target = sample(tree, loss, seed)
        logits.requires_grad_()
        values = loss(logits, target)
        (gradient,) = torch.autograd.grad(values.sum(), logits, create_graph=True)
        again = torch.autograd.grad(gradient.square().sum(), logits)[0] if gradient.requires_grad else gradient
        found.append((values, gradient, again))
    for each in found[1:]:
        torch.testing.assert_close(each, found[0])


@settings(deadline=None, max_examples=100)
@given(widths=st.lists(st.integers(1, 300), min_size=1, max_size=9), price=st.integers(0, 3000))
def test_parts_cover_the_choices_for_the_least_price(widths, price):
    widths = sorted(widths, reverse=True)
    parts = path.parts_of(widths, price)
    assert [place for part in parts for place in range(part.start, part.stop)] == list(range(len(widths)))
    assert all(part.width == widths[part.start] for part in parts)
    paid = sum(price + (part.stop - part.start) * part.width for part in parts)
    assert paid <= min(price + len(widths) * widths[0], len(widths) * price + sum(widths))


@pytest.mark.parametrize("kind", DISTANCES)
@settings(deadline=None, max_examples=30)
@given(tree=trees(max_nodes=40))
def test_rows_of_distances(kind, tree):
    expected = torch.tensor(tree.distances(kind), dtype=torch.float64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ancestors, "MOST_KEPT", 0)
        rows = DistanceRows(tree, kind)
        torch.testing.assert_close(rows(torch.arange(len(tree.leaves)), torch.float64), expected)
    assert rows.largest == max(1, expected.max())


@pytest.mark.slow
@pytest.mark.parametrize(("name", "options"), SETTINGS)
def test_ten_thousand_leaves_fit(name, options, make):
    tree = random_tree(112, 8, 1.97, 10_000, 10)
    loss = make(name, tree, **options)
    assert sum(buffer.nbytes for buffer in loss.buffers()) < 50e6
    logits = torch.randn(8, loss.num_outputs, requires_grad=True)
    target = torch.randint(10_000, (8,))
    value = loss(logits, target)
    value.backward()
    assert value.isfinite()
    assert logits.grad.isfinite().all()
    # Mixup of two classes.
    soft = torch.zeros(8, 10_000).scatter(1, target[:, None], 0.7)
    soft = soft.scatter_add(1, target.flip(0)[:, None], torch.full((8, 1), 0.3))
    assert loss(logits, soft).isfinite()
