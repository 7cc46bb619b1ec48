"""Curves that can be told apart."""

from types import SimpleNamespace

from hierapp.plots import curves
from hierapp.plots.core import COLORS
from hierapp.training import RunConfig


def runs(*kinds):
    """Runs of (loss, seed)."""
    made = [RunConfig.make(data="digits", tree="digits", loss=loss, seed=seed) for loss, seed in kinds]
    return [SimpleNamespace(id=str(place), config=config, tree_text="") for place, config in enumerate(made)]


def test_seeds_share_a_color_and_differ_in_dash_and_symbol():
    styles = curves.run_styles(runs(("hxe", 0), ("simloss", 0), ("hxe", 1)), {"0": "a", "1": "b", "2": "c"})
    assert (styles["a"].color, styles["a"].dash, styles["a"].symbol) == (COLORS[0], "solid", "circle")
    assert (styles["b"].color, styles["b"].dash) == (COLORS[1], "solid")
    assert (styles["c"].color, styles["c"].dash, styles["c"].symbol) == (COLORS[0], "dash", "diamond")


def test_as_many_runs_are_drawn_as_colors_and_dashes_tell_apart():
    many = runs(*(("hxe", seed) for seed in range(9)), ("simloss", 0))
    assert [run.id for run in curves.told_apart(many)] == ["3", "4", "5", "6", "7", "8", "9"]
    groups = runs(*(("hxe", seed) for seed in range(2)))
    for place in range(10):
        groups += [SimpleNamespace(id=f"x{place}", config=groups[0].config, tree_text=str(place))]
    drawn = curves.told_apart(groups)
    assert len(drawn) == len(COLORS)
    assert len({(style.color, style.dash) for style in curves.run_styles(drawn, {r.id: r.id for r in drawn}).values()})


def test_the_same_curves_say_so():
    line = [(1.0, 0.5), (2.0, 0.6)]
    lines = {"a": line, "b": list(line), "c": [(1.0, 0.5)], "d": [], "e": []}
    assert curves.twins(lines) == {"b": "a"}
    styles = {name: curves.Style("red", "dot", "circle") for name in lines}
    plot = curves.curves_plot(lines, "accuracy", styles)
    assert [trace.name for trace in plot.data] == ["a", "b, same as a", "c", "d", "e"]
    assert [trace.meta for trace in plot.data] == list(lines)
    assert plot.data[0].line.dash == "dot"


def test_the_zoom_stays_when_points_arrive():
    styles = {"a": curves.Style("red", "solid", "circle")}
    before, after = (curves.curves_plot({"a": [(1.0, 0.5)] * n}, "accuracy", styles) for n in (1, 2))
    assert before.layout.uirevision
    assert before.layout.uirevision == after.layout.uirevision


def test_of_a_long_curve_peaks_and_the_last_point_are_drawn_and_it_stays_as_it_is_when_points_arrive():
    points = [(float(epoch), 1.0 if epoch == 1234 else epoch % 7 / 10) for epoch in range(5_000)]
    thin = curves.thinned(points)
    assert len(thin) <= curves.MOST_POINTS + 1
    assert (1234.0, 1.0) in thin
    assert thin[-1] == points[-1]
    assert thin == sorted(thin)
    assert set(thin) <= set(points)
    more = curves.thinned([*points, (5_000.0, 0.5)])
    assert [point for point in more if point[0] < 4_900] == [point for point in thin if point[0] < 4_900]
    assert curves.thinned(points[:1_000]) == points[:1_000]
