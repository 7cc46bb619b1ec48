"""Plots of the networks' outputs per image: operating curves, reliability. Pure: data in, plot out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from hierapp.analysis.reevaluation import Reliability
from hierapp.metrics.operating import OperatingCurve
from hierapp.plots.comparison import REFERENCE
from hierapp.plots.core import framed, plain


def operating_plot(
    curves: Mapping[str, OperatingCurve], colors: Mapping[str, str], at: float | None = None
) -> go.Figure:
    """Return the share of correct predictions over their mean depth, with a ring at threshold `at`.

    The curves run from threshold 0 (right end) to 1 (left end).
    """
    plot = go.Figure()
    for name, curve in curves.items():
        plot.add_scatter(
            x=curve.depth,
            y=curve.correct,
            customdata=np.column_stack([curve.thresholds, curve.leaves, curve.specificity]),
            name=plain(name),
            mode="lines",
            line={"width": 2, "color": colors[name]},
            hovertemplate="threshold %{customdata[0]:.2f}: %{y:.1%} correct at mean depth %{x:.2f},"
            " %{customdata[2]:.2f} bits, %{customdata[1]:.0%} leaves",
        )
        if at is not None:
            there = curve.at_thresholds([at])
            plot.add_scatter(
                x=there.depth,
                y=there.correct,
                mode="markers",
                marker={"size": 13, "color": colors[name], "symbol": "circle-open", "line": {"width": 3}},
                showlegend=False,
                hoverinfo="skip",
            )
    plot.update_xaxes(title="mean depth of the prediction (the root has 1)")
    plot.update_yaxes(title="correct: the true class or an ancestor of it", tickformat=".0%")
    return framed(plot, height=400 + 16 * max(0, len(curves) - 2))


LEVEL_METRICS = {
    "level_marginal_accuracy": "accuracy",
    "level_log_loss": "log loss (nats)",
    "level_calibration_error": "calibration error",
}


def levels_plot(found: Mapping[str, Sequence[Mapping[str, Sequence[float]]]], colors: Mapping[str, str]) -> go.Figure:
    """Return three metrics over the levels of the tree, the mean over the seeds of each group.

    Args:
        found: for each group `metrics.level_report` of each seed.
        colors: the color of each group.
    """
    plot = make_subplots(1, len(LEVEL_METRICS), horizontal_spacing=0.08)
    for column, (name, title) in enumerate(LEVEL_METRICS.items(), start=1):
        for group, seeds in found.items():
            values = np.mean([seed[name] for seed in seeds], axis=0)
            plot.add_scatter(
                x=list(range(1, len(values) + 1)),
                y=values,
                row=1,
                col=column,
                name=plain(group),
                legendgroup=plain(group),
                showlegend=column == 1,
                mode="lines+markers",
                line={"width": 2, "color": colors[group]},
                hovertemplate=f"level %{{x}}: {title} %{{y:.4f}}",
            )
        plot.update_yaxes(title=title, col=column, rangemode="tozero" if column > 1 else "normal")
    plot.update_xaxes(title="level, from the top", dtick=1)
    plot.update_yaxes(tickformat=".0%", col=1)
    return framed(plot, height=320 + 16 * max(0, len(found) - 3))


def reliability_plot(found: Mapping[str, Sequence[Reliability]], colors: Mapping[str, str]) -> go.Figure:
    """Return accuracy over the probability of the most likely class, with all seeds of a group together.

    On the dashed line the probabilities are calibrated. Larger dots stand for more images.
    """
    plot = go.Figure()
    plot.add_scatter(
        x=[0, 1],
        y=[0, 1],
        mode="lines",
        line={"dash": "dash", "color": REFERENCE, "width": 1.5},
        showlegend=False,
        hoverinfo="skip",
    )
    for name, seeds in found.items():
        count = np.sum([seed.count for seed in seeds], axis=0)
        known = np.where(count, count, np.nan)
        said = np.nansum([seed.confidence * seed.count for seed in seeds], axis=0) / known
        true = np.nansum([seed.accuracy * seed.count for seed in seeds], axis=0) / known
        error = float(np.mean([seed.error for seed in seeds]))
        has = count > 0
        plot.add_scatter(
            x=said[has],
            y=true[has],
            customdata=count[has],
            name=f"{plain(name)}: error {error:.3f}",
            mode="lines+markers",
            line={"width": 1.5, "color": colors[name]},
            marker={"color": colors[name], "size": 5 + 15 * np.sqrt(count[has] / max(count.max(), 1))},
            hovertemplate="predicted %{x:.1%}, true %{y:.1%}, %{customdata:,} images",
        )
    plot.update_xaxes(title="probability of the most likely class", tickformat=".0%", range=[-0.02, 1.02])
    plot.update_yaxes(title="accuracy", tickformat=".0%", range=[-0.04, 1.04])
    framed(plot, height=400 + 16 * max(0, len(found) - 2))
    return plot.update_layout(legend={"itemsizing": "constant"})
