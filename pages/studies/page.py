"""Studies: questions with their protocol, the runs that answer them, and verdicts by tests that were fixed before."""

import streamlit as st

from hierapp.execution import scheduler
from hierapp.studies import library
from hierapp.studies.progress import progress
from pages.shared import common, queue
from pages.shared.messages import show_warning
from pages.studies import results, running

REFRESH_SECONDS = 3.0


def live(name: str) -> None:
    """Show the runs of a study; the whole page is drawn again when they are at another stage."""
    store, study = common.store(), library.find(name)
    scheduler.ensure_scheduler(store)
    found = progress(store, study)
    if not found.is_open:
        st.rerun()
    running.bar(found)


def page() -> None:
    st.title("Studies")
    st.markdown(
        "Each study asks one question: every group is tuned with the same budget on validation images, trained with the"
        " same seeds, read by the same decoders, and judged by tests that were fixed before the first run."
    )
    mine, refused = library.own()
    studies = library.shipped() | mine
    for sentence in refused:
        show_warning(sentence)
    common.one_from_url("study", list(studies), next(iter(studies)))
    name = st.selectbox("Study", list(studies), format_func=lambda each: studies[each].title, key="study")
    common.to_url("study", name)
    study = studies[name]
    queue.refusal()
    st.markdown(f"**{study.question}**")
    st.caption(running.words(study))
    running.start(study, lambda: common.repeated(live, REFRESH_SECONDS)(name))
    results.show(study)


page()
