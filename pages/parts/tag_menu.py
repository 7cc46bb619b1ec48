"""The part of the Runs page that gives runs their tags."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import streamlit as st

from hierapp.runs import Run
from pages.parts.common import actions
from pages.parts.kept import kept


def tag_menu(runs: Sequence[Run], names: dict[str, str], known: Sequence[str]) -> None:
    """A field a run; `known` are the tags to choose from, and any other word may be typed."""
    mine = {run.id for run in runs if actions().may_change(run.owner)}
    with st.popover("Tags", icon=":material/label:"):
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


def _put(run: str, words: Sequence[str]) -> None:
    actions().tag(run, words)
