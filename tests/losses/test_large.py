"""What is computed for each batch where a tree is too large for a table agrees with the tables of small trees."""

import pytest
import torch
from hypothesis import HealthCheck, given, settings, strategies as st

from benchmarks.random_trees import random_tree
from hierapp.losses import marginal, pairs
from hierapp.losses.kernels import ancestors, path
from hierapp.losses.kernels.ancestors import DistanceRows
from hierapp.trees import DISTANCES
from tests.losses.literal import SETTINGS, sample
from tests.strategies import trees

LIMITS = [(path, "MOST_KEPT"), (ancestors, "MOST_KEPT"), (pairs, "MOST_KEPT"), (pairs, "MOST_DENSE")]
LIMITS += [(path, "MOST_MASKED"), (marginal, "MOST_MASKED")]


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


@pytest.mark.slow
@pytest.mark.parametrize(("name", "options"), SETTINGS)
@settings(deadline=None, max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tree=trees(max_nodes=40), seed=st.integers(0, 2**31))
def test_with_tables_but_no_masks_the_values_are_the_same(name, options, tree, seed, make):
    masked = make(name, tree, reduction="none", **options)
    with pytest.MonkeyPatch.context() as patch:
        for module in (path, marginal):
            patch.setattr(module, "MOST_MASKED", 0)
        packed = make(name, tree, reduction="none", **options)
    logits, target = sample(tree, masked, seed)
    logits.requires_grad_()
    ours, theirs = packed(logits, target), masked(logits, target)
    torch.testing.assert_close(ours, theirs)
    for one, other in zip(*(torch.autograd.grad(each.sum(), logits) for each in (ours, theirs)), strict=True):
        torch.testing.assert_close(one, other)


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
