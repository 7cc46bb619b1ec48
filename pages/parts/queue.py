"""The part of the Runs page that steers the queue: cancel runs, set how many go at once."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import streamlit as st

from hierapp import devices, slots
from hierapp.runs import Run
from pages.parts.common import store
from pages.parts.kept import kept

RUNS_AT_ONCE = {"cuda": "Runs at once on each GPU", "mps": "Runs at once on the GPU", "cpu": "Runs at once on the CPU"}


def cancel_menu(runs: Sequence[Run], names: dict[str, str]) -> None:
    going = [run for run in runs if run.is_open]
    with st.popover("Cancel", icon=":material/cancel:", disabled=not going):
        if len(going) > 1 and st.button(f"Cancel all {len(going)}", key="cancel-all"):
            for run in going:
                store().request_cancel(run.id)
        for run in going:
            asked = run.cancel_requested is not None
            label = f"Cancel {run.id} {names[run.id]}" + (" (stopping)" if asked else "")
            if st.button(label, key=f"cancel-{run.id}", disabled=asked):
                store().request_cancel(run.id)


def size_menu() -> None:
    """How many runs go at once, for the whole queue."""
    with st.popover("Queue", icon=":material/format_list_numbered:"):
        slot_fields()


def slot_fields() -> None:
    """How many runs go at once on each kind of device."""
    for kind in devices.kinds():
        fixed = slots.is_fixed(kind)
        with kept(f"slots-{kind}", slots.slots(store(), kind), partial(slots.set_slots, store(), kind)) as bound:
            st.number_input(
                RUNS_AT_ONCE[kind],
                1,
                slots.MOST,
                disabled=fixed,
                help=f"set by {slots.VARIABLE}" if fixed else "more of them share the device",
                **bound,
            )
