"""The Loss lab's saved views: save one, open one."""

from __future__ import annotations

import streamlit as st

from hierapp.errors import HierappError
from hierapp.lab import saved_views
from pages.lab.state import Lab, current
from pages.shared import common


def saved(lab: Lab) -> None:
    """Show the controls to save this view and to open saved ones."""
    with st.expander("Saved views"):
        name = st.text_input("Name", key="lab-view-name", placeholder="my example")
        no = not common.actions().may_run
        if st.button("Save this view", icon=":material/save:", disabled=no, width="stretch"):
            kept = common.actions().save_view(lab.state, name or "view")
            lab.view = (kept.name, lab.state)
            lab.settled = True
            st.toast(f"Saved as {common.escaped(kept.name)}.")
        entries = {entry.name: entry for entry in saved_views.entries()}
        for entry in entries.values():
            if entry.problem:
                st.caption(common.escaped(entry.problem))
        good = [name for name, entry in entries.items() if entry.problem is None]
        if good:
            st.selectbox("Open", good, index=None, format_func=lambda key: entries[key].title, key="lab-open",
                         on_change=_open, placeholder="a saved view")  # fmt: skip


def _open() -> None:
    lab, name = current(), st.session_state["lab-open"]
    if not name:
        return
    try:
        state = saved_views.load(name)
    except HierappError as error:
        lab.message = str(error)
        return
    lab.put(state)
    lab.view = (name, state)
