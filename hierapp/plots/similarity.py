"""The heat map of a similarity. Pure: data in, plot out."""

from __future__ import annotations

import plotly.graph_objects as go

from hierapp.plots.core import COLORS, cell_names, plain, square_axes
from hierapp.similarities.similarity import Matrix
from hierapp.trees import LabelTree

NUMBERS_UP_TO = 12  # with more classes there is no space for two decimals in each cell


def similarity_plot(matrix: Matrix, tree: LabelTree) -> go.Figure:
    """Return the heat map of a similarity, in the order of the tree.

    Rows are true classes, columns the classes that get part of the credit. Lines separate the branches below the root.
    """
    labels = [plain(leaf) for leaf in tree.leaves]
    size = len(labels)
    numbers = {"text": matrix.round(2), "texttemplate": "%{text}"} if size <= NUMBERS_UP_TO else {}
    plot = go.Figure(
        go.Heatmap(
            z=matrix.round(5),
            coloraxis="coloraxis",
            xgap=1 if size <= 60 else 0,
            ygap=1 if size <= 60 else 0,
            customdata=cell_names(labels, labels),
            hovertemplate="true <b>%{customdata[0]}</b>, predicted <b>%{customdata[1]}</b><br>similarity %{z:.3f}"
            "<extra></extra>",
            **numbers,
        )
    )
    for node in tree.children[0][1:]:
        edge = tree.leaf_ranges[node, 0] - 0.5
        plot.add_hline(edge, line={"color": COLORS[4], "width": 1.5})
        plot.add_vline(edge, line={"color": COLORS[4], "width": 1.5})
    square_axes(plot, labels)
    plot.update_coloraxes(cmin=0, cmax=1)
    plot.update_xaxes(title="predicted")
    plot.update_yaxes(title="true")
    return plot
