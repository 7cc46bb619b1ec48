"""The decoders in numpy predict what those in torch predict."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from hierapp.decoding import decoders
from hierapp.decoding.explain import RULES, at_threshold, decode, deepest, node_probabilities
from hierapp.errors import ConfigError
from hierapp.trees import DISTANCES, LabelTree, library as tree_library
from tests.strategies import trees

TREE = LabelTree.from_edges(
    [
        *(("root", "animal"), ("animal", "cat"), ("animal", "dog"), ("animal", "horse")),
        *(("root", "vehicle"), ("vehicle", "truck"), ("vehicle", "ship")),
    ]
)
# The report's figure 7.
P = np.array([[0.24, 0.18, 0.18, 0.38, 0.02]])


def test_the_rules_are_those_of_the_decoders():
    assert tuple(decoders.DECODERS) == RULES


def test_by_hand():
    assert node_probabilities(P, TREE)[0].round(4).tolist() == [1.0, 0.6, 0.24, 0.18, 0.18, 0.4, 0.38, 0.02]
    assert [TREE.nodes[decode(P, TREE, rule)[0]] for rule in RULES] == ["truck", "cat", "cat", "animal"]
    found = deepest(P, TREE)
    assert [TREE.nodes[at_threshold(found, t)[0]] for t in (0.0, 0.38, 0.39, 0.6, 0.61, 1.0)] == [
        *("truck", "truck", "animal", "animal", "root", "root")
    ]


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(trees(), st.integers(0, 10_000), st.sampled_from([0.0, 0.2, 0.5, 0.75, 1.0]), st.sampled_from(DISTANCES))
def test_they_predict_what_torch_predicts(tree, seed, threshold, distance):
    """Without ties in the probabilities: which of two alike is taken hangs on the last bits of exponentials."""
    p = np.random.default_rng(seed).dirichlet(np.full(len(tree.leaves), 0.5), 20)
    log_p = torch.from_numpy(p).log()
    p = log_p.exp().numpy()
    for rule in RULES:
        options = {"threshold": {"threshold": threshold}, "min-risk": {"distance": distance}}.get(rule, {})
        ours, theirs = decode(p, tree, rule, **options), decoders.decode(log_p, tree, rule, **options).numpy()
        if rule == "min-risk":  # sums in another order tell two leaves apart whose risks are the same
            risks = p @ tree.distances(distance)
            places = [np.searchsorted(tree.leaf_nodes, nodes) for nodes in (ours, theirs)]
            one, other = (risks[np.arange(len(p)), place] for place in places)
            assert np.allclose(one, other, rtol=0, atol=1e-9)
        else:
            assert ours.tolist() == theirs.tolist()


def test_they_predict_what_torch_predicts_of_100_classes():
    tree = tree_library.load("cifar100-5level")
    p = np.random.default_rng(0).dirichlet(np.full(100, 0.1), 500) + 1e-12
    p /= p.sum(1, keepdims=True)
    for rule in RULES:
        assert decode(p, tree, rule).tolist() == decoders.decode(torch.from_numpy(p).log(), tree, rule).tolist()


def test_an_unknown_rule_and_a_threshold_out_of_range_are_refused():
    with pytest.raises(ConfigError, match="Unknown decoder 'best'"):
        decode(P, TREE, "best")
    with pytest.raises(ConfigError, match="from 0 to 1 but got 2"):
        decode(P, TREE, "threshold", 2.0)
