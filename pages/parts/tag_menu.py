"""The part of the Runs page that gives runs their tags and notes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import streamlit as st

from hierapp.notes import LONGEST
from hierapp.runs import Run
from pages.parts.common import actions
from pages.parts.kept import kept


def tag_menu(runs: Sequence[Run], names: dict[str, str], known: Sequence[str]) -> None:
    """Two fields a run; `known` are the tags to choose from, and any other word may be typed."""
    mine = {run.id for run in runs if actions().may_change(run.owner)}
    with st.popover("Tags, notes", icon=":material/label:"):
        st.caption("Words by which runs are found again: type one in the field on top, or open `runs?tag=WORD`.")
        for run in runs:
            with kept(f"tags-{run.id}", list(run.tags), partial(_put, run.id)) as bound:
                st.multiselect(
                    f"{run.id} {names[run.id]}",
                    list(dict.fromkeys([*known, *run.tags, *st.session_state.get(f"tags-{run.id}", [])])),
                    accept_new_options=True,
                    disabled=run.id not in mine,
                    placeholder="No tag yet",
                    **bound,
                )
            with kept(f"note-{run.id}", run.own_note, partial(_note, run.id)) as bound:
                st.text_area(
                    f"Note of {run.id} {names[run.id]}",
                    max_chars=LONGEST,
                    height="content",
                    disabled=run.id not in mine,
                    placeholder="No note yet",
                    label_visibility="collapsed",
                    **bound,
                )


def _put(run: str, words: Sequence[str]) -> None:
    actions().tag(run, words)


def _note(run: str, text: str) -> None:
    actions().note(run, text)
