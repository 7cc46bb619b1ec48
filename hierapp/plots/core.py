"""The general Plotly figures. Pure: data in, plot out.

The caller that displays a figure sets the colours of text, grid and background, so that both light and dark themes
work. Names pass through `plain`: Plotly interprets some HTML, and a name must be displayed verbatim.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from hierapp.runs import Run
from hierapp.trees import LabelTree

# The colours of Okabe and Ito, distinguishable with any colour vision; the blue is lighter, to be visible on black.
COLORS = ("#1f83c4", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#8F7EE7", "#7F7F7F")
# From zero to all, on white and on black; steep at the start, so that a few mistakes among many images are visible.
ON_LIGHT = ((0, "#ffffff"), (0.04, "#d9eaf6"), (0.2, "#93c4e6"), (0.5, "#3d8fc6"), (1, "#08447a"))
ON_DARK = ((0, "#161d26"), (0.04, "#1b3347"), (0.2, "#245a80"), (0.5, "#3d8fc6"), (1, "#cfe9fb"))
NUMBERS_UP_TO = 20  # with more classes there is no space for a number in each cell

Points = Sequence[tuple[float, float]]


def plain(name: str) -> str:
    """Return the name as text that Plotly displays verbatim."""
    return escape(name, quote=False)


def branch_colors(tree: LabelTree) -> list[str]:
    """Return a colour for each node: that of the child of the root above it; grey for the root."""
    colors = [COLORS[-1]] * len(tree.nodes)
    for number, top in enumerate(tree.children[0]):
        start, stop = top, (*tree.children[0], len(tree.nodes))[number + 1]
        colors[start:stop] = [COLORS[number % (len(COLORS) - 1)]] * (stop - start)
    return colors


def run_colors(runs: Sequence[Run], names: Mapping[str, str]) -> dict[str, str]:
    """Return a colour for each run's name; runs that differ only in their seed share one."""
    groups = [run.config.model_dump_json(exclude={"seed"}) for run in runs]
    number = {group: i for i, group in enumerate(dict.fromkeys(groups))}
    return {names[run.id]: COLORS[number[group] % len(COLORS)] for run, group in zip(runs, groups, strict=True)}


def layout_positions(tree: LabelTree) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return each node's position: depth to the right, leaves evenly spaced downwards, parents centred."""
    across = (tree.depth - 1).astype(np.float64)
    down = tree.leaf_ranges.mean(axis=1) - 0.5
    for node in range(len(tree.nodes) - 1, -1, -1):
        below = tree.children[node]
        if below:
            down[node] = (down[below[0]] + down[below[-1]]) / 2
    return across, down


