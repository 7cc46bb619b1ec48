import math

import pytest
import torch
from hypothesis import given, settings, strategies as st

from hierapp import LabelTree, make_loss
from hierapp.errors import ConfigError
from hierapp.lab.example import HIGH, LOW, Scene, on_slider
from tests.losses.literal import RAGGED
from tests.strategies import trees


@settings(max_examples=60)
@given(tree=trees(max_nodes=40), seed=st.integers(0, 2**31))
def test_probabilities_are_the_librarys(tree, seed):
    scene = Scene.random(tree, seed)
    loss = make_loss("conditional", tree)
    nodes = loss.node_log_probs(torch.tensor([scene.logits], dtype=torch.float64))[0]
    assert list(scene.log_z) == pytest.approx(nodes.tolist(), abs=1e-9)
    assert math.fsum(scene.leaf_probabilities) == pytest.approx(1)


@settings(max_examples=60)
@given(tree=trees(max_nodes=40), seed=st.integers(0, 2**31))
def test_leaf_probabilities_go_to_node_logits_and_back(tree, seed):
    scene = Scene.random(tree, seed)
    for again in (
        Scene.from_leaf_probabilities(tree, scene.leaf_probabilities, scene.target),
        Scene.from_leaf_log_probs(tree, [each + 5 for each in scene.leaf_log_probs], scene.target),
    ):
        assert list(again.log_p) == pytest.approx(scene.log_p, abs=1e-9)
        # The logits themselves differ by a constant among siblings.
        for below in tree.children:
            moved = [again.logits[child - 1] - scene.logits[child - 1] for child in below]
            assert moved == pytest.approx([moved[0]] * len(moved) if moved else [], abs=1e-9)


def test_conditionals_by_name_and_the_rest_shared():
    scene = Scene.from_conditionals(RAGGED, {"A": 0.6, "b": 0.9}, "c")
    assert [round(p, 12) for p in scene.p] == [1, 0.6, 0.5, 0.5, 0.9, 0.1, 0.4]
    assert scene.target_name == "c"
    assert [RAGGED.nodes[node] for node in scene.true_path] == ["root", "A", "B", "c"]


def test_a_random_scene_is_the_seeds_and_lies_on_the_sliders():
    scene = Scene.random(RAGGED, 7)
    assert scene == Scene.random(RAGGED, 7)
    assert scene != Scene.random(RAGGED, 8)
    assert all(LOW <= logit <= HIGH and logit == on_slider(logit) for logit in scene.logits)
    assert Scene.random(RAGGED, 7, target=2).target == 2


def test_a_probability_of_0_has_a_stand_in():
    scene = Scene.from_leaf_probabilities(RAGGED, [1.0, 0.0, 0.0, 0.0], 0)
    assert scene.leaf_probabilities[0] == pytest.approx(1)
    assert 0 < scene.leaf_probabilities[3] < 1e-29


@pytest.mark.parametrize(
    "make",
    [
        lambda: Scene(RAGGED, (0.0,) * 5, 0),
        lambda: Scene(RAGGED, (float("nan"),) * 6, 0),
        lambda: Scene(RAGGED, (1e5,) * 6, 0),
        lambda: Scene(RAGGED, (0.0,) * 6, 4),
        lambda: Scene.from_leaf_probabilities(RAGGED, [0.5, 0.5], 0),
        lambda: Scene.from_leaf_probabilities(RAGGED, [0.5, 0.5, 0.5, 0.5], 0),
        lambda: Scene.from_leaf_probabilities(RAGGED, [-0.5, 0.5, 0.5, 0.5], 0),
        lambda: Scene.from_leaf_log_probs(RAGGED, [0.0, -math.inf, 0.0, 0.0], 0),
        lambda: Scene.from_conditionals(RAGGED, {"A": 0.6, "d": 0.6}, "d"),
        lambda: Scene.from_conditionals(RAGGED, {"nobody": 0.6}, "d"),
    ],
)
def test_what_is_no_scene_is_refused_in_a_sentence(make):
    with pytest.raises(ConfigError, match=r"^[A-Z].*\.$"):
        make()


def test_changes_make_another_scene():
    scene = Scene.level(RAGGED)
    assert scene.with_logit(1, 2.0).logits == (2.0, 0, 0, 0, 0, 0)
    assert scene.with_target(3).target_name == "d"
    assert scene == Scene.level(RAGGED)


def test_an_only_child_is_certain_whatever_its_logit():
    tree = LabelTree.from_edges([("root", "a"), ("a", "b"), ("a", "c")])
    assert Scene(tree, (-9.0, 0.0, 0.0), 0).p[1] == 1
