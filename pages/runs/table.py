"""The Runs page's table of all runs, in which rows are chosen and folds are opened."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from hierapp.analysis import run_frame, run_rows
from hierapp.execution.estimate import words
from hierapp.runs import Run
from hierapp.utils.recent import Recent
from hierapp.utils.text import pluralize
from pages.runs.view import View
from pages.shared import common

CHOSEN = common.CHOSEN_RUNS
OPENED = "opened"  # the opened folds
_TABLE, _ROWS, _CLICK, _WINDOW, _TELL = "runs-table", "runs-rows", "runs-fold", "", "runs-tell"
_NUMBER, _VIEW = "runs-table-number", "runs-view"
TOLD = 3  # how often a browser is told that chosen rows have moved: a busy one may skip what is soon replaced
SILENCE_SECONDS = 30.0  # a worker sends a heartbeat every two
ROW, HEAD = 35, 37  # pixels
MOST_ROWS, TALL_ROWS = 6, 20


def show(every: Sequence[Run], view: View) -> list[Run]:
    """Show the table; return the chosen runs, oldest first."""
    chosen = set(st.session_state[CHOSEN])
    listed = view.filter.of(every)
    if view.only_chosen:
        listed = [run for run in listed if run.id in chosen]
    made = _made(listed, view, tuple(st.session_state.get(OPENED, ())))
    _renew(len(made.runs_of), view)
    st.session_state[_ROWS] = made.runs_of
    places = run_rows.positions(made.runs_of, chosen)
    selection = {"selection": {"rows": places, "columns": [], "cells": []}}
    state = st.session_state.get(key())
    if state is not None and state["selection"]["rows"] != places:  # rows have moved
        st.session_state[_TELL] = TOLD
    if st.session_state.get(_TELL, 0) > 0:
        st.session_state[_TELL] -= 1
        st.session_state[key()] = selection
    if made.runs_of:
        _table(made, view, selection)
    else:
        st.info("No run is like this: change the text or the filter.")
    return [run for run in every if run.id in chosen]


def key() -> str:
    """Return the key of the table."""
    return f"{_TABLE}-{st.session_state[_NUMBER]}"


def _renew(count: int, view: View) -> None:
    """Let the browser make a new table if rows are gone: it would take those that are missing as no longer chosen."""
    before = len(st.session_state.get(_ROWS, ()))
    st.session_state.setdefault(_NUMBER, 0)
    if count < before or st.session_state.get(_VIEW, view) != view:
        st.session_state[_NUMBER] += 1
        st.session_state[_TELL] = 0
    st.session_state[_VIEW] = view


@dataclass(frozen=True)
class _Made:
    """A table without what a session has chosen in it: for each row's key its runs, the cells, and how they look."""

    runs_of: Mapping[str, Sequence[str]]
    cells: pd.DataFrame
    config: Mapping[str, Any]


# Computed once for all sessions that show the same runs.
_MADE = Recent[_Made](most=20)


def _made(listed: Sequence[Run], view: View, opened: tuple[str, ...]) -> _Made:
    is_going = any(run.is_open for run in listed)
    now = int(time.time()) if is_going else 0  # durations, time left
    how = (view.fold, view.sort, view.descending, tuple(view.columns))
    key = (tuple(run.reading for run in listed), how, opened, now)
    return _MADE.get(key, lambda: _make(listed, view, opened, is_going))


def _make(listed: Sequence[Run], view: View, opened: Sequence[str], is_going: bool) -> _Made:
    rows = run_rows.rows(listed, view.fold, opened, run_frame.value_of(view.sort), view.descending)
    if not rows:
        return _Made({}, pd.DataFrame(), {})
    frame = run_frame.frame(rows, state_of)
    columns = list(view.columns) or run_frame.usual_columns(frame, is_going)
    if any(row.is_fold for row in rows):
        icons = [":material/expand_more:" if row.is_open else ":material/chevron_right:" for row in rows]
        frame[_WINDOW] = [icon if row.is_fold else None for icon, row in zip(icons, rows, strict=True)]
        columns = [_WINDOW, *columns]
    return _Made(run_rows.runs_of(rows), frame[columns], _config(frame, columns))


