"""Search: let Optuna search for the best configuration, using only the validation images."""

import streamlit as st

from hierapp.search import journal
from pages.search import form, view as search_view
from pages.shared import common

VIEWS = {"results": "Searches", "new": "New search"}


def page() -> None:
    st.title("Search")
    st.markdown(
        "Tries configurations as ordinary runs of the queue and learns from each which one to try next, by the"
        " **validation images** alone; the test images have no say."
    )
    known = journal.names(common.store())
    if not known:
        st.info(
            "No search yet: say below what stays and what varies, and how many configurations are to be tried.",
            icon=":material/tune:",
        )
        form.form()
        return
    common.one_from_url("view", list(VIEWS), "results")
    view = common.chosen(
        st.segmented_control(
            "View", list(VIEWS), format_func=VIEWS.__getitem__, required=True, key="view", label_visibility="collapsed"
        )
    )
    common.to_url("view", view)
    if view == "new":
        form.form()
    else:
        search_view.show(known)


page()
