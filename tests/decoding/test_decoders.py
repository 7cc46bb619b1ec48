"""Predictions of every decoder against slow loops over the definitions."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from hierapp import LabelTree
from hierapp.decoding import decode
from hierapp.decoding.decoders import DECODERS, leaf_risks
from hierapp.errors import ConfigError, TreeError
from hierapp.trees import DISTANCES
from tests.strategies import trees

TREE = LabelTree.from_edges(
    [
        ("root", "animal"),
        ("root", "vehicle"),
        ("animal", "cat"),
        ("animal", "dog"),
        ("animal", "horse"),
        ("vehicle", "truck"),
        ("vehicle", "ship"),
    ]
)


def probabilities(tree, seed, batch=5):
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(batch, len(tree.leaves), generator=generator, dtype=torch.float64)
    return torch.log_softmax(logits, 1)


def below(tree, row, node):
    start, stop = tree.leaf_ranges[node]
    return sum(row[start:stop])


@settings(deadline=None, max_examples=60)
@given(tree=trees(max_nodes=40), seed=st.integers(0, 2**31))
def test_top_down_walks_to_the_likeliest_child(tree, seed):
    log_p = probabilities(tree, seed)
    for row, found in zip(log_p.exp().tolist(), decode(log_p, tree, "top-down").tolist(), strict=True):
        node = 0
        while tree.children[node]:
            node = max(tree.children[node], key=lambda child: below(tree, row, child))
        assert found == node


@pytest.mark.parametrize("kind", DISTANCES)
@settings(deadline=None, max_examples=60)
@given(tree=trees(max_nodes=40), seed=st.integers(0, 2**31))
def test_risks_are_expected_distances_and_the_least_is_taken(kind, tree, seed):
    log_p = probabilities(tree, seed)
    expected = log_p.exp().numpy() @ tree.distances(kind)
    np.testing.assert_allclose(leaf_risks(log_p, tree, kind), expected, atol=1e-10)
    found = decode(log_p, tree, "min-risk", distance=kind)
    place = [tree.leaf_nodes.tolist().index(node) for node in found.tolist()]
    np.testing.assert_allclose(expected[np.arange(len(place)), place], expected.min(1), atol=1e-5)


@settings(deadline=None, max_examples=60)
@given(tree=trees(max_nodes=40), seed=st.integers(0, 2**31), share=st.floats(0, 1))
def test_threshold_takes_the_deepest_node_that_is_likely_enough(tree, seed, share):
    log_p = probabilities(tree, seed)
    for row, found in zip(log_p.exp().tolist(), decode(log_p, tree, "threshold", threshold=share), strict=True):
        z = np.array([below(tree, row, node) for node in range(len(tree.nodes))])
        enough = np.flatnonzero((z >= share - 1e-6) | (np.arange(len(z)) == 0))
        assert tree.depth[found] == tree.depth[enough].max()
        alike = enough[tree.depth[enough] == tree.depth[found]]
        assert z[found] == pytest.approx(z[alike].max())


def test_figure_7():
    p = torch.tensor([[0.24, 0.18, 0.18, 0.38, 0.02]])
    named = {rule: TREE.nodes[decode(p.log(), TREE, rule)] for rule in DECODERS}
    assert named == {"leaf": "truck", "top-down": "cat", "min-risk": "cat", "threshold": "animal"}


def test_ties_and_edges():
    even = torch.full((1, 5), 0.2).log()
    assert TREE.nodes[decode(even, TREE, "top-down")] == "cat"
    assert TREE.nodes[decode(even, TREE, "threshold", threshold=1.0)] == "root"
    assert TREE.nodes[decode(even, TREE, "threshold", threshold=0.6)] == "animal"
    certain = torch.tensor([[0.0, -torch.inf, -torch.inf, -torch.inf, -torch.inf]])
    assert {TREE.nodes[decode(certain, TREE, rule)] for rule in DECODERS} == {"cat"}


@pytest.mark.parametrize("rule", DECODERS)
def test_any_shape_and_precision(rule):
    log_p = torch.log_softmax(torch.randn(2, 5, 3, 4), 1)
    found = decode(log_p, TREE, rule)
    assert found.shape == (2, 3, 4)
    assert found.dtype == torch.int64
    assert torch.equal(found[1, :, 2], decode(log_p[1, :, :, 2].T, TREE, rule))
    assert decode(log_p[:0], TREE, rule).shape == (0, 3, 4)
    decode(log_p.bfloat16().requires_grad_(), TREE, rule)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p: decode(p, TREE, "guess"), "Unknown decoder 'guess'; choose one of leaf, top-down"),
        (lambda p: decode(p, TREE, "leaf", threshold=0.5), "leaf has no option 'threshold'"),
        (lambda p: decode(p, TREE, "threshold", threshold=1.5), "from 0 to 1"),
        (lambda p: decode(p[:, :3], TREE), r"\[B, 5\]"),
        (lambda p: decode(p, TREE, "min-risk", distance="miles"), "lca-depth, lca-height, edges"),
    ],
)
def test_bad_input_is_told(call, message):
    with pytest.raises((ConfigError, TreeError), match=message):
        call(torch.zeros(1, 5))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("rule", DECODERS)
def test_predictions_on_cuda(rule):
    log_p = probabilities(TREE, 3, batch=64)
    assert torch.equal(decode(log_p.cuda(), TREE, rule).cpu(), decode(log_p, TREE, rule))
