"""The part of the Runs page that chooses which runs the table lists, and how; the choice is in the address."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

import streamlit as st

from hierapp.analysis import run_filter, run_frame
from hierapp.analysis.run_filter import Filter
from hierapp.analysis.run_rows import Fold
from hierapp.runs import Run
from pages.shared import common

TITLES = {"data": "Data set"}
FOLDS: dict[Fold, str] = {
    "batches": "searches and presets",
    "configurations": "seeds of a configuration",
    "nothing": "nothing",
}
USUAL = "run"  # the column that sorts at first
COLUMNS = "columns"


@dataclass(frozen=True)
class View:
    """What the table lists.

    Attributes:
        filter: which runs.
        only_chosen: whether only chosen runs are listed.
        fold: which runs are folded into one row.
        sort: the column that sorts the rows.
        descending: whether its largest value comes first.
        columns: the columns; none stands for those that say something about the runs.
        is_tall: whether the table is as tall as the window.
    """

    filter: Filter
    only_chosen: bool
    fold: Fold
    sort: str
    descending: bool
    columns: Sequence[str]
    is_tall: bool


def choose(every: Sequence[Run]) -> View:
    """Show the fields and return the choice."""
    text = st.text_input(
        "Find runs",
        key="find",
        bind="query-params",
        placeholder="Find: loss, seed 3, #tag, note",
        label_visibility="collapsed",
        width=260,
    )
    with st.popover("Filter", icon=":material/filter_list:"):
        allowed = {name: _values(name, options) for name, options in run_filter.choices(every).items()}
    with st.popover("Table", icon=":material/view_column:"):
        common.one_from_url("fold", get_args(Fold), "batches")
        fold = st.selectbox("Fold into one row", get_args(Fold), format_func=FOLDS.__getitem__, key="fold")
        common.to_url("fold", [] if fold == "batches" else fold)
        common.one_from_url("sort", run_frame.SORTED, USUAL)
        sort = st.selectbox("Sort by", run_frame.SORTED, key="sort", help="Or click the head of a column.")
        common.to_url("sort", [] if sort == USUAL else sort)
        ascending = st.checkbox("Smallest first", key="ascending", bind="query-params")
        common.from_url(COLUMNS, run_frame.COLUMNS, [])
        columns = st.multiselect("Columns", run_frame.COLUMNS, key=COLUMNS, placeholder="Those that differ")
        common.to_url(COLUMNS, columns)
        is_tall = st.checkbox("Tall", key="tall", bind="query-params", help="A table as tall as the window.")
    only_chosen = st.checkbox("Only chosen", key="only-chosen", bind="query-params")
    return View(Filter(allowed, text), only_chosen, fold, sort, not ascending, columns, is_tall)


def key_of(field: str) -> str:
    """Return the name of a filter in the page's address."""
    return field if field == "tag" else f"with-{field}"


def _values(field: str, options: Sequence[str]) -> list[str]:
    key = key_of(field)
    if key in st.session_state:  # runs may have been deleted
        st.session_state[key] = [value for value in st.session_state[key] if value in options]
    common.from_url(key, options, [])
    chosen = st.multiselect(TITLES.get(field, field.capitalize()), options, key=key, placeholder="Any")
    common.to_url(key, chosen)
    return chosen
