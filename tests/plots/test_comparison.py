"""Figures of groups against each other say what they were given."""

from __future__ import annotations

import numpy as np
import pytest

from hierapp.analysis.comparison import Band
from hierapp.analysis.reevaluation import Reliability
from hierapp.metrics.operating import OperatingCurve
from hierapp.plots.comparison import bands_plot, colors_of, dots_plot, heights_plot, severity_plot
from hierapp.plots.confusion import node_confusion_plot
from hierapp.plots.outputs import levels_plot, operating_plot, reliability_plot
from hierapp.trees import LabelTree

COLORS = colors_of(["one", "a<b"])


def test_a_band_only_where_there_are_seeds():
    mean, deviation = np.array([1.0, 2.0]), np.array([0.5, 0.25])
    alone = Band([1.0, 2.0], mean, np.full(2, np.nan), 1)
    plot = bands_plot({"one": Band([1.0, 2.0], mean, deviation, 3), "a<b": alone}, "loss", COLORS)
    band, line, other = plot.data
    assert list(band.y) == [1.5, 2.25, 1.75, 0.5]
    assert list(line.y) == [1.0, 2.0]
    assert (other.name, "±" in other.hovertemplate, "±" in line.hovertemplate) == ("a&lt;b", False, True)


def test_a_dot_a_run_and_a_diamond_a_setting():
    plot = severity_plot({"one": [("1", 0.5, 2.0), ("2", 0.7, 1.0)], "a<b": []}, COLORS, 3.0)
    dots, mean = plot.data
    assert (list(dots.x), list(dots.y), list(dots.customdata)) == ([0.5, 0.7], [2.0, 1.0], ["1", "2"])
    assert (mean.x[0], mean.y[0]) == (0.6, 1.5)
    assert plot.layout.shapes[0].y0 == 3.0


@pytest.mark.parametrize(("random_mistake", "said"), [(3.1, "↑ random mistakes, 3.100"), (-0.5, "↓ random mistakes")])
def test_random_mistakes_that_are_far_away_are_said_and_not_drawn(random_mistake, said):
    plot = severity_plot({"one": [("1", 0.5, 2.0), ("2", 0.7, 1.0)]}, COLORS, random_mistake)
    assert not plot.layout.shapes
    assert plot.layout.annotations[0].text.startswith(said)


def test_a_line_at_the_mean_of_the_seeds():
    plot = dots_plot({"one": {0: 1.0, 5: 2.0}}, "accuracy", COLORS)
    assert (list(plot.data[0].customdata), plot.layout.shapes[0].x0) == ([0, 5], 1.5)


def test_bars_of_different_heights_stand_together():
    plot = heights_plot({"one": [0.25, 0.75], "a<b": [1.0]})
    assert [list(bar.x) for bar in plot.data] == [[0.25, 1.0], [0.75, 0.0]]


def test_a_ring_stands_at_the_threshold():
    values = np.array([[0.0, 0.5, 1.0], [0.6, 0.8, 1.0], [2.0, 1.0, 0.0], [3.0, 2.0, 1.0], [1.0, 1.0, 1.0]])
    line, ring = operating_plot({"one": OperatingCurve(*values)}, COLORS, at=0.55).data
    assert (list(line.x), ring.x[0], ring.y[0]) == ([3.0, 2.0, 1.0], 2.0, 0.8)


def test_levels_are_the_mean_of_the_seeds_in_each_plot():
    names = ("level_marginal_accuracy", "level_log_loss", "level_calibration_error")
    seeds = [dict(zip(names, ([0.8, 0.4], [1.0, 2.0], [0.0, low]), strict=True)) for low in (0.1, 0.3)]
    plot = levels_plot({"one": seeds}, COLORS)
    assert [(list(line.x), list(line.y)) for line in plot.data] == [
        ([1, 2], [0.8, 0.4]),
        ([1, 2], [1.0, 2.0]),
        ([1, 2], [0.0, 0.2]),
    ]
    assert [line.showlegend for line in plot.data] == [True, False, False]
    assert [axis.title.text for axis in plot.select_yaxes()] == ["accuracy", "log loss (nats)", "calibration error"]


def test_reliability_pools_the_seeds_by_their_images():
    nan = np.nan
    one = Reliability(np.array([1, 0]), np.array([0.4, nan]), np.array([0.0, nan]), 0.4)
    two = Reliability(np.array([3, 0]), np.array([0.2, nan]), np.array([1.0, nan]), 0.8)
    _, dots = reliability_plot({"one": [one, two]}, COLORS).data
    assert (list(dots.x), list(dots.y)) == ([0.25], [0.75])
    assert "0.600" in dots.name


def test_each_cell_of_the_matrix_is_a_point_that_can_be_selected():
    tree = LabelTree.from_edges([("root", "animal"), ("animal", "cat"), ("animal", "dog"), ("root", "truck")])
    counts = np.array([[17, 3], [3, 7]])
    plot = node_confusion_plot(counts, counts / counts.sum(1, keepdims=True), tree, [1, 4], chosen=(0, 1))
    heat, points = plot.data
    assert heat.z[0][1] == 0.15
    assert [tuple(row) for row in points.customdata][1] == ("animal", "truck", 3, 0.15)
    assert (points.x[1], points.y[1]) == (1, 0)
    assert list(plot.layout.xaxis.ticktext) == ["+ animal", "truck"]
    assert [shape.type for shape in plot.layout.shapes] == ["line", "line", "rect"]
