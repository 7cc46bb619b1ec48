"""The part of the Runs page that sets the tags and notes of runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import streamlit as st

from hierapp.runs import Run, tags
from hierapp.runs.notes import LONGEST
from pages.shared.common import actions
from pages.shared.kept import kept

ALL = "all"


def tag_menu(runs: Sequence[Run], names: dict[str, str], known: Sequence[str]) -> None:
    """Show tags and note of one run, or the tags of all.

    `known` are the suggested tags; any other word is accepted.
    """
    may_change = actions().may_change
    mine = [run for run in runs if may_change(run.owner)]
    with st.popover("Tags, notes", icon=":material/label:", disabled=not runs):
        if not runs:
            return
        st.caption("Labels to find runs: type one in the field at the top, or open `runs?tag=WORD`.")
        chosen = runs[0].id
        if len(runs) > 1:
            says = {ALL: f"All {len(mine)} chosen runs"} if len(mine) > 1 else {}
            says |= {run.id: f"{run.id} {names[run.id]}" for run in runs}
            chosen = st.selectbox(
                "Run", list(says), index=len(says) - len(runs), format_func=says.__getitem__, key="noted"
            )
        if chosen == ALL:
            _field(ALL, "Tags of all runs", tags.shared(mine), known, partial(_put_all, mine))
        for run in runs:
            if run.id == chosen:
                _of_one(run, known, may=run in mine)


def _of_one(run: Run, known: Sequence[str], may: bool) -> None:
    _field(run.id, "Tags", run.tags, known, partial(_put, run), may)
    with kept(f"note-{run.id}", run.own_note, partial(_note, run)) as bound:
        st.text_area(
            "Note",
            max_chars=LONGEST,
            height="content",
            disabled=not may,
            placeholder="Purpose and outcome of the run",
            **bound,
        )


def _field(
    name: str,
    label: str,
    has: Sequence[str],
    known: Sequence[str],
    change: Callable[[Sequence[str]], None],
    may: bool = True,
) -> None:
    with kept(f"tags-{name}", list(has), change) as bound:
        typed = st.session_state.get(f"tags-{name}", [])
        st.multiselect(
            label,
            list(dict.fromkeys([*known, *has, *typed])),
            accept_new_options=True,
            disabled=not may,
            placeholder="No tags yet",
            **bound,
        )


def _put(run: Run, words: Sequence[str]) -> None:
    _change({run.id: words}, [run])


def _put_all(runs: Sequence[Run], words: Sequence[str]) -> None:
    _change(tags.changed(runs, words), runs)


def _change(wanted: Mapping[str, Sequence[str]], runs: Sequence[Run]) -> None:
    """Change tags from those shown; what other sessions changed meanwhile stays, with a message."""
    merged = [
        run.id for run in runs if set(actions().tag(run.id, wanted[run.id], run.tags)) != set(tags.read(wanted[run.id]))
    ]
    if merged:
        st.toast(f"Tags of run {', '.join(merged)} were also changed elsewhere; both changes are kept.")


def _note(run: Run, text: str) -> None:
    actions().note(run.id, text, run.own_note)
