"""Sets of nodes that are best in expectation, against all sets."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from benchmarks.random_trees import random_tree
from hierapp import LabelTree
from hierapp.decoding import best_sets, decode_set
from hierapp.errors import ConfigError
from tests.devices import DEEP, LARGE, on_devices
from tests.strategies import trees

TREE = LabelTree.from_edges(
    [("root", "animal"), ("root", "vehicle")]
    + [("animal", each) for each in ("cat", "dog", "horse")]
    + [("vehicle", each) for each in ("truck", "ship")]
)
FIGURE_7 = np.array([[0.24, 0.18, 0.18, 0.38, 0.02]])


def expected_f(tree, p, chosen, beta, count_root):
    """The definition: expectation over leaves of F_beta between a set and the leaf's ancestors."""
    total = 0.0
    for share, leaf in zip(p, tree.leaf_nodes.tolist(), strict=True):
        truth = set(tree.path(leaf)) - (set() if count_root else {0})
        total += share * (1 + beta**2) * len(chosen & truth) / max(len(chosen) + beta**2 * len(truth), 1e-12)
    return total


def best_of_all(tree, p, beta, count_root):
    nodes = range(0 if count_root else 1, len(tree.nodes))
    sets = itertools.chain.from_iterable(itertools.combinations(nodes, size) for size in range(1, len(nodes) + 1))
    return max(expected_f(tree, p, set(each), beta, count_root) for each in sets)


def as_set(mask):
    return set(np.flatnonzero(np.asarray(mask)).tolist())


@pytest.mark.parametrize(
    ("count_root", "names", "value"),
    [(True, "root animal vehicle truck", 0.68), (False, "animal vehicle truck", 0.552)],
)
def test_figure_7(count_root, names, value):
    for log_p in (np.log(FIGURE_7), torch.tensor(FIGURE_7).log(), torch.tensor(FIGURE_7).float().log()):
        chosen = as_set(decode_set(log_p, TREE, "hf-beta", beta=1.0, count_root=count_root)[0])
        assert " ".join(TREE.nodes[v] for v in sorted(chosen)) == names
    assert expected_f(TREE, FIGURE_7[0], chosen, 1.0, count_root) == pytest.approx(value)


@settings(deadline=None, max_examples=40)
@given(
    tree=trees(max_nodes=9),
    seed=st.integers(0, 2**31),
    beta=st.sampled_from([0.0, 0.5, 1.0, 2.0]),
    count_root=st.booleans(),
)
def test_no_set_is_better(tree, seed, beta, count_root):
    p = np.random.default_rng(seed).dirichlet(np.full(len(tree.leaves), 0.7), 2)
    for row, mask in zip(p, decode_set(np.log(p), tree, beta=beta, count_root=count_root), strict=True):
        found = expected_f(tree, row, as_set(mask), beta, count_root)
        assert found == pytest.approx(best_of_all(tree, row, beta, count_root), abs=1e-7)
        assert count_root or not mask[0]


@pytest.mark.parametrize("seed", range(3))
def test_no_set_of_twelve_nodes_is_better(seed):
    tree = LabelTree([f"n{i}" for i in range(12)], [-1, 0, 0, 1, 1, 3, 3, 5, 2, 2, 8, 0])
    p = np.random.default_rng(seed).dirichlet(np.ones(len(tree.leaves)))
    found = expected_f(tree, p, as_set(decode_set(np.log(p)[None], tree)[0]), 1.0, False)
    assert found == pytest.approx(best_of_all(tree, p, 1.0, False), abs=1e-9)


def every_size(tree, p, beta, count_root):
    """The best value over all sizes, each with the largest Delta_k: no bounds."""
    first, square = (0 if count_root else 1), beta * beta
    sizes = tree.depth[tree.leaf_nodes] - first
    best = 0.0
    for k in range(1, len(tree.nodes) + 1 - first):
        sums = np.append(0, np.cumsum(p * (1 + square) / (k + square * sizes)))
        delta = (sums[tree.leaf_ranges[:, 1]] - sums[tree.leaf_ranges[:, 0]])[first:]
        best = max(best, np.sort(delta)[::-1][:k].sum())
    return best


def near_flat(leaves):
    """Most leaves below the root, some one level deeper: many sizes can be best."""
    above = [-1, *([0] * leaves), *(1 + i % 40 for i in range(80))]
    return LabelTree([f"n{i}" for i in range(len(above))], above)


@pytest.mark.parametrize(
    ("tree", "spread"),
    [
        (DEEP, 1.0),
        (random_tree(20, 5, 1.5, 300, 8), 0.0),
        (random_tree(20, 5, 1.5, 300, 8), 4.0),
        (near_flat(300), 0.0),
        (near_flat(300), 1.0),
    ],
    ids=["deep", "even", "peaked", "near flat and even", "near flat"],
)
@pytest.mark.parametrize("count_root", [False, True])
def test_bounds_exclude_no_size_that_is_best(tree, spread, count_root, monkeypatch):
    monkeypatch.setattr(best_sets, "FIRST", 8)
    logits = spread * np.random.default_rng(0).normal(size=(6, len(tree.leaves)))
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    for row, mask in zip(p, decode_set(np.log(p), tree, count_root=count_root), strict=True):
        found = expected_f(tree, row, as_set(mask), 1.0, count_root)
        assert found == pytest.approx(every_size(tree, row, 1.0, count_root), rel=1e-6)


def test_with_each_node_its_ancestors_are_chosen():
    p = np.random.default_rng(3).dirichlet(np.full(len(DEEP.leaves), 0.5), 50)
    for mask in decode_set(np.log(p), DEEP):
        chosen = as_set(mask)
        assert all(set(DEEP.path(node)) - {0} <= chosen for node in chosen)


@on_devices
@pytest.mark.parametrize("tree", [TREE, DEEP, LARGE], ids=["figure 7", "deep", "large"])
def test_sets_are_those_of_numpy(tree, device):
    generator = torch.Generator().manual_seed(0)
    logits = 4 * torch.randn(12, len(tree.leaves), generator=generator, dtype=torch.float64)
    log_p = torch.log_softmax(torch.cat([logits, 0 * logits[:1]]), 1)
    found = decode_set(log_p.to(device), tree)
    assert (found.device.type, found.dtype) == (device, torch.bool)
    assert torch.equal(found.cpu(), torch.from_numpy(decode_set(log_p.numpy(), tree)))


def test_shapes():
    pixels = torch.log_softmax(torch.randn(2, 5, 3, 4), 1)
    found = decode_set(pixels, TREE)
    assert found.shape == (2, 8, 3, 4)
    assert torch.equal(found[1, :, 2].T, decode_set(pixels[1, :, 2].T, TREE))
    assert decode_set(pixels[:0], TREE).shape == (0, 8, 3, 4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rule": "leaf"}, "predicts no sets; choose one of hf-beta"),
        ({"rule": "best"}, "Unknown decoder 'best'"),
        ({"beta": -1.0}, "at least 0"),
        ({"gamma": 1.0}, "no option 'gamma'"),
    ],
)
def test_bad_options_are_told(options, message):
    with pytest.raises(ConfigError, match=message):
        decode_set(np.log(FIGURE_7), TREE, **options)
