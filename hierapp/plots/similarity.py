"""The heat map of a similarity. Pure: data in, plot out."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from hierapp.plots.blocks import block_labels, block_means, block_side, cell_gap
from hierapp.plots.core import add_branch_lines, plain, square_axes
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
            z=block_means(matrix).round(5),
            coloraxis="coloraxis",
            **cell_gap(size),
            hovertemplate="true <b>%{y}</b>, predicted <b>%{x}</b><br>similarity %{z:.3f}<extra></extra>",
            **numbers,
        )
    )
    add_branch_lines(plot, tree, np.arange(0, size, block_side(size)))
    square_axes(plot, block_labels(labels))
    plot.update_coloraxes(cmin=0, cmax=1)
    plot.update_xaxes(title="predicted")
    plot.update_yaxes(title="true")
    return plot