def _table(made: _Made, view: View, selection: Any) -> None:
    count, most = len(made.cells), TALL_ROWS if view.is_tall else MOST_ROWS
    st.dataframe(
        made.cells,
        key=key(),
        hide_index=True,
        height=HEAD + ROW * min(count, most) + (ROW // 2 if count > most else 2),
        selection_mode="multi-row",
        on_select=_choose,
        selection_default=selection,
        column_config=made.config,
        placeholder="",
        alt="The runs, their progress, and their metrics on the test images",
    )


def _config(frame: pd.DataFrame, columns: Sequence[str]) -> dict[str, Any]:
    number, text = st.column_config.NumberColumn, st.column_config.TextColumn
    longest = max(map(len, frame["name"]))
    config: dict[str, Any] = {
        _WINDOW: st.column_config.ButtonColumn("", width=40, type="tertiary", key=_CLICK, on_click=_turn),
        "run": number(width=55, format="%d"),
        "name": text("loss", width=max(150, min(300, 7 * longest))),
        "state": text(width=150 if frame["state"].str.len().max() > 11 else 90),
        "progress": st.column_config.ProgressColumn(min_value=0, max_value=1, format="percent", width=95),
        "epochs": text(width=75),
        "seed": number(width=50, format="%d"),
        "val accuracy": number(format="percent", width=90),
        "test accuracy": number(format="percent", width=95),
        "mean distance": number(format="%.4f", width=100, help="lca-depth distance, mean over all test images"),
        "severity": number(format="%.3f", width=65, help="lca-depth distance, mean over the mistakes only"),
        "class accuracy": number(format="percent", width=100, help="mean over the classes, test images"),
        "weighted class accuracy": number(format="percent", help="mean over the classes, test images"),
        "mean absolute error": number(format="%.3f", help="in the numbers that the classes are named after"),
        **dict.fromkeys(
            ("within one class", "within two classes"), number(format="percent", help="in the order of the classes")
        ),
        "date": text(width=125, help="when the run was queued"),
        "duration": text(width=75, help="time of training; of a fold, the sum"),
    }
    return {name: made for name, made in config.items() if name in columns}


def counted(every: Sequence[Run], chosen: Sequence[Run]) -> str:
    """Return how many runs are listed and chosen, in words."""
    shown = {run for runs in st.session_state[_ROWS].values() for run in runs}
    hidden = sum(run.id not in shown for run in chosen)
    listed = pluralize(len(every), "run") if len(shown) == len(every) else f"{len(shown):,} of {len(every):,} runs"
    return f"{listed}, {len(chosen):,} chosen" + (f" ({hidden:,} not listed)" if hidden else "")


def _choose() -> None:
    """Take over the choice of rows in the browser."""
    st.session_state[_TELL] = 0
    runs_of = st.session_state[_ROWS]
    keys = list(runs_of)
    now = {keys[place] for place in st.session_state[key()]["selection"]["rows"] if place < len(keys)}
    chosen = st.session_state[CHOSEN]
    before = {key for key, runs in runs_of.items() if set(runs) <= set(chosen)}
    st.session_state[CHOSEN] = run_rows.rechosen(runs_of, before, now, chosen)


def choose_menu() -> None:
    """Show buttons that choose the listed runs, or none: the boxes of the rows cannot be reached by keyboard."""
    with st.popover("Choose", icon=":material/checklist:", help="What is listed depends on Find and Filter."):
        st.button("Add all listed runs", key="choose-listed", on_click=_choose_listed, width="stretch")
        st.button("Choose none", key="choose-none", on_click=_choose_none, width="stretch")


def _choose_listed() -> None:
    listed = [run for runs in st.session_state[_ROWS].values() for run in runs]
    st.session_state[CHOSEN] = list(dict.fromkeys([*st.session_state[CHOSEN], *listed]))


def _choose_none() -> None:
    st.session_state[CHOSEN] = []


def _turn() -> None:
    """Open or close the fold that was clicked."""
    place = st.session_state[_CLICK]["row"]
    keys = list(st.session_state[_ROWS])
    if place < len(keys):
        key, opened = keys[place], list(st.session_state.get(OPENED, ()))
        st.session_state[OPENED] = [each for each in opened if each != key] if key in opened else [*opened, key]


def state_of(run: Run) -> str:
    """Return the state of a run in words, with what is left to do."""
    if run.cancel_requested is not None and run.is_open:
        return "stopping"
    if run.held and run.state == "queued":
        return "queued, held"
    if run.state == "running":
        state = "starting" if run.started is None else "running"
        if run.heartbeat is not None and time.time() - run.heartbeat > SILENCE_SECONDS:
            return f"{state}, no update for {words(time.time() - run.heartbeat)}"
        if run.started is None:
            return state
    return run.state if run.seconds_left is None else f"{run.state}, {words(run.seconds_left)} left"
