"""Compare: settings over their seeds; tests, severity against accuracy, other decoders and trees, confusion."""

import streamlit as st

from hierapp.analysis import comparison
from pages.compare import choice, confusion, figures, outputs, severity, tests
from pages.shared import common

VIEWS = {
    "figures": ("Figures and curves", figures.show),
    "tests": ("Statistics", tests.show),
    "severity": ("Severity and classes", severity.show),
    "outputs": ("Another decoder or tree", outputs.show),
    "confusion": ("Confusion and images", confusion.show),
}


def page() -> None:
    st.title("Compare")
    fields = comparison.fields(common.store().runs(states=("finished",)))
    if not fields:
        st.info("No run is finished yet: train some on two seeds or more, and their settings are compared here.")
        st.page_link("pages/train/page.py", label="Train", icon=":material/play_circle:")
        st.page_link("pages/runs/page.py", label="Runs", icon=":material/monitoring:")
        return
    chosen = choice.choose(fields)
    if not chosen.groups:
        st.info("No setting is chosen: choose some above.")
        return
    common.one_from_url("view", list(VIEWS), "figures")
    view = st.segmented_control(
        "View",
        list(VIEWS),
        format_func=lambda view: VIEWS[view][0],
        required=True,
        key="view",
        label_visibility="collapsed",
    )
    common.to_url("view", view)
    with common.show_errors():
        VIEWS[view][1](chosen)


page()
