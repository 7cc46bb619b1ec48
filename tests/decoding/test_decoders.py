"""Predictions of every decoder against slow loops over the definitions."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from hierapp import LabelTree
from hierapp.decoding import decode
from hierapp.decoding.decoders import DECODERS, decode_probabilities, leaf_risks, node_probabilities
from hierapp.decoding.risks import node_risks
from hierapp.decoding.rules import hf_beta
from hierapp.decoding.tables import Rows
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


def distances_of_nodes(tree, kind):
    """The definitions, one pair at a time: [N, L]."""
    found = np.zeros((len(tree.nodes), len(tree.leaves)))
    for node in range(len(tree.nodes)):
        for column, leaf in enumerate(tree.leaf_nodes.tolist()):
            common = [v for v in tree.path(node) if v in tree.path(leaf)]
            edges = len(tree.path(node)) - len(common), len(tree.path(leaf)) - len(common)
            found[node, column] = {
                "edges": sum(edges),
                "lca-depth": max(edges),
                "lca-height": tree.height[common[-1]],
            }[kind]
    return found


@pytest.mark.parametrize("kind", DISTANCES)
@settings(deadline=None, max_examples=30)
@given(tree=trees(max_nodes=25), seed=st.integers(0, 2**31))
def test_min_cost_over_all_nodes_by_distance_and_by_matrix(kind, tree, seed):
    log_p = probabilities(tree, seed)
    costs = distances_of_nodes(tree, kind)
    risks = log_p.exp().numpy() @ costs.T
    np.testing.assert_allclose(node_risks(Rows(log_p.exp(), tree), kind), risks, atol=1e-10)
    for cost in (kind, costs, torch.tensor(costs).bfloat16(), costs.tolist()):
        found = decode(log_p, tree, "min-cost", cost=cost).numpy()
        np.testing.assert_allclose(risks[np.arange(len(found)), found], risks.min(1), atol=1e-8)


@settings(deadline=None, max_examples=40)
@given(tree=trees(max_nodes=25), seed=st.integers(0, 2**31))
def test_any_cost_matrix(tree, seed):
    cost = np.random.default_rng(seed).normal(size=(len(tree.nodes), len(tree.leaves)))
    log_p = probabilities(tree, seed)
    assert decode(log_p, tree, "min-cost", cost=cost).tolist() == (log_p.exp().numpy() @ cost.T).argmin(1).tolist()


@settings(deadline=None, max_examples=40)
@given(tree=trees(max_nodes=30), seed=st.integers(0, 2**31))
def test_threshold_at_one_half_is_best_for_edges_over_all_nodes(tree, seed):
    log_p = probabilities(tree, seed)
    risks = log_p.exp().numpy() @ distances_of_nodes(tree, "edges").T
    found = decode(log_p, tree, "threshold", threshold=0.5).numpy()
    # The threshold accepts a z up to 1e-6 below it.
    np.testing.assert_allclose(risks[np.arange(len(found)), found], risks.min(1), atol=1e-5)


@settings(deadline=None, max_examples=60)
@given(tree=trees(max_nodes=30), seed=st.integers(0, 2**31), beta=st.sampled_from([0.0, 0.5, 1.0, 2.0]))
def test_hf_beta_over_all_nodes(tree, seed, beta):
    log_p = probabilities(tree, seed)
    for count_root in (True, False):
        sets = [set(tree.path(v)) - (set() if count_root else {0}) for v in range(len(tree.nodes))]
        truths = [sets[leaf] for leaf in tree.leaf_nodes]
        square = beta * beta
        scores = np.array(
            [[(1 + square) * len(a & b) / max(len(a) + square * len(b), 1e-12) for b in truths] for a in sets]
        )
        expected = log_p.exp().numpy() @ scores.T
        np.testing.assert_allclose(hf_beta.expected_f(Rows(log_p.exp(), tree), beta, count_root), expected, atol=1e-12)
        found = decode(log_p, tree, "hf-beta", beta=beta, count_root=count_root).numpy()
        np.testing.assert_allclose(expected[np.arange(len(found)), found], expected.max(1), atol=1e-8)


@settings(deadline=None, max_examples=60)
@given(tree=trees(max_nodes=40), seed=st.integers(0, 2**31), share=st.floats(0, 1))
def test_climb_goes_up_from_the_likeliest_leaf(tree, seed, share):
    log_p = probabilities(tree, seed)
    for row, found in zip(log_p.exp().tolist(), decode(log_p, tree, "climb", threshold=share).tolist(), strict=True):
        way = tree.path(int(tree.leaf_nodes[np.argmax(row)]))[::-1]
        enough = [node for node in way if below(tree, row, node) > share + 1e-12]
        assert found == (enough[0] if enough else 0)


@settings(deadline=None, max_examples=40)
@given(tree=trees(max_nodes=40), seed=st.integers(0, 2**31))
def test_parent_weighted(tree, seed):
    log_p = probabilities(tree, seed)
    for row, found in zip(log_p.exp().tolist(), decode(log_p, tree, "parent-weighted").tolist(), strict=True):
        score = {leaf: p * below(tree, row, tree.parents[leaf]) for leaf, p in zip(tree.leaf_nodes, row, strict=True)}
        assert score[found] == pytest.approx(max(score.values()))


@settings(max_examples=30, deadline=None)
@given(tree=trees(), seed=st.integers(0, 10_000))
def test_numpy_arrays_decode_as_tensors_do(tree, seed):
    """Without ties in the probabilities: which of two alike is taken hangs on the last bits of exponentials."""
    log_p = probabilities(tree, seed, batch=20)
    for rule in DECODERS:
        tensor, array = decode(log_p, tree, rule), decode(log_p.numpy(), tree, rule)
        assert isinstance(array, np.ndarray)
        assert array.dtype == np.int64
        assert array.tolist() == tensor.tolist() == decode_probabilities(log_p.exp().numpy(), tree, rule).tolist()


@pytest.mark.parametrize("rule", DECODERS)
def test_many_samples_are_decoded_in_chunks(rule, monkeypatch):
    log_p = probabilities(TREE, 5, batch=50)
    whole, z = decode(log_p, TREE, rule), node_probabilities(log_p, TREE)
    monkeypatch.setattr("hierapp.decoding.inputs.PART", 3 * len(TREE.nodes))
    assert torch.equal(decode(log_p, TREE, rule), whole)
    assert torch.equal(node_probabilities(log_p, TREE), z)


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
    assert named == {
        "leaf": "truck",
        "top-down": "cat",
        "min-risk": "cat",
        "threshold": "animal",
        "min-cost": "animal",
        "hf-beta": "cat",
        "climb": "root",
        "parent-weighted": "truck",
    }
    # .152 for truck, .144 for cat; the truck's .38 and the vehicle's .40 on the way up
    assert TREE.nodes[decode(p.log(), TREE, "climb", threshold=0.39)] == "vehicle"
    assert TREE.nodes[decode(p.log(), TREE, "climb", threshold=0.3)] == "truck"


def test_figure_7_in_expected_f():
    rows = Rows(np.array([[0.24, 0.18, 0.18, 0.38, 0.02]]), TREE)
    for count_root, best, value in ((True, "animal", 0.64), (False, "cat", 0.42)):
        f = hf_beta.expected_f(rows, 1.0, count_root)[0]
        assert (TREE.nodes[int(f.argmax())], f.max()) == (best, pytest.approx(value))
        assert TREE.nodes[decode(np.log(rows.p), TREE, "hf-beta", count_root=count_root)[0]] == best


def test_ties_and_edges():
    even = torch.full((1, 5), 0.2).log()
    assert TREE.nodes[decode(even, TREE, "top-down")] == "cat"
    assert TREE.nodes[decode(even, TREE, "threshold", threshold=1.0)] == "root"
    assert TREE.nodes[decode(even, TREE, "threshold", threshold=0.6)] == "animal"
    certain = torch.tensor([[0.0, -torch.inf, -torch.inf, -torch.inf, -torch.inf]])
    # Nothing exceeds a probability of 1, but the root always qualifies.
    assert {TREE.nodes[decode(certain, TREE, rule)] for rule in DECODERS} == {"cat"}
    assert TREE.nodes[decode(certain, TREE, "climb", threshold=1.0)] == "root"


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
        (lambda p: decode(p, TREE, "min-cost", cost="miles"), "lca-depth, lca-height, edges"),
        (lambda p: decode(p, TREE, "min-cost", cost=np.zeros((5, 8))), r"\[8, 5\].*\[5, 8\]"),
        (lambda p: decode(p, TREE, "min-cost", cost=np.full((8, 5), np.inf)), "finite"),
        (lambda p: decode(p, TREE, "min-cost", cost=[["a"] * 5] * 8), "numbers"),
        (lambda p: decode(p, TREE, "min-cost", cost=[[1.0], [1.0, 2.0]]), "different lengths"),
        (lambda p: decode(p, TREE, "hf-beta", beta=-1), "at least 0"),
        (lambda p: decode(p, TREE, "climb", threshold=float("nan")), "from 0 to 1"),
        (lambda p: decode(p.tolist(), TREE), "array or a tensor"),
        (lambda p: decode(p, TREE), "log_softmax"),
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
