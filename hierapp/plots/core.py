"""The general Plotly figures. Pure: data in, plot out.

The caller that displays a figure sets the colors of text, grid and background, so that both light and dark themes
work. Names pass through `plain`: Plotly interprets some HTML, and a name must be displayed verbatim.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray
from plotly.subplots import make_subplots

from hierapp.analysis import confusion_tree
from hierapp.plots.blocks import MOST_CELLS, block_labels, block_means, block_sums, cell_gap
from hierapp.trees import LabelTree
from hierapp.trees.excerpt import Excerpt, excerpt

if TYPE_CHECKING:
    from scipy.sparse import csr_array

# The colors of Okabe and Ito, distinguishable with any color vision; the blue is lighter, to be visible on black.
COLORS = ("#1f83c4", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#8F7EE7", "#7F7F7F")
# From zero to all, on white and on black; steep at the start, so that a few mistakes among many images are visible.
ON_LIGHT = ((0, "#ffffff"), (0.04, "#d9eaf6"), (0.2, "#93c4e6"), (0.5, "#3d8fc6"), (1, "#08447a"))
ON_DARK = ((0, "#161d26"), (0.04, "#1b3347"), (0.2, "#245a80"), (0.5, "#3d8fc6"), (1, "#cfe9fb"))
MOST_LINES = 60  # with more branches, lines between them would hide the cells
MOST_CLASSES = 200  # rows of the dot plot of class accuracies
MOST_TICKS = 10  # of an axis with a tick at every epoch
NUMBERS_UP_TO = 20  # with more classes there is no space for a number in each cell


def plain(name: str) -> str:
    """Return the name as text that Plotly displays verbatim."""
    return escape(name, quote=False)


def branch_colors(tree: LabelTree) -> list[str]:
    """Return a color for each node: that of the child of the root above it; gray for the root."""
    colors = [COLORS[-1]] * len(tree.nodes)
    for number, top in enumerate(tree.children[0]):
        start, stop = top, (*tree.children[0], len(tree.nodes))[number + 1]
        colors[start:stop] = [COLORS[number % (len(COLORS) - 1)]] * (stop - start)
    return colors


def layout_positions(tree: LabelTree) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return each node's position: depth to the right, leaves evenly spaced downwards, parents centered."""
    across = (tree.depth - 1).astype(np.float64)
    down = tree.leaf_ranges.mean(axis=1) - 0.5
    for node in range(len(tree.nodes) - 1, -1, -1):
        below = tree.children[node]
        if below:
            down[node] = (down[below[0]] + down[below[-1]]) / 2
    return across, down


def tree_plot(tree: LabelTree, compact: bool = False) -> go.Figure:
    """Return the tree, drawn from left to right; colors distinguish the branches below the root.

    Of a large tree, an excerpt is drawn.
    """
    return excerpt_plot(excerpt(tree), compact)


def excerpt_plot(part: Excerpt, compact: bool = False) -> go.Figure:
    """Return the tree as far as it is drawn; the number of classes follows the name of a node that is not opened."""
    tree = part.tree
    x, y = layout_positions(tree)
    lines_x: list[float | None] = []
    lines_y: list[float | None] = []
    for child, parent in enumerate(tree.parents.tolist()):
        if parent >= 0:
            middle = (x[parent] + x[child]) / 2
            lines_x += [x[parent], middle, middle, x[child], None]
            lines_y += [y[parent], y[parent], y[child], y[child], None]
    is_leaf = [not below for below in tree.children]
    closed = [leaf and count > 1 for leaf, count in zip(is_leaf, part.below.tolist(), strict=True)]
    plot = go.Figure(go.Scatter(x=lines_x, y=lines_y, mode="lines", line={"color": "#9aa0a6"}, hoverinfo="skip"))
    plot.add_scatter(
        x=x,
        y=y,
        mode="markers+text",
        marker={
            "size": [9 if leaf and not shut else 12 for leaf, shut in zip(is_leaf, closed, strict=True)],
            "color": branch_colors(tree),
            "opacity": 1,
        },
        text=[plain(name) + (f" ({part.below[i]:,})" if closed[i] else "") for i, name in enumerate(tree.nodes)],
        textposition=["middle right" if leaf else "top center" for leaf in is_leaf],
        hovertext=[
            f"<b>{plain(name)}</b><br>depth {tree.depth[i]}"
            + (f", {part.below[i]:,} classes below" if closed[i] or not is_leaf[i] else "")
            for i, name in enumerate(tree.nodes)
        ],
        hoverinfo="text",
        cliponaxis=False,
    )
    levels = float(x.max())
    longest = max(len(name) for name in tree.leaves)
    plot.update_xaxes(visible=False, range=[-0.25 * levels / 3, levels * (1 + 0.016 * min(longest, 24)) + 0.1])
    plot.update_yaxes(visible=False, range=[len(tree.leaves) - 0.4, -1.0])
    row = 24 if compact else 30 if len(tree.leaves) <= 40 else 17
    return framed(plot, height=max(260, row * len(tree.leaves) + 40), showlegend=False)


