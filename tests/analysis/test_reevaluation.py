"""Metrics anew from stored outputs, under other trees and decoders."""

from __future__ import annotations

import numpy as np
import pytest

from hierapp.analysis import reevaluation
from hierapp.analysis.reevaluation import mean_operating, on_tree, operating, reevaluate, reliability
from hierapp.decoding.decoders import decode_probabilities
from hierapp.errors import TreeError
from hierapp.metrics import level_report, probability_report
from hierapp.training.predictions import Outputs
from hierapp.trees import LabelTree

TREE = LabelTree.from_edges([("root", "animal"), ("animal", "cat"), ("animal", "dog"), ("root", "truck")])
# Another order of the leaves, and other neighbors.
OTHER = LabelTree.from_edges([("root", "dog"), ("root", "big"), ("big", "truck"), ("big", "cat")])


def said(rows, target, classes=("cat", "dog", "truck")):
    return Outputs(np.array(rows, np.float16), np.array(target, np.int32), classes, "digits", 1)


FOUR = said([[0.5, 0.25, 0.25], [0.5, 0.375, 0.125], [0.25, 0.25, 0.5], [0.375, 0.125, 0.5]], [0, 1, 2, 0])


def test_classes_are_matched_by_name():
    given = on_tree(FOUR, OTHER)  # dog, truck, cat
    assert given.p[0].tolist() == [0.25, 0.25, 0.5]
    assert given.target.tolist() == [2, 0, 1, 2]


def test_the_likeliest_class_under_two_trees():
    # Right, a dog as a cat, right, a cat as a truck.
    under = reevaluate(FOUR, TREE)
    assert (under["accuracy"], under["mean_distance"], under["severity"]) == (0.5, 0.75, 1.5)
    assert under["mistakes_by_height"] == [1, 1]
    other = reevaluate(FOUR, OTHER)
    assert (other["accuracy"], other["mean_distance"], other["severity"]) == (0.5, 0.75, 1.5)
    assert other["mistakes_by_height"] == [1, 1]
    assert other["class_accuracy"] == [0.0, 1.0, 0.5]


def test_from_the_top_down_the_cat_is_an_animal_again():
    # Animals have 0.75, 0.875, 0.5, 0.5: of equals the first, so that the last two are taken for cats.
    assert reevaluate(FOUR, TREE, "top-down")["accuracy"] == 0.5
    assert reevaluate(FOUR, TREE, "top-down")["class_accuracy"] == [1.0, 0.0, 0.0]


def test_the_threshold_decoder_has_the_figures_of_nodes():
    found = reevaluate(FOUR, TREE, "threshold", threshold=0.75)
    # Animal, animal, root, root: all right, none a class.
    assert (found["correct"], found["leaves"], found["mean_depth"], found["accuracy"]) == (1.0, 0.0, 1.5, 0.0)


@pytest.mark.parametrize("rule", ["min-cost", "hf-beta", "climb"])
def test_decoders_of_inner_nodes_have_the_figures_of_nodes(rule):
    found = reevaluate(FOUR, TREE, rule)
    assert found["correct"] == sum(is_right(node, y) for node, y in zip(nodes_of(rule), FOUR.target, strict=True)) / 4


def nodes_of(rule):
    return decode_probabilities(on_tree(FOUR, TREE).p, TREE, rule).tolist()


def is_right(node, leaf):
    return node in TREE.path(int(TREE.leaf_nodes[leaf]))


def test_the_operating_curve_has_the_figures_of_climb_at_each_threshold():
    curve = operating(FOUR, TREE)
    for number, threshold in enumerate(curve.thresholds.tolist()):
        found = reevaluate(FOUR, TREE, "climb", threshold=threshold)
        assert curve.correct[number] == found["correct"]
        assert curve.depth[number] == found["mean_depth"]
        assert curve.leaves[number] == found["leaves"]
    assert (curve.correct[-1], curve.depth[-1], curve.specificity[-1]) == (1.0, 1.0, 0.0)


def test_the_mean_of_operating_curves_is_at_common_thresholds():
    curves = [operating(FOUR, TREE), operating(said([[0.8, 0.1, 0.1]], [1]), TREE)]
    mean = mean_operating(curves)
    assert mean.thresholds.tolist() == sorted({*curves[0].thresholds, *curves[1].thresholds})
    for number, threshold in enumerate(mean.thresholds):
        each = [curve.at_thresholds([threshold]) for curve in curves]
        assert mean.correct[number] == np.mean([one.correct[0] for one in each])
        assert mean.depth[number] == np.mean([one.depth[0] for one in each])
    assert len(mean_operating(curves, points=3).thresholds) == 3


def test_reliability_by_hand():
    # Confidences 0.5 (right, wrong, right, wrong): one bin, half of them right.
    found = reliability(FOUR, bins=2)
    assert found.count.tolist() == [0, 4]
    assert (found.confidence[1], found.accuracy[1], found.error) == (0.5, 0.5, 0.0)
    sure = reliability(said([[1, 0, 0], [1, 0, 0]], [0, 1]), bins=4)
    assert (sure.count.tolist(), sure.error) == ([0, 0, 0, 2], 0.5)


def test_its_error_is_that_of_the_probability_report():
    draw = np.random.default_rng(0)
    given = said(draw.dirichlet(np.ones(3), 200), draw.integers(0, 3, 200))
    expected = probability_report(given.log_probs(), given.target, TREE)["calibration_error"]
    assert reliability(given).error == pytest.approx(expected, abs=1e-6)


def test_a_tree_over_other_classes_is_refused():
    with pytest.raises(TreeError, match="does not fit"):
        reevaluate(FOUR, LabelTree.from_edges([("root", "cat"), ("root", "dog")]))


@pytest.mark.parametrize("rows", [1, 7, 300])
def test_in_blocks_of_rows_everything_is_the_same(monkeypatch, rows):
    draw = np.random.default_rng(0)
    outputs = said(draw.dirichlet([1, 1, 1], 20), draw.integers(0, 3, 20))

    def figures():
        decoded = [reevaluate(outputs, TREE, rule, temperature=1.5) for rule in ("leaf", "min-risk", "climb")]
        return decoded, reliability(outputs), operating(outputs, TREE)

    whole = figures()
    monkeypatch.setattr(reevaluation, "BLOCK", 3 * rows)
    blocks = figures()
    assert blocks[0] == whole[0]
    for found, expected in zip(blocks[1:], whole[1:], strict=True):
        for name, value in vars(expected).items():
            np.testing.assert_allclose(getattr(found, name), value, rtol=1e-12, err_msg=name)


def test_levels_of_blocks_are_those_of_all_rows(monkeypatch):
    generator = np.random.default_rng(0)
    outputs = said(generator.dirichlet(np.ones(3), 50), generator.integers(0, 3, 50))
    given = on_tree(outputs, TREE)
    expected = level_report(np.log(given.p), given.target, TREE)
    monkeypatch.setattr(reevaluation, "BLOCK", 9)
    found = reevaluation.levels(outputs, TREE)
    assert set(found) == set(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-12)


def test_without_a_row_there_are_metrics():
    none = said(np.zeros((0, 3)), [])
    assert reevaluate(none, TREE, "min-risk")["samples"] == 0
