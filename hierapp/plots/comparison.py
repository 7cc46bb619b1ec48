"""Plots that compare groups. Pure: data in, plot out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.colors import hex_to_rgb, sample_colorscale

from hierapp.analysis.comparison import Band
from hierapp.plots.core import COLORS, epoch_axis, framed, plain

# From mistakes within a small group to those across the complete tree; the order is clear without colors.
NEAR_TO_FAR = ["#56B4E9", "#E69F00", "#B03A00"]
REFERENCE = "#8a9099"  # visible on white and on black


def bands_plot(bands: Mapping[str, Band], what: str, colors: Mapping[str, str], percent: bool = False) -> go.Figure:
    """Return the mean of each group over the epochs, with a band of one standard deviation over its seeds."""
    plot = go.Figure()
    form = ".1%" if percent else ".4f"
    for name, band in bands.items():
        if band.n > 1:
            spread = np.nan_to_num(band.deviation)
            plot.add_scatter(
                x=[*band.epochs, *band.epochs[::-1]],
                y=[*(band.mean + spread), *(band.mean - spread)[::-1]],
                fill="toself",
                fillcolor=clear(colors[name]),
                mode="lines",
                line={"width": 0},
                hoverinfo="skip",
                showlegend=False,
                legendgroup=plain(name),
            )
        plot.add_scatter(
            x=band.epochs,
            y=band.mean,
            customdata=band.deviation,
            name=plain(name),
            legendgroup=plain(name),
            mode="lines+markers" if len(band.epochs) < 2 else "lines",
            line={"width": 2, "color": colors[name]},
            marker_color=colors[name],
            hovertemplate="epoch %{x:.4g}: %{y:" + form + "}" + (" ± %{customdata:" + form + "}") * (band.n > 1),
        )
    plot.update_layout(hovermode="x unified")
    epoch_axis(plot)
    plot.update_yaxes(title=what, tickformat=".0%" if percent else None)
    return framed(plot, height=340 + 16 * max(0, len(bands) - 2))


def severity_plot(
    points: Mapping[str, Sequence[tuple[str, float, float]]], colors: Mapping[str, str], random_mistake: float | None
) -> go.Figure:
    """Return severity over accuracy: a dot per run, a diamond for each group's mean.

    A dashed line marks the severity of random mistakes; an annotation replaces it if it is so far away that it would
    compress the dots. Lower and further to the right is better.
    """
    plot = go.Figure()
    for name, runs in points.items():
        if not runs:
            continue
        _, across, up = zip(*runs, strict=True)
        plot.add_scatter(
            x=across,
            y=up,
            customdata=[run for run, _, _ in runs],
            name=plain(name),
            mode="markers",
            legendgroup=plain(name),
            showlegend=False,
            marker={"size": 8, "color": colors[name], "opacity": 0.7},
            hovertemplate="run %{customdata}: accuracy %{x:.2%}, severity %{y:.4f}",
        )
        plot.add_scatter(
            x=[float(np.mean(across))],
            y=[float(np.mean(up))],
            name=plain(name),
            legendgroup=plain(name),
            mode="markers",
            marker={"size": 17, "color": colors[name], "symbol": "diamond", "line": {"width": 1.5, "color": "white"}},
            hovertemplate=f"mean of {len(runs)}: accuracy %{{x:.2%}}, severity %{{y:.4f}}",
        )
    if random_mistake is not None:
        _refer(plot, random_mistake, [severity for runs in points.values() for _, _, severity in runs])
    plot.update_xaxes(title="accuracy", tickformat=".1%")
    plot.update_yaxes(title="severity: mean distance of mistakes")
    return framed(plot, height=430 + 16 * max(0, len(points) - 2))


def _refer(plot: go.Figure, random_mistake: float, severities: Sequence[float]) -> None:
    """Add the severity of random mistakes as a line, or as text if the line would take over half of the height."""
    low, high = min(severities, default=0.0), max(severities, default=0.0)
    away = max(random_mistake - high, low - random_mistake)
    said = f"random mistakes, {random_mistake:.3f}"
    if low < high and away > high - low:
        above = random_mistake > high
        plot.add_annotation(
            text=f"{'↑' if above else '↓'} {said}", xref="paper", yref="paper", x=1, y=float(above), showarrow=False
        )
    else:
        line = {"dash": "dash", "color": REFERENCE, "width": 1.5}
        plot.add_hline(random_mistake, line=line, annotation={"text": said, "xanchor": "right"})


def dots_plot(
    figures: Mapping[str, Mapping[int, float]], what: str, colors: Mapping[str, str], percent: bool = False
) -> go.Figure:
    """Return one row per group: a dot per seed, a line at the mean."""
    plot = go.Figure()
    for row, (name, seeds) in enumerate(figures.items()):
        mean = float(np.mean(list(seeds.values())))
        plot.add_scatter(
            x=list(seeds.values()),
            y=[row] * len(seeds),
            customdata=list(seeds),
            name=plain(name),
            mode="markers",
            marker={"size": 10, "color": colors[name], "opacity": 0.7},
            hovertemplate="seed %{customdata}: %{x:" + (".2%" if percent else ".5g") + "}",
        )
        plot.add_shape(
            type="line", x0=mean, x1=mean, y0=row - 0.3, y1=row + 0.3, line={"color": colors[name], "width": 3}
        )
    ticks = [plain(name if len(name) <= 44 else f"{name[:43]}…") for name in figures]
    plot.update_yaxes(
        tickvals=list(range(len(ticks))),
        ticktext=ticks,
        range=[len(ticks) - 0.4, -0.6],
        automargin=True,
        zeroline=False,
    )
    plot.update_xaxes(title=what, tickformat=".1%" if percent else None)
    return framed(plot, height=90 + 42 * len(ticks), showlegend=False)


def heights_plot(shares: Mapping[str, Sequence[float]]) -> go.Figure:
    """Return a bar for each name: its mistakes as shares by the height of the lowest common ancestor."""
    most = max(map(len, shares.values()))
    colors = sample_colorscale(NEAR_TO_FAR, most) if most > 1 else NEAR_TO_FAR[:1]
    rows = list(range(len(shares)))
    plot = go.Figure()
    for height in range(most):
        values = [each[height] if height < len(each) else 0.0 for each in shares.values()]
        plot.add_bar(
            y=rows,
            x=values,
            orientation="h",
            name=f"height {height + 1}",
            marker_color=colors[height],
            text=[f"{value:.0%}" if value >= 0.04 else "" for value in values],
            textangle=0,
            insidetextanchor="middle",
            customdata=[plain(name) for name in shares],
            hovertemplate="%{customdata}<br>%{x:.1%} of the mistakes<extra>height " + str(height + 1) + "</extra>",
        )
    plot.update_layout(barmode="stack")
    plot.update_xaxes(title="share of the mistakes", tickformat=".0%", range=[0, 1.004])
    ticks = [plain(name if len(name) <= 44 else f"{name[:43]}…") for name in shares]
    plot.update_yaxes(tickvals=rows, ticktext=ticks, autorange="reversed", automargin=True)
    plot = framed(plot, height=130 + 38 * len(rows))
    return plot.update_layout(legend={"traceorder": "normal"})


def clear(color: str, opacity: float = 0.18) -> str:
    """Return the color with an opacity."""
    red, green, blue = hex_to_rgb(color)
    return f"rgba({red},{green},{blue},{opacity})"


def colors_of(names: Sequence[str]) -> dict[str, str]:
    """Return a color for each group; colors repeat from the ninth group on."""
    return {name: COLORS[number % len(COLORS)] for number, name in enumerate(names)}