def matrix_plot(values: NDArray[np.int64], names: Sequence[str], what: str, total: bool = False) -> go.Figure:
    """Return a square matrix over nodes or leaves, such as the distance matrix.

    Args:
        values: [N, N].
        names: the N names.
        what: the name of a cell's value.
        total: whether a cell of several rows and columns shows the sum of their values instead of the mean.
    """
    labels, size = [plain(name) for name in names], len(names)
    shown = block_sums(values) if total else block_means(values)
    plot = go.Figure(
        go.Heatmap(
            z=shown,
            coloraxis="coloraxis",
            **cell_gap(size),
            hovertemplate="%{y}, %{x}<br>" + what + " %{z}<extra></extra>",
            **_numbers(values),
        )
    )
    return square_axes(plot, block_labels(labels))


def depth_plot(tree: LabelTree) -> go.Figure:
    """Return the number of internal nodes and of leaves at each depth."""
    depths = np.arange(1, tree.depth.max() + 1)
    plot = go.Figure()
    for name, nodes, color in (
        ("internal nodes", tree.internal_nodes, COLORS[7]),
        ("leaves", tree.leaf_nodes, COLORS[0]),
    ):
        counts = [(tree.depth[nodes] == depth).sum() for depth in depths]
        plot.add_bar(x=depths, y=counts, name=name, marker_color=color, text=[count or "" for count in counts])
    plot.update_layout(barmode="stack")
    plot.update_xaxes(title="depth (the root has 1)", dtick=1)
    plot.update_yaxes(title="nodes")
    return framed(plot, height=320)


def confusion_plot(confusion: ArrayLike | csr_array, tree: LabelTree) -> go.Figure:
    """Return the confusion matrix; rows are true classes, columns predicted ones, in the order of the tree.

    Of more classes than the plot has cells, the nodes of a level of the tree are shown in place of the classes below.
    The color of a cell is its share of the row. Lines separate the branches below the root: a mistake outside the
    blocks on the diagonal is a costly one.
    """
    starts, names = confusion_tree.drawn(tree, MOST_CELLS)
    counts, size = confusion_tree.summed(confusion, starts), len(names)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    plot = go.Figure(
        go.Heatmap(
            z=share,
            coloraxis="coloraxis",
            **cell_gap(size),
            customdata=counts,
            hovertemplate="true <b>%{y}</b><br>predicted <b>%{x}</b><br>%{customdata} images, %{z:.1%} of the row"
            "<extra></extra>",
            **_numbers(counts),
        )
    )
    add_branch_lines(plot, tree, starts)
    square_axes(plot, [plain(name) for name in names])
    plot.update_coloraxes(cmin=0, cmax=1)
    plot.update_xaxes(title="predicted")
    plot.update_yaxes(title="true")
    return plot


