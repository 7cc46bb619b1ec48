"""Compare: groups over their seeds; tests, severity against accuracy, other decoders and trees, confusion."""

import streamlit as st

from hierapp.analysis import comparison
from pages.compare import choice, confusion, maps, metrics, outputs, paper_menu, severity, tests
from pages.shared import common

VIEWS = {
    "metrics": ("Metrics and curves", metrics.show),
    "tests": ("Statistics", tests.show),
    "severity": ("Severity and classes", severity.show),
    "outputs": ("Another decoder or tree", outputs.show),
    "confusion": ("Confusion and images", confusion.show),
    "maps": ("Label maps", maps.show),
}


def page() -> None:
    st.title("Compare")
    fields = comparison.fields(common.store().runs(states=("finished",)))
    if not fields:
        st.info("There are no finished runs yet: train some with two or more seeds to compare their groups here.")
        st.page_link("pages/train/page.py", label="Train", icon=":material/play_circle:")
        st.page_link("pages/runs/page.py", label="Runs", icon=":material/monitoring:")
        return
    common.rename_in_url({"settings": "groups", "figure": "metric"})
    chosen = choice.choose(fields)
    if not chosen.groups:
        st.info("No group is chosen: choose at least one above.")
        return
    if st.query_params.get("view") == "figures":  # an older address
        st.query_params["view"] = "metrics"
    paper_menu.show(chosen)
    views = [view for view in VIEWS if view != "maps" or maps.applies(chosen)]
    common.one_from_url("view", views, "metrics")
    view = common.chosen(
        st.segmented_control(
            "View",
            views,
            format_func=lambda view: VIEWS[view][0],
            required=True,
            key="view",
            label_visibility="collapsed",
            wrap=True,
        )
    )
    common.to_url("view", view)
    st.session_state[common.LAST_COMPARISON] = {key: st.query_params.get_all(key) for key in st.query_params}
    with common.show_errors():
        VIEWS[view][1](chosen)


page()
