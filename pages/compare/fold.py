"""The nodes and the chosen cell of the Compare page's confusion matrix, and the widgets that change them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from zlib import crc32

import numpy as np
import plotly.graph_objects as go
import streamlit as st
from numpy.typing import NDArray

from hierapp.analysis import confusion_tree
from hierapp.plots.confusion import DIFFERENCE_ON_DARK, DIFFERENCE_ON_LIGHT
from hierapp.plots.core import ON_DARK, ON_LIGHT
from hierapp.trees import LabelTree
from pages.components.plot import Point
from pages.shared import common

OPENED, CLOSED = "opened", "closed"


def nodes(tree: LabelTree) -> list[int]:
    """Return the displayed nodes: those of the chosen level, apart from nodes opened or closed individually.

    There are more than `confusion_tree.MOST` only if the tree allows no fewer.
    """
    levels = [str(level) for level in confusion_tree.levels(tree)]
    if len(levels) > 1:
        common.one_from_url("level", levels, str(confusion_tree.usual_level(tree)))
        level = common.chosen(
            st.segmented_control(
                "Level of the tree",
                levels,
                format_func=lambda level: "all classes" if _shows_all(tree, level) else f"level {level}",
                required=True,
                key="level",
                on_change=_forget,
                wrap=True,
            )
        )
        common.to_url("level", level)
    else:
        level = levels[0]
    opened, closed = (_names(key, tree) for key in (OPENED, CLOSED))
    found = confusion_tree.shown(tree, int(level), opened, closed)
    if len(found) > confusion_tree.MOST and opened:
        st.caption(f"More than {confusion_tree.MOST} nodes do not fit: expanded nodes were collapsed.")
        _forget()
        opened, closed = [], []
        found = confusion_tree.shown(tree, int(level))
    common.to_url(OPENED, opened)
    common.to_url(CLOSED, closed)
    return found


def _shows_all(tree: LabelTree, level: str) -> bool:
    return len(confusion_tree.shown(tree, int(level))) == len(tree.leaves)


def _names(key: str, tree: LabelTree) -> list[str]:
    """Return the opened or closed nodes that exist in this tree."""
    if key not in st.session_state:
        st.session_state[key] = st.query_params.get_all(key)
    known = set(tree.nodes)
    return [name for name in st.session_state[key] if name in known]


def _forget() -> None:
    st.session_state[OPENED], st.session_state[CLOSED] = [], []


def cell(tree: LabelTree, nodes: Sequence[int], counts: NDArray[np.int64]) -> tuple[int, int]:
    """Return row and column of the chosen cell; initially the cell with the most mistakes."""
    names = [tree.nodes[node] for node in nodes]
    off = np.abs(counts) * (1 - np.eye(len(counts), dtype=np.int64))
    most = np.unravel_index(int(off.argmax()), off.shape)
    found = []
    for key, label, usual in zip(("true", "predicted"), ("True", "Predicted"), most, strict=True):
        common.one_from_url(key, names, names[usual])
        name = st.selectbox(label, names, key=key)
        common.to_url(key, name)
        found.append(names.index(name))
    return found[0], found[1]


def toggle_buttons(tree: LabelTree, true: int, predicted: int) -> None:
    """Show buttons that open the nodes of the cell, or close the nodes that contain them."""
    both = list(dict.fromkeys((true, predicted)))
    within = dict.fromkeys(int(tree.parents[node]) for node in both)
    ways = [(node, True) for node in both if tree.children[node]] + [(node, False) for node in within if node > 0]
    if not ways:
        return
    with st.container(horizontal=True):
        for node, opens in ways:
            st.button(
                f"{'Open' if opens else 'Close'} {common.escaped(tree.nodes[node])}",
                icon=":material/unfold_more:" if opens else ":material/unfold_less:",
                key=f"{'open' if opens else 'close'}-{node}",
                on_click=_turn,
                args=(tree, node, opens),
            )


def _turn(tree: LabelTree, node: int, opens: bool) -> None:
    """Open a node, or close it with all nodes below; the chosen cell follows."""
    start, stop = tree.leaf_ranges[node]
    below = {
        tree.nodes[each]
        for each in range(node, len(tree.nodes))
        if start <= tree.leaf_ranges[each, 0] and tree.leaf_ranges[each, 1] <= stop
    }
    name = tree.nodes[node]
    opened, closed = set(st.session_state.get(OPENED, [])), set(st.session_state.get(CLOSED, []))
    if opens:
        opened, closed = opened | {name}, closed - {name}
    else:
        opened, closed = opened - below, closed | {name}
    st.session_state[OPENED], st.session_state[CLOSED] = sorted(opened), sorted(closed)
    for key in ("true", "predicted"):
        if not opens and st.session_state.get(key) in below:
            st.session_state[key] = name
        elif opens and st.session_state.get(key) == name:
            st.session_state[key] = tree.nodes[tree.children[node][0]]


def chart(plot: go.Figure, tree: LabelTree, nodes: Sequence[int], alt: str, is_difference: bool) -> None:
    """Show the matrix; a click on a cell chooses it."""
    # The key depends on the nodes: a click among other nodes is invalid.
    key = f"compare-cells-{crc32(str(list(nodes)).encode()):08x}"
    names = [tree.nodes[node] for node in nodes]
    scales = (DIFFERENCE_ON_LIGHT, DIFFERENCE_ON_DARK) if is_difference else (ON_LIGHT, ON_DARK)
    with st.container(key="compare-cells"):
        common.clickable_chart(plot, key, alt, partial(_clicked, names), scales)


def _clicked(names: Sequence[str], point: Point) -> None:
    st.session_state["true"], st.session_state["predicted"] = names[int(point["y"])], names[int(point["x"])]
