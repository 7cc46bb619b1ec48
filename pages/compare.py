"""Compare: settings over their seeds; tests, severity against accuracy, other decoders and trees, confusion."""

import streamlit as st

from hierapp import comparison
from pages.parts import (
    common,
    compare_choice,
    compare_confusion,
    compare_figures,
    compare_outputs,
    compare_severity,
    compare_tests,
)

common.through_router()

VIEWS = {
    "figures": ("Figures and curves", compare_figures.show),
    "tests": ("Statistics", compare_tests.show),
    "severity": ("Severity and classes", compare_severity.show),
    "outputs": ("Another decoder or tree", compare_outputs.show),
    "confusion": ("Confusion and images", compare_confusion.show),
}


def page() -> None:
    st.title("Compare")
    fields = comparison.fields(common.store().runs(states=("finished",)))
    if not fields:
        st.info("No run is finished yet: train some on two seeds or more, and their settings are compared here.")
        st.page_link("pages/train.py", label="Train", icon=":material/play_circle:")
        st.page_link("pages/runs.py", label="Runs", icon=":material/monitoring:")
        return
    chosen = compare_choice.choose(fields)
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
    with common.told():
        VIEWS[view][1](chosen)


page()
