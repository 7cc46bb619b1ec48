"""What the board is told, and the lab's plots: the library's numbers, and no more nodes than can be drawn."""

import json

import pytest

from hierapp.lab import minimizer
from hierapp.lab.choices import EVERY_DECODER, EVERY_LOSS, LossChoice
from hierapp.lab.descent import descend
from hierapp.lab.example import Example
from hierapp.lab.judgement import judge
from hierapp.lab.landscape import cut, plane
from hierapp.lab.stories import step
from hierapp.lab.trees import named
from hierapp.plots import lab as lab_plots
from hierapp.utils.numbers import number, signed
from pages.components.loss_board.contents import EVERY, MOST_ROWS, contents, frames

ALL = ("tree", "losses", "formulas", "decoders")
SCENE = step("cat-truck", 1).example()


def test_cards_say_what_the_losses_say_and_gradients_are_those_of_finite_differences():
    told = contents(SCENE, EVERY_LOSS, EVERY_DECODER, ALL)
    for card, choice in zip(told["losses"], EVERY_LOSS, strict=True):
        said = judge(SCENE, choice)
        assert card["value"] == number(said.value)
        for bar in card["bars"]:
            slope = said.gradient[bar["node"]]
            assert bar["text"] == ("" if slope is None else signed(slope))
            if said.reads == "nodes" and bar["node"]:  # the scene has no logit for the root, which is 0
                up, down = (
                    judge(SCENE.with_logit(bar["node"], SCENE.logits[bar["node"] - 1] + by), choice).value
                    for by in (1e-5, -1e-5)
                )
                assert bar["slope"] == pytest.approx((up - down) / 2e-5, abs=1e-7)
    assert told["scale"] == max(abs(bar["slope"] or 0) for card in told["losses"] for bar in card["bars"])
    assert told["tree"]["marks"] == {
        "0": "climb",
        "1": "threshold, min-cost",
        "2": "top-down, min-risk, hf-beta",
        "6": "leaf, parent-weighted",
    }
    json.dumps(told)


def test_a_nodes_formulas_have_its_numbers_put_in():
    look = contents(SCENE, [LossChoice("conditional")], (), ("tree",), look=2)["look"]
    lines = {line["title"]: line["text"] for line in look["lines"]}
    assert lines["z"] == "z = 0.6 · 0.4 = 0.24"
    assert lines["p"].endswith("= 0.4")
    assert "−log p(v) = −log 0.4 = 0.916" in lines["Conditional"]
    assert "gradient −0.6" in lines["Conditional"]
    truck = contents(SCENE, [LossChoice("conditional")], (), ("tree",), look=6)["look"]["lines"][-1]["text"]
    assert truck == "no gradient on this logit"
    assert contents(SCENE, (), (), ("tree",), look=99)["look"] is None


def test_of_a_large_tree_the_true_path_and_what_was_predicted_are_drawn():
    example = Example.random(named("cifar100-flat"), 3)
    told = contents(example, EVERY_LOSS, EVERY_DECODER, ALL)
    rows = told["tree"]["rows"]
    assert len(rows) <= MOST_ROWS
    assert {*example.true_path, *map(int, told["tree"]["marks"])} <= set(rows)
    assert all(example.tree.parents[node] in rows for node in rows[1:])
    assert told["tree"]["hidden"] == len(example.tree.nodes) - len(rows)


def test_a_loss_that_the_tree_does_not_allow_has_its_reason():
    choice = LossChoice.of("level-wise", {"weights": "1,1,1,1,1,1"})
    (card,) = contents(SCENE, [choice], (), ALL)["losses"]
    assert card["refused"].endswith(".")


def test_a_descent_is_played_without_its_end():
    found = descend(SCENE, LossChoice("conditional"), steps=10)
    played = frames(found, [LossChoice("conditional")], (), ("tree", "losses"))
    assert [frame["tree"]["logits"][1] for frame in played] == [each.logits[0] for each in found.examples[:-1][::EVERY]]


def test_the_slice_shows_where_the_curve_is_above_its_chord_and_the_surface_its_values():
    at = step("convex", 3)
    line = cut(at.example(), at.second_example(), at.losses[0], at.space)
    chord, curve, above = lab_plots.slice_plot(line).data
    assert list(curve.y) == list(line.curve)
    assert list(chord.y) == list(line.chord)
    assert above.y[1] - above.y[0] == pytest.approx(line.excess)
    assert len(lab_plots.slice_plot(cut(at.example(), at.second_example(), LossChoice("conditional"))).data) == 2
    surface = plane(at.example(), at.second_example(), at.third_example(), at.losses[0], at.space, 5)
    assert [tuple(row) for row in lab_plots.surface_plot(surface).data[0].z] == list(surface.values)


def test_the_minimizer_walks_off_the_truth():
    walked = minimizer.walk(targets="leaf")
    line = lab_plots.walk_plot(walked, "d", 2).data[1]
    assert (round(line.y[0], 3), round(line.y[2], 2), round(line.y[6], 3)) == (0.25, 0.61, 0.735)
    assert line.marker.size[2] > line.marker.size[1]
    told, least = lab_plots.minimizer_plot(walked[2]).data
    assert list(told.y) == [0.25] * 4
    assert list(least.y) == list(walked[2].probabilities)
