"""Search: let Optuna search for the best configuration, using only the validation images."""

import streamlit as st

from hierapp.search import deletion, journal
from pages.search import form, view as search_view
from pages.shared import common, undo

VIEWS = {"results": "Searches", "new": "New search"}


def page() -> None:
    st.title("Search")
    st.markdown(
        "Tries configurations as ordinary queued runs, and chooses the next one from the results so far. Only the"
        " **validation images** are used; the test images have no influence."
    )
    undo.show(deletion.KIND)
    known = journal.names(common.store())
    if not known:
        st.info(
            "There are no searches yet: choose below what is fixed, what varies, and how many configurations to try.",
            icon=":material/tune:",
        )
        form.form()
        return
    common.one_from_url("view", list(VIEWS), "results")
    view = common.chosen(
        st.segmented_control(
            "View",
            list(VIEWS),
            format_func=VIEWS.__getitem__,
            required=True,
            key="view",
            label_visibility="collapsed",
            wrap=True,
        )
    )
    common.to_url("view", view)
    if view == "new":
        form.form()
    else:
        search_view.show(known)


page()
