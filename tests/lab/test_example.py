import math

import pytest
import torch
from hypothesis import given, settings, strategies as st

from hierapp import LabelTree, make_loss
from hierapp.errors import ConfigError
from hierapp.lab.example import HIGH, LOW, Example, on_slider
from tests.losses.literal import RAGGED
from tests.strategies import trees


@settings(max_examples=60)
@given(tree=trees(max_nodes=40), seed=st.integers(0, 2**31))
def test_probabilities_are_the_librarys(tree, seed):
    example = Example.random(tree, seed)
    loss = make_loss("conditional", tree)
    nodes = loss.node_log_probs(torch.tensor([example.logits], dtype=torch.float64))[0]
    assert list(example.log_z) == pytest.approx(nodes.tolist(), abs=1e-9)
    assert math.fsum(example.leaf_probabilities) == pytest.approx(1)


@settings(max_examples=60)
@given(tree=trees(max_nodes=40), seed=st.integers(0, 2**31))
def test_leaf_probabilities_go_to_node_logits_and_back(tree, seed):
    example = Example.random(tree, seed)
    for again in (
        Example.from_leaf_probabilities(tree, example.leaf_probabilities, example.target),
        Example.from_leaf_log_probs(tree, [each + 5 for each in example.leaf_log_probs], example.target),
    ):
        assert list(again.log_p) == pytest.approx(example.log_p, abs=1e-9)
        # The logits themselves differ by a constant among siblings.
        for below in tree.children:
            moved = [again.logits[child - 1] - example.logits[child - 1] for child in below]
            assert moved == pytest.approx([moved[0]] * len(moved) if moved else [], abs=1e-9)


def test_conditionals_by_name_and_the_rest_shared():
    example = Example.from_conditionals(RAGGED, {"A": 0.6, "b": 0.9}, "c")
    assert [round(p, 12) for p in example.p] == [1, 0.6, 0.5, 0.5, 0.9, 0.1, 0.4]
    assert example.target_name == "c"
    assert [RAGGED.nodes[node] for node in example.true_path] == ["root", "A", "B", "c"]


def test_a_random_example_is_the_seeds_and_lies_on_the_sliders():
    example = Example.random(RAGGED, 7)
    assert example == Example.random(RAGGED, 7)
    assert example != Example.random(RAGGED, 8)
    assert all(LOW <= logit <= HIGH and logit == on_slider(logit) for logit in example.logits)
    assert Example.random(RAGGED, 7, target=2).target == 2


def test_a_probability_of_0_has_a_stand_in():
    example = Example.from_leaf_probabilities(RAGGED, [1.0, 0.0, 0.0, 0.0], 0)
    assert example.leaf_probabilities[0] == pytest.approx(1)
    assert 0 < example.leaf_probabilities[3] < 1e-29


@pytest.mark.parametrize(
    "make",
    [
        lambda: Example(RAGGED, (0.0,) * 5, 0),
        lambda: Example(RAGGED, (float("nan"),) * 6, 0),
        lambda: Example(RAGGED, (1e5,) * 6, 0),
        lambda: Example(RAGGED, (0.0,) * 6, 4),
        lambda: Example.from_leaf_probabilities(RAGGED, [0.5, 0.5], 0),
        lambda: Example.from_leaf_probabilities(RAGGED, [0.5, 0.5, 0.5, 0.5], 0),
        lambda: Example.from_leaf_probabilities(RAGGED, [-0.5, 0.5, 0.5, 0.5], 0),
        lambda: Example.from_leaf_log_probs(RAGGED, [0.0, -math.inf, 0.0, 0.0], 0),
        lambda: Example.from_conditionals(RAGGED, {"A": 0.6, "d": 0.6}, "d"),
        lambda: Example.from_conditionals(RAGGED, {"nobody": 0.6}, "d"),
    ],
)
def test_what_is_no_example_is_refused_in_a_sentence(make):
    with pytest.raises(ConfigError, match=r"^[A-Z].*\.$"):
        make()


def test_changes_make_another_example():
    example = Example.level(RAGGED)
    assert example.with_logit(1, 2.0).logits == (2.0, 0, 0, 0, 0, 0)
    assert example.with_target(3).target_name == "d"
    assert example == Example.level(RAGGED)


def test_an_only_child_is_certain_whatever_its_logit():
    tree = LabelTree.from_edges([("root", "a"), ("a", "b"), ("a", "c")])
    assert Example(tree, (-9.0, 0.0, 0.0), 0).p[1] == 1
