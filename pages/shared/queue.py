"""The queue controls of the Runs page: cancel and resume runs, order the queue, set the number of parallel runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import streamlit as st

from hierapp import losses
from hierapp.access.actions import BACKWARDS
from hierapp.analysis import summary
from hierapp.data import registry as datasets
from hierapp.data.dataset import Kind
from hierapp.errors import HierappError
from hierapp.execution import slots
from hierapp.runs import Run
from hierapp.runs.store import Place
from hierapp.training import RunConfig
from hierapp.training.form_fields import GROUPS, FormField, fields_of, usual_value
from hierapp.utils import devices
from pages.shared.common import actions, store
from pages.shared.kept import kept
from pages.shared.messages import escaped, show_error, show_warning
from pages.shared.run_fields import key_of

RUNS_AT_ONCE = {"cuda": "Runs at once on each GPU", "mps": "Runs at once on the GPU", "cpu": "Runs at once on the CPU"}
SHOWN = 20  # waiting runs
LISTED = 30  # runs in a menu
REFUSED, CLONED = "queue-refused", "cloned"
MOVES: dict[Place, str] = {
    "first": ":material/vertical_align_top:",
    "earlier": ":material/keyboard_arrow_up:",
    "later": ":material/keyboard_arrow_down:",
    "last": ":material/vertical_align_bottom:",
}


def pressed(label: str, key: str, act: Callable[[], object], **look: Any) -> None:
    """Show a button that acts before the page is redrawn; `refusal` shows the reason if the action is rejected."""

    def press() -> None:
        try:
            act()
        except HierappError as error:
            st.session_state[REFUSED] = str(error)

    st.button(label, key=key, on_click=press, **look)


def refusal() -> None:
    """Show why the last action was rejected, if it was: its button may no longer exist."""
    if REFUSED in st.session_state:
        show_error(st.session_state.pop(REFUSED))


def cancel_menu(runs: Sequence[Run], names: Mapping[str, str]) -> None:
    """Show a menu that cancels the runs that wait or run."""
    going = [run for run in runs if run.is_open]
    may_change = actions().may_change
    mine = [run.id for run in going if may_change(run.owner)]
    with st.popover("Cancel", icon=":material/cancel:", disabled=not going, key="cancel-menu", on_change="rerun"):
        if len(mine) > 1:
            pressed(f"Cancel all {len(mine):,}", "cancel-all", partial(_cancel, mine))
        for run in going[:LISTED]:
            asked = run.cancel_requested is not None
            label = f"Cancel {run.id} {escaped(names[run.id])}" + (" (stopping)" if asked else "")
            no = asked or run.id not in mine
            pressed(label, f"cancel-{run.id}", partial(_cancel, [run.id]), disabled=no)
        _further(going)


def resume_menu(runs: Sequence[Run], names: Mapping[str, str]) -> None:
    """Show a menu that resumes the runs that were stopped."""
    stopped = [run for run in runs if run.can_resume]
    may_change = actions().may_change
    mine = [run.id for run in stopped if may_change(run.owner)]
    with st.popover("Resume", icon=":material/resume:", disabled=not stopped, key="resume-menu", on_change="rerun"):
        if len(mine) > 1:
            pressed(f"Resume all {len(mine):,}", "resume-all", partial(_resume, mine))
        for run in stopped[:LISTED]:
            label = f"Resume {run.id} {escaped(names[run.id])}"
            pressed(label, f"resume-{run.id}", partial(_resume, [run.id]), disabled=run.id not in mine)
        _further(stopped)


def _further(runs: Sequence[Run]) -> None:
    if len(runs) > LISTED:
        st.caption(f"and {len(runs) - LISTED:,} more")


def _cancel(runs: Sequence[str]) -> None:
    st.session_state["cancel-menu"] = False  # an open menu would be left empty
    for run in runs:
        actions().cancel(run)


def _resume(runs: Sequence[str]) -> None:
    st.session_state["resume-menu"] = False
    for run in runs:
        actions().resume(run)


def queue_menu() -> None:
    """Show the waiting runs of all users in order, and the number of parallel runs."""
    counts = store().counts()
    waiting = counts.get("queued", 0)
    with st.popover("Queue", icon=":material/format_list_numbered:"):
        slot_fields()
        if not waiting:
            st.caption("No runs are queued.")
            return
        st.markdown(f"**{waiting} queued**, in the order of execution")
        shown = store().queue(SHOWN)
        names = summary.labels(shown)
        for run in shown:
            _waiting_run(
                run, names[run.id], is_first=run is shown[0], is_last=run is shown[-1] and len(shown) == waiting
            )
        if waiting > len(shown):
            st.caption(f"and {waiting - len(shown):,} more")


def _waiting_run(run: Run, name: str, is_first: bool, is_last: bool) -> None:
    may = actions()
    mine = may.may_change(run.owner)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        words = [f"**{run.id}** {escaped(name)}"]
        words += [f"priority {run.priority}"] if run.priority else []
        words += [":gray-badge[held]"] if run.held else []
        st.markdown(" · ".join(words), width="stretch")
        for place, icon in MOVES.items():
            allowed = mine and (may.may_steer or place in BACKWARDS)
            allowed &= not (is_last if place in BACKWARDS else is_first)
            look = {"icon": icon, "help": f"Move {place}", "type": "tertiary", "disabled": not allowed}
            pressed("", f"move-{place}-{run.id}", partial(_act, "move", run.id, place), **look)
        event, icon = ("release", ":material/play_arrow:") if run.held else ("hold", ":material/pause:")
        look = {"icon": icon, "help": event.capitalize(), "type": "tertiary", "disabled": not mine}
        pressed("", f"{event}-{run.id}", partial(_act, event, run.id), **look)


def clone_button(run: Run) -> None:
    """Show a button that opens the Train form with a run's configuration."""
    if actions().may_run and st.button("Clone and edit", icon=":material/content_copy:", key="clone"):
        open_clone(run)


