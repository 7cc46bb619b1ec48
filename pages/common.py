"""What the pages share: the store, the look of figures, and the way to the runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from hierapp import launchers, tree_library
from hierapp.config import RunConfig
from hierapp.datasets import Dataset, find
from hierapp.figures import COLORS, ON_DARK, ON_LIGHT
from hierapp.store import Store
from hierapp.tree import LabelTree

RUNS_PAGE = "pages/runs.py"


def store() -> Store:
    return Store()


@st.cache_data(max_entries=50)
def shipped_tree(name: str) -> LabelTree:
    """A tree that ships, read once."""
    return tree_library.load(name)


def colors_of(names: Iterable[str]) -> dict[str, str]:
    """A colour for each name, in order."""
    return {name: COLORS[number % len(COLORS)] for number, name in enumerate(names)}


def chart(figure: go.Figure, key: str, alt: str) -> None:
    """Show a figure across its container; `alt` says in words what it shows."""
    dark = st.context.theme.type == "dark"
    figure.update_layout(font_color="#e8edf3" if dark else "#1b2430")
    figure.update_coloraxes(colorscale=ON_DARK if dark else ON_LIGHT)
    config = {"displaylogo": False, "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"]}
    st.plotly_chart(figure, key=key, alt=alt, config=config)


def show_runs(ids: Sequence[str]) -> None:
    """Go to the Runs page with these runs chosen."""
    st.switch_page(RUNS_PAGE, query_params={"runs": list(ids)})


def submit(configs: Sequence[RunConfig], tree: LabelTree) -> None:
    """Queue the runs and go and watch them."""
    show_runs(launchers.submit(store(), configs, tree))


def trees_for(data: str) -> dict[str, str]:
    """Names and titles of the trees over a data set's classes, its own default first."""
    entry = find(data)
    found = {tree.name: tree.title for tree in tree_library.entries(data)}
    return {entry.default_tree: found.pop(entry.default_tree, entry.default_tree), **found}


def data_title(name: str) -> str:
    entry: Dataset = find(name)
    return entry.title


def facts(values: dict[str, Any]) -> None:
    """A row of figures with their names."""
    for column, (label, value) in zip(st.columns(len(values)), values.items(), strict=True):
        column.metric(label, value)
