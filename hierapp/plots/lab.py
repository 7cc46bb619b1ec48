"""Plotly figures of the Loss lab: slices, surfaces, minimizers of the expected loss. Pure: data in, plot out."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from hierapp.lab.landscape import Slice, Surface
from hierapp.lab.minimizer import Minimizer
from hierapp.plots.core import COLORS, plain
from hierapp.utils.numbers import number

BLUE, ORANGE, GRAY = COLORS[0], COLORS[1], COLORS[7]


def slice_plot(line: Slice, ends: tuple[str, str] = ("start", "end")) -> go.Figure:
    """Return the loss between two points, with its chord, and the point where the curve is furthest above it."""
    plot = go.Figure()
    plot.add_scatter(
        x=line.at,
        y=line.chord,
        name="chord",
        mode="lines",
        line={"color": GRAY, "width": 2, "dash": "dash"},
        hovertemplate="chord %{y:.3g}<extra></extra>",
    )
    plot.add_scatter(
        x=line.at,
        y=line.curve,
        name="loss",
        mode="lines",
        line={"color": BLUE, "width": 3},
        hovertemplate="loss %{y:.3g}<extra></extra>",
    )
    if not line.below_chord:
        worst = line.at.index(line.excess_at)
        plot.add_scatter(
            x=[line.excess_at] * 2,
            y=[line.chord[worst], line.curve[worst]],
            mode="lines+text",
            name="above the chord",
            line={"color": COLORS[4], "width": 4},
            text=["", f"+{number(line.excess)}"],
            textposition="top left",
            hoverinfo="skip",
        )
    plot.update_xaxes(
        tickvals=[0, 0.5, 1],
        ticktext=[f"{ends[0]}<br>{number(line.curve[0])}", "halfway", f"{ends[1]}<br>{number(line.curve[-1])}"],
        range=[-0.06, 1.06],
        zeroline=False,
    )
    plot.update_yaxes(title="loss", zeroline=False)
    return _framed(plot, 290)


def surface_plot(surface: Surface) -> go.Figure:
    """Return the loss over two directions as contour lines; the three points are marked."""
    plot = go.Figure(
        go.Contour(
            x=surface.at,
            y=surface.at,
            z=[list(row) for row in surface.values],
            coloraxis="coloraxis",
            ncontours=16,
            contours={"showlabels": True},
            line={"width": 1, "color": COLORS[7]},
            hovertemplate="loss %{z:.3g}<extra></extra>",
        )
    )
    plot.add_scatter(
        x=[0, 1, 0],
        y=[0, 0, 1],
        mode="markers",
        marker={"size": 11, "color": ORANGE, "line": {"color": "#1b2430", "width": 1}},
        hoverinfo="skip",
        showlegend=False,
    )
    for name, x, y in (("start", 0, 0), ("end", 1, 0), ("third", 0, 1)):
        plot.add_annotation(
            x=x, y=y, text=name, showarrow=False, yshift=16, bgcolor="rgba(255,255,255,0.8)", font={"color": "#000"}
        )
    plot.update_xaxes(title="towards the end", zeroline=False)
    plot.update_yaxes(title="towards the third", zeroline=False)
    plot.update_coloraxes(showscale=False)  # the contour lines have labels
    return _framed(plot, 330, showlegend=False)


def minimizer_plot(found: Minimizer) -> go.Figure:
    """Return the true probability of each leaf, and its probability where the expected loss is minimal."""
    leaves = [plain(leaf) for leaf in found.tree.leaves]
    plot = go.Figure()
    for name, values, color in (("truth", found.truth, BLUE), ("minimum of the loss", found.probabilities, ORANGE)):
        plot.add_bar(
            x=leaves,
            y=list(values),
            name=name,
            marker_color=color,
            text=[number(value) for value in values],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{x}: %{text}",
        )
    plot.update_layout(barmode="group")
    plot.update_xaxes(type="category")
    plot.update_yaxes(title="probability", range=[0, 1])
    return _framed(plot, 280)


def walk_plot(walked: Sequence[Minimizer], leaf: str, at: int | None) -> go.Figure:
    """Return one leaf's probability where the expected loss is minimal, on increasingly unbalanced trees."""
    place = walked[0].tree.leaves.index(leaf)
    values = [found.probabilities[found.tree.leaves.index(leaf)] for found in walked]
    steps = list(range(len(walked)))
    plot = go.Figure()
    plot.add_scatter(
        x=steps,
        y=[walked[0].truth[place]] * len(steps),
        name="truth",
        mode="lines",
        line={"color": BLUE, "width": 3, "dash": "dash"},
    )
    plot.add_scatter(
        x=steps,
        y=values,
        name=f"{plain(leaf)} at the minimum of the loss",
        mode="lines+markers+text",
        text=[number(value) for value in values],
        textposition="top center",
        line={"color": ORANGE, "width": 3},
        marker={"size": [15 if step == at else 8 for step in steps]},
    )
    plot.update_xaxes(title="steps by which b and c are deeper", dtick=1)
    plot.update_yaxes(title=f"probability of {plain(leaf)}", range=[0, 1])
    return _framed(plot, 290)


def _framed(plot: go.Figure, height: int, showlegend: bool = True) -> go.Figure:
    return plot.update_layout(
        height=height,
        showlegend=showlegend,
        margin={"l": 10, "r": 10, "t": 36 if showlegend else 10, "b": 10},
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.02, "x": 0, "title": None},
    )