def open_clone(run: Run) -> None:
    """Open the Train form with a run's configuration, and with its own tree and similarity."""
    cloned = actions().clone(run.id)
    st.session_state[CLONED] = cloned
    st.switch_page("pages/train/page.py", query_params=form_of(cloned.config))


def clone_notes(data: str, tree: str) -> None:
    """Show what differs from the run that was cloned last, while the form still has its data set or its tree."""
    cloned = st.session_state.get(CLONED)
    if cloned is not None and (cloned.config.data == data or cloned.config.tree == tree):
        for note in cloned.notes:
            show_warning(note)


def form_of(config: RunConfig) -> dict[str, str | list[str]]:
    """Return a configuration as parameters of the Train page's address."""
    known = {option.name: option for option in losses.find(config.loss).options}
    entry = datasets.catalogue().get(config.data)
    kind: Kind = "images" if entry is None else entry.kind
    changed = {
        f"{config.loss}.{name}": known[name].text(value)
        for name, value in config.options.items()
        if name in known and known[name].default != value
    }
    return {
        "data": config.data,
        "label-tree": config.tree,
        "loss": [config.loss],
        "model": config.model,
        "first-seed": str(config.seed),
        **{
            key_of(field.name, kind): _written(field, getattr(config, field.name))
            for group in GROUPS
            for field in fields_of(group).values()
            if getattr(config, field.name) != usual_value(field, entry)
        },
        **changed,
    }


def _written(field: FormField, value: object) -> str:
    return str(value).lower() if field.kind is bool else field.text(value)


def slot_fields() -> None:
    """Show fields for the number of parallel runs on each kind of device."""
    may_steer = actions().may_steer
    for kind in devices.kinds():
        fixed = slots.is_fixed(kind)
        change = partial(_act, "set_slots", kind)
        with kept(f"slots-{kind}", slots.slots(store(), kind), change) as bound:
            st.number_input(
                RUNS_AT_ONCE[kind],
                1,
                slots.MOST,
                disabled=fixed or not may_steer,
                help=f"set by {slots.VARIABLE}" if fixed else "Several runs share the device.",
                **bound,
            )


def _act(name: str, *arguments: object) -> object:
    """Perform an action as the current user: rights may have changed since the button was drawn."""
    return getattr(actions(), name)(*arguments)