def tree_plot(tree: LabelTree, compact: bool = False) -> go.Figure:
    """Return the tree, drawn from left to right; colours distinguish the branches below the root."""
    graph = tree.to_networkx()
    x, y = layout_positions(tree)
    at = {name: (x[i], y[i]) for i, name in enumerate(tree.nodes)}
    lines_x: list[float | None] = []
    lines_y: list[float | None] = []
    for parent, child in graph.edges:
        (x0, y0), (x1, y1) = at[parent], at[child]
        lines_x += [x0, (x0 + x1) / 2, (x0 + x1) / 2, x1, None]
        lines_y += [y0, y0, y1, y1, None]
    is_leaf = [not below for below in tree.children]
    counts = tree.leaf_ranges[:, 1] - tree.leaf_ranges[:, 0]
    plot = go.Figure(go.Scatter(x=lines_x, y=lines_y, mode="lines", line={"color": "#9aa0a6"}, hoverinfo="skip"))
    plot.add_scatter(
        x=x,
        y=y,
        mode="markers+text",
        marker={"size": [9 if leaf else 12 for leaf in is_leaf], "color": branch_colors(tree), "opacity": 1},
        text=[plain(name) for name in tree.nodes],
        textposition=["middle right" if leaf else "top center" for leaf in is_leaf],
        hovertext=[
            f"<b>{plain(name)}</b><br>depth {tree.depth[i]}" + ("" if is_leaf[i] else f", {counts[i]} classes below")
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


def matrix_plot(values: NDArray[np.int64], names: Sequence[str], what: str) -> go.Figure:
    """Return a square matrix over nodes or leaves, such as the distance matrix; `what` names the value of a cell."""
    labels = [plain(name) for name in names]
    plot = go.Figure(
        go.Heatmap(
            z=values,
            coloraxis="coloraxis",
            xgap=1,
            ygap=1,
            customdata=cell_names(labels, labels),
            hovertemplate="%{customdata[0]}, %{customdata[1]}<br>" + what + " %{z}<extra></extra>",
            **_numbers(values),
        )
    )
    return square_axes(plot, labels)


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


def curves_plot(curves: Mapping[str, Points], what: str, colors: Mapping[str, str], percent: bool = False) -> go.Figure:
    """Return one line per run over the epochs. The keys of `curves` and `colors` are the labels of the runs."""
    plot = go.Figure()
    for name, points in curves.items():
        plot.add_scatter(
            x=[epoch for epoch, _ in points],
            y=[value for _, value in points],
            name=plain(name),
            mode="lines+markers",
            marker={"size": 5 if len(points) < 60 else 1},
            line={"width": 2},
            marker_color=colors[name],
            line_color=colors[name],
            hovertemplate="epoch %{x:.4g}: %{y:" + (".1%" if percent else ".4f") + "}",
        )
    plot.update_layout(hovermode="x unified")
    plot.update_xaxes(title="epoch", rangemode="tozero", hoverformat=".4g")
    plot.update_yaxes(title=what, tickformat=".0%" if percent else None)
    # A legend with many lines must not compress the plot.
    return framed(plot, height=340 + 10 * max(0, len(curves) - 4))


def confusion_plot(confusion: NDArray[np.int64], tree: LabelTree) -> go.Figure:
    """Return the confusion matrix; rows are true classes, columns predicted ones, in the order of the tree.

    The colour of a cell is its share of the row. Lines separate the branches below the root: a mistake outside the
    blocks on the diagonal is a costly one.
    """
    labels = [plain(name) for name in tree.leaves]
    share = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    data = np.dstack([cell_names(labels, labels), confusion.astype(object)])
    plot = go.Figure(
        go.Heatmap(
            z=share,
            coloraxis="coloraxis",
            xgap=1,
            ygap=1,
            customdata=data,
            hovertemplate="true <b>%{customdata[0]}</b><br>predicted <b>%{customdata[1]}</b><br>"
            "%{customdata[2]} images, %{z:.1%} of the row<extra></extra>",
            **_numbers(confusion),
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


def class_accuracy_plot(
    plain_accuracy: Mapping[str, Sequence[float]],
    weighted: Mapping[str, Sequence[float]],
    tree: LabelTree,
    colors: Mapping[str, str],
) -> go.Figure:
    """Return a dot per class and run: class accuracy on the left, weighted class accuracy on the right."""
    plot = make_subplots(1, 2, shared_yaxes=True, horizontal_spacing=0.04)
    for column, figures in enumerate((plain_accuracy, weighted), start=1):
        for name, values in figures.items():
            plot.add_scatter(
                x=list(values),
                y=[plain(leaf) for leaf in tree.leaves],
                mode="markers",
                name=plain(name),
                legendgroup=name,
                showlegend=column == 1,
                marker={"size": 10, "color": colors[name], "opacity": 0.85},
                hovertemplate="%{y}: %{x:.1%}",
                row=1,
                col=column,
            )
    plot.update_xaxes(tickformat=".0%", range=[-0.02, 1.02], dtick=0.25, side="top")
    plot.update_xaxes(title="class accuracy", col=1)
    plot.update_xaxes(title="weighted class accuracy", col=2)
    # "category": otherwise names such as "0" would be numbers on a line.
    plot.update_yaxes(range=[len(tree.leaves) - 0.4, -0.6], automargin=True, type="category")
    plot = framed(plot, height=150 + 26 * len(tree.leaves))
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


def cell_names(rows: Sequence[str], columns: Sequence[str]) -> NDArray[np.object_]:
    """Return the names of each cell's row and column, [rows, columns, 2]."""
    pairs = np.empty((len(rows), len(columns), 2), object)
    pairs[..., 0] = np.array(rows, object)[:, None]
    pairs[..., 1] = np.array(columns, object)[None, :]
    return pairs


def _numbers(values: NDArray[np.int64]) -> dict[str, object]:
    """Return the options that print each cell's number, where there is space."""
    return {"text": values, "texttemplate": "%{text}"} if len(values) <= NUMBERS_UP_TO else {}
