"""Plots of the reproduced figures of the paper, drawn from their results."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from hierapp.analysis.comparison import Band
from hierapp.plots.comparison import bands_plot, colors_of, dots_plot
from hierapp.plots.core import COLORS, confusion_plot
from hierapp.reproduction.results import Line, Plot
from hierapp.reproduction.shapes import WEIGHTED
from hierapp.trees import LabelTree, generators


def draw(plot: Plot, tree: LabelTree | None = None) -> go.Figure | None:
    """Return the plot, or None if there is nothing to draw. `tree` separates the branches of a confusion matrix."""
    if plot.kind == "curves" and plot.lines:
        return _curves(plot)
    if plot.kind == "dots" and plot.dots:
        return _dots(plot)
    if plot.kind == "matrix" and plot.counts:
        if tree is None or list(tree.leaves) != plot.classes:
            tree = generators.flat(plot.classes)
        return confusion_plot(np.array(plot.counts, dtype=np.int64), tree)
    return None


def _curves(plot: Plot) -> go.Figure:
    """Return the curves; the plain and the weighted curve of a class share a color, and the weighted one is dashed."""
    names = list(dict.fromkeys(name.removesuffix(WEIGHTED) for name in plot.lines))
    colors = {name: colors_of(names)[name.removesuffix(WEIGHTED)] for name in plot.lines}
    drawn = bands_plot({name: _band(line) for name, line in plot.lines.items()}, plot.what, colors, plot.percent)
    for trace in drawn.data:
        if trace.name is not None:
            trace.mode = "lines+markers"
            trace.marker.size = 5
            if trace.name.endswith(WEIGHTED):
                trace.line.dash = "dash"
    return drawn


def _band(line: Line) -> Band:
    deviation = np.full(len(line.mean), np.nan) if line.deviation is None else np.array(line.deviation)
    return Band(line.epochs, np.array(line.mean), deviation, line.n)


def _dots(plot: Plot) -> go.Figure:
    colors = {name: COLORS[number % len(COLORS)] for number, name in enumerate(plot.dots)}
    drawn = dots_plot(plot.dots, plot.what, colors, plot.percent)
    for trace in drawn.data:
        trace.hovertemplate = trace.hovertemplate.replace("seed", plot.each, 1)
    if plot.log:
        drawn.update_xaxes(type="log", dtick=1)
    return drawn
