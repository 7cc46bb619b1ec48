"""The part of the Runs page that steers the queue: cancel runs, set how many go at once."""

from __future__ import annotations

import os
from collections.abc import Sequence

import streamlit as st

from hierapp.launchers import local
from hierapp.store import Run
from pages.parts.common import actions, store


def cancel_menu(runs: Sequence[Run], names: dict[str, str]) -> None:
    going = [run for run in runs if run.is_open]
    may = actions()
    mine = [run.id for run in going if may.may_change(run.owner)]
    with st.popover("Cancel", icon=":material/cancel:", disabled=not going):
        if len(mine) > 1 and st.button(f"Cancel all {len(mine)}", key="cancel-all"):
            for run in mine:
                may.cancel(run)
        for run in going:
            asked = run.cancel_requested is not None
            label = f"Cancel {run.id} {names[run.id]}" + (" (stopping)" if asked else "")
            if st.button(label, key=f"cancel-{run.id}", disabled=asked or run.id not in mine):
                may.cancel(run.id)


def size_menu() -> None:
    """How many runs go at once, for the whole queue."""
    with st.popover("Queue", icon=":material/format_list_numbered:"):
        fixed = "HIERAPP_SLOTS" in os.environ
        count = st.number_input(
            "Runs at once",
            1,
            64,
            local.slots(store()),
            disabled=fixed or not actions().may_steer,
            help="set by HIERAPP_SLOTS" if fixed else "more of them share the cores, or the GPUs",
        )
        if count != local.slots(store()):
            actions().need_admin("say how many runs go at once")
            local.set_slots(store(), count)