def class_accuracy_plot(
    plain_accuracy: Mapping[str, Sequence[float]],
    weighted: Mapping[str, Sequence[float]],
    tree: LabelTree,
    colors: Mapping[str, str],
    symbols: Mapping[str, str] | None = None,
) -> go.Figure:
    """Return a dot per class and run: class accuracy on the left, weighted class accuracy on the right.

    `colors` and `symbols` are those of the dots of each run; by default all dots are circles.

    Of many classes, the `MOST_CLASSES` with the lowest mean accuracy are drawn, in the order of the tree; the title of
    the axis says so.
    """
    means = np.mean([*plain_accuracy.values()], axis=0)
    shown = np.sort(np.argsort(means, kind="stable")[:MOST_CLASSES]).tolist()
    plot = make_subplots(1, 2, shared_yaxes=True, horizontal_spacing=0.04)
    for column, figures in enumerate((plain_accuracy, weighted), start=1):
        for name, values in figures.items():
            plot.add_scatter(
                x=[values[place] for place in shown],
                y=[plain(tree.leaves[place]) for place in shown],
                mode="markers",
                name=plain(name),
                legendgroup=plain(name),
                showlegend=column == 1,
                marker={
                    "size": 10,
                    "color": colors[name],
                    "opacity": 0.85,
                    "symbol": (symbols or {}).get(name, "circle"),
                },
                hovertemplate="%{y}: %{x:.1%}",
                row=1,
                col=column,
            )
    plot.update_xaxes(tickformat=".0%", range=[-0.02, 1.02], dtick=0.25, side="top")
    few = "" if len(shown) == len(means) else f", the {len(shown)} lowest of {len(means):,}"
    plot.update_xaxes(title=f"class accuracy{few}", col=1)
    plot.update_xaxes(title="weighted class accuracy", col=2)
    # "category": otherwise names such as "0" would be numbers on a line.
    plot.update_yaxes(range=[len(shown) - 0.4, -0.6], automargin=True, type="category")
    plot = framed(plot, height=150 + 26 * len(shown))
    return plot.update_layout(legend={"y": -0.02, "yanchor": "top"})


def framed(plot: go.Figure, height: int, showlegend: bool = True) -> go.Figure:
    """Set the height, margins and legend that all figures share."""
    return plot.update_layout(
        height=height,
        showlegend=showlegend,
        margin={"l": 10, "r": 10, "t": 40 if showlegend else 10, "b": 10},
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.04, "x": 0, "title": None},
        uirevision="kept",  # zoom and hidden lines survive new points
    )


def epoch_axis(plot: go.Figure) -> None:
    """Title the x axis, from 0 to the last epoch; ticks are at whole epochs."""
    last = max((max(line.x) for line in plot.data if line.x is not None and len(line.x)), default=0)
    few = {"dtick": 1} if last <= MOST_TICKS else {}
    plot.update_xaxes(title="epoch", rangemode="tozero", hoverformat=".4g", **few)


def square_axes(plot: go.Figure, labels: Sequence[str]) -> go.Figure:
    """Use positions as axes with names as ticks: two nodes may have the same name, but not the same position."""
    ticks = {"tickmode": "array", "tickvals": list(range(len(labels))), "ticktext": list(labels)}
    # With more, names would overlap; they still appear on hover.
    hidden = {} if len(labels) <= 60 else {"showticklabels": False}
    plot.update_xaxes(**ticks, **hidden, tickangle=-45, showgrid=False, zeroline=False, automargin=True)
    plot.update_yaxes(
        **ticks, **hidden, showgrid=False, zeroline=False, autorange="reversed", automargin=True, scaleanchor="x"
    )
    plot.update_xaxes(constrain="domain")
    plot.update_yaxes(constrain="domain")
    plot.update_coloraxes(colorscale=ON_LIGHT, showscale=False)
    return framed(plot, height=560, showlegend=False)


def add_branch_lines(plot: go.Figure, tree: LabelTree, starts: NDArray[np.int64]) -> None:
    """Add lines between the branches below the root, to a matrix whose rows begin at these leaves."""
    edges = [float(np.searchsorted(starts, tree.leaf_ranges[node, 0])) - 0.5 for node in tree.children[0][1:]]
    if len(edges) > MOST_LINES:
        return
    for edge in edges:
        plot.add_hline(edge, line={"color": COLORS[4], "width": 1.5})
        plot.add_vline(edge, line={"color": COLORS[4], "width": 1.5})


def _numbers(values: NDArray[np.int64]) -> dict[str, object]:
    """Return the options that print each cell's number, where there is space."""
    return {"text": values, "texttemplate": "%{text}"} if len(values) <= NUMBERS_UP_TO else {}
