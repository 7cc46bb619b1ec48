"""Curves of runs over the epochs: a color for each configuration, a dash for each seed. Pure: data in, plot out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from hierapp.plots.core import COLORS, epoch_axis, framed, plain
from hierapp.runs import Run

Points = Sequence[tuple[float, float]]

MOST_MARKERS = 60  # points of a curve; browsers take long to draw more
MOST_POINTS = 1_000  # points of a line on a page that refreshes
MOST_ABOVE = 8  # names in the legend above the plot; of more it is below
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
SYMBOLS = ("circle", "diamond", "square", "triangle-up", "x", "cross")  # of the dots of runs, in the order of DASHES


@dataclass(frozen=True)
class Style:
    """How the lines and dots of one run look."""

    color: str
    dash: str
    symbol: str


def told_apart(runs: Sequence[Run]) -> list[Run]:
    """Return the runs whose lines can be told apart, in their order.

    Of more configurations than there are colors, these are the latest ones; of each the latest seeds, as many as there
    are dashes.
    """
    kept: dict[str, int] = {}
    found = []
    for run in reversed(runs):
        group = _group(run)
        if kept.get(group, 0) < len(DASHES) and (group in kept or len(kept) < len(COLORS)):
            kept[group] = kept.get(group, 0) + 1
            found.append(run)
    return found[::-1]


def run_styles(runs: Sequence[Run], names: Mapping[str, str]) -> dict[str, Style]:
    """Return the look of each run by its name: runs that differ only in seed and device share a color and differ in
    dash and symbol."""
    seen: dict[str, int] = {}
    styles = {}
    for run in runs:
        group = _group(run)
        place = seen[group] = seen.get(group, -1) + 1
        styles[names[run.id]] = Style(
            COLORS[list(seen).index(group) % len(COLORS)], DASHES[place % len(DASHES)], SYMBOLS[place % len(SYMBOLS)]
        )
    return styles


def twins(curves: Mapping[str, Points]) -> dict[str, str]:
    """Return, for each curve that is the same as an earlier one, the name of that one."""
    first: dict[tuple[tuple[float, float], ...], str] = {}
    found = {}
    for name, points in curves.items():
        earlier = first.setdefault(tuple(points), name) if points else name
        if earlier != name:
            found[name] = earlier
    return found


def thinned(points: Points, most: int = MOST_POINTS) -> Points:
    """Return no more than about `most` of the points: the lowest and the highest of each stretch, and the last.

    The length of a stretch is a power of two, so that the line does not change where no points are added.

    >>> thinned([(epoch, epoch % 4) for epoch in range(9)], most=6)
    [(0, 0), (3, 3), (4, 0), (7, 3), (8, 0)]
    """
    if len(points) <= most:
        return points
    size = 2
    while 2 * len(points) > most * size:
        size *= 2
    kept: list[tuple[float, float]] = []
    for start in range(0, len(points), size):
        stretch = points[start : start + size]
        kept += sorted({min(stretch, key=_value), max(stretch, key=_value)})
    return kept if kept[-1] == points[-1] else [*kept, points[-1]]


def curves_plot(
    curves: Mapping[str, Points], what: str, styles: Mapping[str, Style], percent: bool = False
) -> go.Figure:
    """Return one line per run over the epochs, whose `meta` is the name of the run.

    The keys of `curves` and `styles` are the labels of the runs. The legend says which curves are the same, because
    only the last one of them is visible.
    """
    plot = go.Figure()
    same = twins(curves)
    for name, points in curves.items():
        style = styles[name]
        plot.add_scatter(
            x=[epoch for epoch, _ in points],
            y=[value for _, value in points],
            name=plain(f"{name}, same as {same[name]}" if name in same else name),
            meta=plain(name),
            mode="lines+markers" if len(points) < MOST_MARKERS else "lines",
            marker={"size": 5, "color": style.color},
            line={"width": 2, "color": style.color, "dash": style.dash},
            hovertemplate="epoch %{x:.4g}: %{y:" + (".1%" if percent else ".4f") + "}",
        )
    plot.update_layout(hovermode="x unified")
    epoch_axis(plot)
    plot.update_yaxes(title=what, tickformat=".0%" if percent else None)
    # A legend with many lines must neither compress the plot nor push it down.
    plot = framed(plot, height=340 + 10 * max(0, len(curves) - 4))
    if len(curves) > MOST_ABOVE:
        plot.update_layout(legend={"yanchor": "top", "y": -0.2, "maxheight": 0.8})
    return plot


def _value(point: tuple[float, float]) -> float:
    return point[1]


def _group(run: Run) -> str:
    return run.config.model_dump_json(exclude={"seed", "device"}) + run.tree_text
