"""The confusion matrix of nodes. Pure: data in, plot out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from hierapp.plots.core import COLORS, NUMBERS_UP_TO, plain, square_axes
from hierapp.trees import LabelTree

SIDE = 440  # approximate total size of the cells of a row, in pixels
# Less and more than the other run; visible on white and on black.
DIFFERENCE_ON_LIGHT = ((0, "#D55E00"), (0.5, "#ffffff"), (1, "#1f83c4"))
DIFFERENCE_ON_DARK = ((0, "#D55E00"), (0.5, "#161d26"), (1, "#3d9bd8"))


def node_confusion_plot(
    counts: NDArray[np.int64],
    shares: NDArray[np.float64],
    tree: LabelTree,
    nodes: Sequence[int],
    chosen: tuple[int, int] | None = None,
    is_difference: bool = False,
) -> go.Figure:
    """Return the confusion matrix of nodes; rows are true nodes, columns predicted ones.

    Nodes that can be expanded have a + before their name. Each cell is a selectable point.

    Args:
        counts: the values of the cells, [K, K].
        shares: the values that color the cells, [K, K]: shares of the row, or their differences.
        tree: the label tree.
        nodes: the rows and columns.
        chosen: row and column of the cell that is framed.
        is_difference: whether counts and shares are those of one run minus those of another; the caller that displays
            the figure sets the colors of differences.
    """
    size = len(nodes)
    labels = [("+ " if tree.children[node] else "") + plain(tree.nodes[node]) for node in nodes]
    most = max(float(np.abs(shares).max()), 1e-9)
    gap = 1 if size <= 60 else 0
    text = np.where(counts == 0, "", np.char.mod("%+d" if is_difference else "%d", counts))
    plot = go.Figure(
        go.Heatmap(
            z=shares,
            xgap=gap,
            ygap=gap,
            hoverinfo="skip",
            **({"text": text, "texttemplate": "%{text}"} if size <= NUMBERS_UP_TO else {}),
            coloraxis="coloraxis",
        )
    )
    _add_points(plot, counts, shares, [plain(tree.nodes[node]) for node in nodes], is_difference)
    _part_branches(plot, tree, nodes)
    if chosen is not None:
        _frame(plot, *chosen)
    square_axes(plot, labels)
    plot.update_coloraxes(**({"cmin": -most, "cmax": most} if is_difference else {"cmin": 0, "cmax": 1}))
    plot.update_xaxes(title="predicted", range=[-0.5, size - 0.5])
    plot.update_yaxes(title="true", range=[size - 0.5, -0.5], autorange=False)
    return plot.update_layout(uirevision=",".join(map(str, nodes)))


def _add_points(
    plot: go.Figure,
    counts: NDArray[np.int64],
    shares: NDArray[np.float64],
    names: Sequence[str],
    is_difference: bool,
) -> None:
    """Add invisible squares over the cells, with hover texts: Plotly's heat maps do not support selection."""
    size = len(names)
    rows, columns = (each.ravel() for each in np.mgrid[:size, :size])
    said = (
        "%{customdata[2]:+,} images, %{customdata[3]:+.1%}"
        if is_difference
        else "%{customdata[2]:,} images, %{customdata[3]:.1%} of the row"
    )
    plot.add_scatter(
        x=columns,
        y=rows,
        mode="markers",
        marker={"symbol": "square", "size": max(3, SIDE / size), "opacity": 0},
        selected={"marker": {"opacity": 0}},
        unselected={"marker": {"opacity": 0}},
        customdata=[
            [true, predicted, counts[row, column], shares[row, column]]
            for row, true in enumerate(names)
            for column, predicted in enumerate(names)
        ],
        hovertemplate=f"true <b>%{{customdata[0]}}</b><br>predicted <b>%{{customdata[1]}}</b><br>{said}<extra></extra>",
    )


def _frame(plot: go.Figure, row: int, column: int) -> None:
    """Add a frame around a cell."""
    line = {"color": COLORS[3], "width": 3}
    plot.add_shape(type="rect", x0=column - 0.5, x1=column + 0.5, y0=row - 0.5, y1=row + 0.5, line=line)


def _part_branches(plot: go.Figure, tree: LabelTree, nodes: Sequence[int]) -> None:
    """Add lines between the branches below the root."""
    line = {"color": COLORS[4], "width": 1.5 if len(nodes) <= 60 else 0.75}
    starts = tree.leaf_ranges[list(nodes), 0]
    for top in tree.children[0][1:]:
        edge = float(np.searchsorted(starts, tree.leaf_ranges[top, 0])) - 0.5
        plot.add_hline(edge, line=line)
        plot.add_vline(edge, line=line)
