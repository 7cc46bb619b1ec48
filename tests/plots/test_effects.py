"""Plots of differences with intervals."""

from __future__ import annotations

import pytest

from hierapp.plots.effects import Effect, effects_plot

SHOWN = Effect("hxe", 0.02, 0.015, 0.03, True, "hxe is higher")
UNDECIDED = Effect("level-wise", -0.001, -0.004, 0.002, False, "undecided <b>")
CONSTANT = Effect("same", 0.0, None, None, False, "the same")


def test_each_difference_has_a_row_with_its_interval():
    plot = effects_plot([SHOWN, UNDECIDED, CONSTANT], "difference in accuracy", 0.005)
    shown, other = plot.data
    assert (list(shown.x), list(shown.y)) == ([0.02], [0])
    assert (list(other.x), list(other.y)) == ([-0.001, 0.0], [1, 2])
    assert shown.error_x.array[0] == pytest.approx(0.01)
    assert shown.error_x.arrayminus[0] == pytest.approx(0.005)
    assert (other.error_x.array[1], other.error_x.arrayminus[1]) == (0, 0)
    assert list(plot.layout.yaxis.ticktext) == ["hxe", "level-wise", "same"]


def test_the_margin_of_equivalence_is_shaded_on_both_sides_of_zero():
    plot = effects_plot([SHOWN], "difference", 0.005)
    band = next(shape for shape in plot.layout.shapes if shape.type == "rect")
    assert (band.x0, band.x1) == (-0.005, 0.005)


def test_sentences_are_not_read_as_html():
    plot = effects_plot([UNDECIDED], "difference", 0.005)
    assert "<b>" not in plot.data[0].customdata[0]
