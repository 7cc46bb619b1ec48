"""Plots of a search. Pure: trials in, plot out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from hierapp.plots.comparison import REFERENCE, clear
from hierapp.plots.core import COLORS, framed, plain
from hierapp.search.plan import Metric
from hierapp.search.report import text
from hierapp.search.space import Dimension
from hierapp.search.trials import Trial

NONE = "–"  # where a parameter does not apply, given the others
NONE_SHARE = 0.15  # the share of an axis, at its lower end, for NONE
LEAST_SEEN = 0.2  # opacity of the worst line
TICKS = 5  # of a continuous axis
FEW_TICKS = 8  # of an integer axis with one tick per value
LOOKS = {"finished": (COLORS[0], "circle"), "pruned": (COLORS[1], "x"), "others": (COLORS[7], "circle-open")}


def best_plot(trials: Sequence[Trial], best: Sequence[tuple[int, float]], metric: Metric) -> go.Figure:
    """Return one point per trial, with crosses for pruned ones, and a line of the best value so far."""
    form = ".2%" if metric.percent else ".4f"
    plot = go.Figure()
    for what, (color, symbol) in LOOKS.items():
        shown = [
            trial
            for trial in trials
            if trial.value is not None and (trial.state == what or (what == "others" and trial.state not in LOOKS))
        ]
        if shown:
            plot.add_scatter(
                x=[trial.number for trial in shown],
                y=[trial.value for trial in shown],
                text=[_said(trial) for trial in shown],
                name=what if what != "others" else "running, or stopped early",
                mode="markers",
                marker={"color": color, "symbol": symbol, "size": 9},
                hovertemplate="trial %{x}: %{y:" + form + "}<br>%{text}<extra></extra>",
            )
    if best:
        plot.add_scatter(
            # Extend to the last trial: the value is still the best.
            x=[*(number for number, _ in best), max(trial.number for trial in trials)],
            y=[*(value for _, value in best), best[-1][1]],
            name="best so far",
            mode="lines",
            line={"color": COLORS[2], "width": 2, "shape": "hv"},
            hoverinfo="skip",
        )
    ends = (
        [min(trial.number for trial in trials) - 0.5, max(trial.number for trial in trials) + 0.5] if trials else None
    )
    plot.update_xaxes(title="trial", range=ends, dtick=max(1, len(trials) // 10))
    plot.update_yaxes(title=metric.title, tickformat=".0%" if metric.percent else None)
    return framed(plot, height=360)


def importance_plot(importances: Mapping[str, float]) -> go.Figure:
    """Return one bar per parameter, the most important one on top."""
    names = [plain(name) for name in importances]
    plot = go.Figure(
        go.Bar(
            x=list(importances.values()),
            y=names,
            orientation="h",
            marker_color=COLORS[0],
            text=[f"{share:.0%}" for share in importances.values()],
            hovertemplate="%{y}: %{x:.1%}<extra></extra>",
        )
    )
    plot.update_xaxes(tickformat=".0%", rangemode="tozero")
    plot.update_yaxes(autorange="reversed", automargin=True, type="category")
    return framed(plot, height=90 + 34 * len(names), showlegend=False)


def parallel_plot(trials: Sequence[Trial], dimensions: Sequence[Dimension], metric: Metric) -> go.Figure:
    """Return parallel coordinates: one line per trial through its parameter values to its result on the last axis.

    The better the result, the more opaque the line; the best one has the color of `best_plot`'s line. The plot
    consists of SVG lines because Plotly's own parallel coordinates need WebGL, which some browsers lack.

    Args:
        trials: the trials whose value counts; at least one.
        dimensions: the dimensions that vary.
        metric: the metric of the values.
    """
    reached = [float(trial.value or 0.0) for trial in trials]
    low, high = min(reached), max(reached)
    goodness = [((value - low) if metric.more_is_better else (high - value)) / ((high - low) or 1) for value in reached]
    form = ".1%" if metric.percent else ".3f"
    axes = [_axis(dimension, trials) for dimension in dimensions]
    places = [_within(value, low, high) for value in reached]
    axes.append(Axis(metric.title, places, {0.0: f"{low:{form}}", 1.0: f"{high:{form}}"} if high > low else {}))
    plot = go.Figure()
    order = sorted(range(len(trials)), key=lambda at: goodness[at])
    for at in order:
        is_best = at == order[-1]
        color = COLORS[2] if is_best else clear(COLORS[0], LEAST_SEEN + (1 - LEAST_SEEN) * goodness[at])
        plot.add_scatter(
            x=list(range(len(axes))),
            y=[axis.places[at] for axis in axes],
            mode="lines+markers",
            line={"color": color, "width": 3 if is_best else 1.5},
            marker={"color": color, "size": 7},
            hovertemplate=f"trial {trials[at].number}: {reached[at]:{form}}<br>{_said(trials[at])}<extra></extra>",
        )
    for number, axis in enumerate(axes):
        plot.add_vline(number, line={"color": REFERENCE, "width": 1}, layer="below")
        for place, words in axis.ticks.items():
            plot.add_annotation(
                x=number, y=place, text=plain(words), showarrow=False, xanchor="left", xshift=6, font={"size": 11}
            )
    names = [plain(axis.title).replace(": ", ":<br>") for axis in axes]
    plot.update_xaxes(
        tickmode="array",
        tickvals=list(range(len(axes))),
        ticktext=names,
        range=[-0.2, len(axes) - 0.5],
        showgrid=False,
        zeroline=False,
        automargin=True,
    )
    plot.update_yaxes(visible=False, range=[-0.08, 1.08])
    plot.update_layout(hovermode="closest")
    return framed(plot, height=420, showlegend=False)


@dataclass(frozen=True)
class Axis:
    """One axis of parallel coordinates: its title, the position of each trial from 0 to 1, and its ticks."""

    title: str
    places: list[float]
    ticks: dict[float, str]


def _axis(dimension: Dimension, trials: Sequence[Trial]) -> Axis:
    """Return an axis: choices in their order, numbers on their scale.

    Trials to which the parameter does not apply have a position below.
    """
    if dimension.choices:
        count = len(dimension.choices)
        where = {choice: at / (count - 1) for at, choice in enumerate(dimension.choices)}
        ticks = {place: text(choice) for choice, place in where.items()}
    else:
        low, high = _place(dimension, dimension.low), _place(dimension, dimension.high)
        where = {
            value: _within(_place(dimension, float(value)), low, high)
            for trial in trials
            if (value := trial.params.get(dimension.name)) is not None
        }
        ticks = {_within(place, low, high): words for place, words in _ticks(dimension, low, high).items()}
    tried = [trial.params.get(dimension.name) for trial in trials]
    if None not in tried:
        return Axis(dimension.title, [where[value] for value in tried if value is not None], ticks)

    def raised(place: float) -> float:
        return NONE_SHARE + (1 - NONE_SHARE) * place

    return Axis(
        dimension.title,
        [0.0 if value is None else raised(where[value]) for value in tried],
        {0.0: NONE, **{raised(place): words for place, words in ticks.items()}},
    )


def _within(value: float, low: float, high: float) -> float:
    return (value - low) / (high - low) if high > low else 0.5


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
