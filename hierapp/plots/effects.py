"""Differences with their intervals, held against a margin of equivalence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from hierapp.plots.core import framed, plain

SHOWN, UNDECIDED, MARGIN = "#2563eb", "#94a3b8", "rgba(148, 163, 184, 0.18)"
LONGEST = 80  # characters of a name


@dataclass(frozen=True)
class Effect:
    """A mean difference; `low` and `high` are its 95 % interval, None if the values do not vary."""

    name: str
    difference: float
    low: float | None
    high: float | None
    shown: bool
    said: str


def effects_plot(effects: Sequence[Effect], what: str, margin: float, percent: bool = False) -> go.Figure:
    """Return one row per difference: a dot with its interval; the margin of equivalence is shaded.

    Differences that are shown have another color and a filled dot.
    """
    plot = go.Figure()
    plot.add_vrect(x0=-margin, x1=margin, fillcolor=MARGIN, line_width=0, layer="below")
    plot.add_vline(0, line={"color": UNDECIDED, "width": 1})
    for shown in (True, False):
        rows = [row for row, each in enumerate(effects) if each.shown is shown]
        if not rows:
            continue
        some = [effects[row] for row in rows]
        plot.add_scatter(
            x=[each.difference for each in some],
            y=rows,
            customdata=[plain(each.said) for each in some],
            name="difference shown" if shown else "no difference shown",
            mode="markers",
            marker={"size": 9, "color": SHOWN if shown else UNDECIDED, "symbol": "circle" if shown else "circle-open"},
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [0 if each.high is None else each.high - each.difference for each in some],
                "arrayminus": [0 if each.low is None else each.difference - each.low for each in some],
                "thickness": 2,
            },
            hovertemplate="%{customdata}<extra></extra>",
        )
    names = [each.name if len(each.name) <= LONGEST else f"{each.name[: LONGEST - 1]}…" for each in effects]
    plot.update_yaxes(
        tickvals=list(range(len(names))),
        ticktext=[plain(name) for name in names],
        range=[len(names) - 0.4, -0.6],
        automargin=True,
        zeroline=False,
        showgrid=False,
    )
    plot.update_xaxes(title=what, tickformat="+.2%" if percent else "+.3f", zeroline=False)
    return framed(plot, height=110 + 30 * len(names), showlegend=False)
