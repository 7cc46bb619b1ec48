"""The plot of a data set: the number of images per class."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from hierapp.plots.core import COLORS, plain

ROW = 22  # pixels per class


def counts_plot(classes: Sequence[str], train: Sequence[int], test: Sequence[int]) -> go.Figure:
    """Return a bar per class with its training and test images, in the order of the classes from the top."""
    plot = go.Figure()
    # Positions instead of names, because Plotly may read a name as a number.
    rows = list(range(len(classes)))
    for name, counts, color in (("train", train, COLORS[0]), ("test", test, COLORS[1])):
        plot.add_bar(
            y=rows,
            x=list(counts),
            customdata=[plain(name) for name in classes],
            name=name,
            orientation="h",
            marker_color=color,
            hovertemplate="%{customdata}: %{x:,} " + name + "<extra></extra>",
        )
    plot.update_layout(
        barmode="stack",
        height=90 + ROW * len(classes),
        margin={"l": 0, "r": 10, "t": 30, "b": 0},
        legend={"orientation": "h", "traceorder": "normal", "x": 0, "y": 1, "yanchor": "bottom"},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
    )
    cut = [plain(name if len(name) <= 30 else f"{name[:29]}…") for name in classes]
    plot.update_yaxes(tickvals=rows, ticktext=cut, autorange="reversed", automargin=True)
    plot.update_xaxes(title="images", gridcolor="rgba(128,128,128,0.25)")
    return plot
