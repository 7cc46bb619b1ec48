"""Figures of a search, pure: trials in, figure out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from hierapp.figures import COLORS, framed, plain
from hierapp.search.plan import Metric
from hierapp.search.report import text
from hierapp.search.space import Dimension
from hierapp.search.trials import Trial

NONE = "–"  # where a parameter says nothing beside the others
NONE_SHARE = 0.15  # of an axis, below its least value, lies that
TICKS = 5  # of an axis of numbers
FEW_TICKS = 8  # of an axis of whole numbers, each of which has one
LOOKS = {"finished": (COLORS[0], "circle"), "pruned": (COLORS[1], "x"), "others": (COLORS[7], "circle-open")}


def best_figure(trials: Sequence[Trial], best: Sequence[tuple[int, float]], metric: Metric) -> go.Figure:
    """A point a trial, the pruned ones as crosses, and a line of the best value so far."""
    form = ".2%" if metric.percent else ".4f"
    figure = go.Figure()
    for what, (color, symbol) in LOOKS.items():
        shown = [
            trial
            for trial in trials
            if trial.value is not None and (trial.state == what or (what == "others" and trial.state not in LOOKS))
        ]
        if shown:
            figure.add_scatter(
                x=[trial.number for trial in shown],
                y=[trial.value for trial in shown],
                text=[_said(trial) for trial in shown],
                name=what if what != "others" else "going on, or ended early",
                mode="markers",
                marker={"color": color, "symbol": symbol, "size": 9},
                hovertemplate="trial %{x}: %{y:" + form + "}<br>%{text}<extra></extra>",
            )
    if best:
        figure.add_scatter(
            # To the last trial: it is still the best.
            x=[*(number for number, _ in best), max(trial.number for trial in trials)],
            y=[*(value for _, value in best), best[-1][1]],
            name="best so far",
            mode="lines",
            line={"color": COLORS[2], "width": 2, "shape": "hv"},
            hoverinfo="skip",
        )
    figure.update_xaxes(title="trial", rangemode="tozero", tickformat="d")
    figure.update_yaxes(title=metric.title, tickformat=".0%" if metric.percent else None)
    return framed(figure, height=360)


def importance_figure(importances: Mapping[str, float]) -> go.Figure:
    """A bar a parameter, the most important one on top."""
    names = [plain(name) for name in importances]
    figure = go.Figure(
        go.Bar(
            x=list(importances.values()),
            y=names,
            orientation="h",
            marker_color=COLORS[0],
            text=[f"{share:.0%}" for share in importances.values()],
            hovertemplate="%{y}: %{x:.1%}<extra></extra>",
        )
    )
    figure.update_xaxes(tickformat=".0%", rangemode="tozero")
    figure.update_yaxes(autorange="reversed", automargin=True, type="category")
    return framed(figure, height=90 + 34 * len(names), showlegend=False)


def parallel_figure(trials: Sequence[Trial], dimensions: Sequence[Dimension], metric: Metric) -> go.Figure:
    """A line a trial through the values that it tried, coloured by what came of it; the best are drawn last.

    Args:
        trials: those whose value counts; one at least.
        dimensions: what varies.
        metric: what the value is.
    """
    values = [float(trial.value or 0.0) for trial in trials]
    order = sorted(range(len(trials)), key=lambda at: values[at] if metric.more_is_better else -values[at])
    drawn, reached = [trials[at] for at in order], [values[at] for at in order]
    axes = [_axis(dimension, [trial.params.get(dimension.name) for trial in drawn]) for dimension in dimensions]
    figure = go.Figure(
        go.Parcoords(
            line={"color": reached, "coloraxis": "coloraxis"},
            dimensions=[
                *axes,
                {"label": metric.title, "values": reached, "tickformat": ".1%" if metric.percent else ""},
            ],
            labelangle=-12,
            labelside="bottom",
        )
    )
    # The last axis says what a colour means; the worst is not the scale's end, which is the colour of the page.
    worst, top = (min(values), max(values)) if metric.more_is_better else (max(values), min(values))
    far = (top - worst) or 1.0
    figure.update_coloraxes(
        cmin=min(worst - far / 2, top), cmax=max(worst - far / 2, top), reversescale=far < 0, showscale=False
    )
    framed(figure, height=440, showlegend=False)
    return figure.update_layout(margin={"l": 70, "r": 60, "t": 30, "b": 90})


def _axis(dimension: Dimension, tried: Sequence[object]) -> dict[str, Any]:
    """One axis: of several by their order, of numbers as they vary, with a place below for those that say nothing."""
    ticks: dict[float, str]
    if dimension.choices:
        places = {choice: float(at) for at, choice in enumerate(dimension.choices)}
        ticks = {place: text(choice) for choice, place in places.items()}
        low, high = 0.0, float(len(places) - 1)
        values = [None if value is None else places[value] for value in tried]  # type: ignore[index] # a choice
    else:
        low, high = _place(dimension, dimension.low), _place(dimension, dimension.high)
        values = [None if value is None else _place(dimension, float(value)) for value in tried]  # type: ignore[arg-type] # a number
        ticks = _ticks(dimension, low, high)
    below = low - NONE_SHARE * (high - low)
    if None in values:
        ticks, low = {below: NONE, **ticks}, below
    return {
        "label": dimension.title,
        "values": [below if value is None else value for value in values],
        "range": [low, high],
        "tickvals": list(ticks),
        "ticktext": list(ticks.values()),
    }


def _place(dimension: Dimension, value: float) -> float:
    return math.log10(value) if dimension.log else float(value)


def _ticks(dimension: Dimension, low: float, high: float) -> dict[float, str]:
    count = int(dimension.high - dimension.low) + 1
    if dimension.whole and not dimension.log and count <= FEW_TICKS:
        return {dimension.low + at: f"{dimension.low + at:g}" for at in range(count)}
    places = [low + (high - low) * at / (TICKS - 1) for at in range(TICKS)]
    return {place: f"{10**place if dimension.log else place:.2g}" for place in places}


def _said(trial: Trial) -> str:
    return "<br>".join(plain(f"{name} {text(value)}") for name, value in trial.params.items())
