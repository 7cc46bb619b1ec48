"""The Loss lab's saved views: save one, open one."""

from __future__ import annotations

from functools import partial

import streamlit as st

from hierapp.errors import HierappError
from hierapp.lab import browser, one_file, saved_views
from pages.lab.state import Lab, current
from pages.shared import common


def saved(lab: Lab) -> None:
    """Show the controls to download this view or story, to save the view, and to open saved ones."""
    _download(lab)
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


def _download(lab: Lab) -> None:
    """Show the button that downloads the story, or outside of stories the view, as one file."""
    told = lab.state.story
    if told is None and not browser.is_complete(lab.state.losses, lab.state.decoders):
        return
    make = partial(one_file.of_state, lab.state) if told is None else partial(one_file.of_story, told)
    st.download_button(
        "Download as one file",
        make,
        f"hierapp-{told or 'lab'}.html",
        "text/html",
        on_click="ignore",
        icon=":material/download:",
        width="stretch",
        help="One HTML file that works without a network: "
        + ("this story with all its steps." if told else "this tree and its numbers."),
    )


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
