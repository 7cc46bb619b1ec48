"""The lab's plots have the library's numbers."""

import pytest

from hierapp.lab import minimizer
from hierapp.lab.choices import LossChoice
from hierapp.lab.landscape import cut, plane
from hierapp.lab.stories import step
from hierapp.plots import lab as lab_plots


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
