"""Runs: the table of all runs, what can be done with the chosen ones, and their curves and results."""

from collections.abc import Sequence

import streamlit as st

from hierapp.analysis import comparison, summary
from hierapp.execution import scheduler
from hierapp.plots.curves import told_apart
from hierapp.runs import Run
from pages.runs import curves, details, export_menu, outcome, rates, results, table, tag_menu, trash_menu, view
from pages.runs.view import View
from pages.shared import common, queue

REFRESH_SECONDS = 1.0
ONE_SUBMISSION_SECONDS = 2.0  # runs queued this close together come from one click
store = common.store()


def latest(runs: Sequence[Run]) -> list[str]:
    """Return the runs of the last click."""
    return [run.id for run in runs if runs[-1].created - run.created < ONE_SUBMISSION_SECONDS]


def live(shown: View, going: bool) -> None:
    """Show all that depends on the choice of runs, or changes while runs are active."""
    scheduler.ensure_scheduler(store)
    if trouble := scheduler.trouble(store):
        common.show_warning(trouble)
    every = store.runs()
    # Not while the page is drawn: a browser that receives two pages at once may treat the second one's widgets as
    # empty.
    by_itself, has_changed = not st.session_state.pop("page-is-drawn", False), trash_menu.has_changed()
    if by_itself and (has_changed or going != any(run.is_open for run in every)):
        st.rerun()  # with or without auto-refresh
    chosen = table.show(every, shown)
    common.to_url(table.CHOSEN, [run.id for run in chosen])
    names = summary.labels(chosen)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(table.counted(every, chosen), width="content")
        table.choose_menu()
        queue.cancel_menu(chosen, names)
        queue.resume_menu(chosen, names)
        queue.queue_menu()
        tag_menu.tag_menu(chosen, names, sorted({tag for run in every for tag in run.tags}))
        compare_button(every, chosen)
        export_menu.export_menu(chosen)
        trash_menu.delete_menu(chosen, names)
    queue.refusal()
    if not chosen:
        st.info("No run is chosen: choose rows of the table.")
        return
    # Containers: a chart that moved down among its siblings would be drawn again, without the user's zoom.
    with st.container():
        details.messages(chosen, names)
    results.pause("curves")
    drawn = told_apart(chosen)
    with st.container():
        if len(drawn) < len(chosen):
            st.caption(
                f"The latest {len(drawn)} of the {len(chosen):,} chosen runs are drawn: colors and dashes of more"
                f" cannot be told apart. {len(chosen) - len(drawn):,} are not drawn."
            )
    curves.show(drawn, names)
    with st.container():
        if not rates.show(chosen):
            outcome.show(chosen)
    results.pause("results")
    results.show(chosen, drawn, names)
    details.configuration(chosen, names)


def compare_button(every: Sequence[Run], chosen: Sequence[Run]) -> None:
    """Show a button that opens the groups of the chosen runs on the Compare page."""
    finished = [run for run in every if run.state == "finished"]
    ids = {run.id for run in chosen}
    pressed = st.button(
        "Compare",
        icon=":material/balance:",
        key="compare",
        disabled=not any(run.id in ids for run in finished),
        help="Compare the groups of the chosen runs that have finished.",
    )
    if pressed:
        place = comparison.place_of(finished, ids)
        query = {"on": place.data, "under": place.tree, "groups": list(place.groups)}
        st.switch_page("pages/compare/page.py", query_params=query)


def page() -> None:
    every = store.runs()
    if not every:
        st.title("Runs")
        trash_menu.undo()
        trash_menu.trash_menu()
        queue.refusal()
        st.info(
            "There are no runs yet. Compare losses with one click on the Start page, or configure runs on the"
            " Train page."
        )
        st.page_link("pages/start/page.py", label="Start", icon=":material/home:")
        st.page_link("pages/train/page.py", label="Train", icon=":material/play_circle:")
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.title("Runs", width="content")
        shown = view.choose(every)
        trash_menu.trash_menu()
    trash_menu.undo()
    ids = [run.id for run in every]
    if table.CHOSEN in st.session_state:  # another page or user may have deleted some
        known = set(ids)
        st.session_state[table.CHOSEN] = [run for run in st.session_state[table.CHOSEN] if run in known]
    asked = set(st.query_params.get_all("tag"))
    common.from_url(table.CHOSEN, ids, [run.id for run in every if asked & set(run.tags)] or latest(every))
    st.session_state["page-is-drawn"] = True
    going = any(run.is_open for run in every)
    common.repeated(live, REFRESH_SECONDS if going else None)(shown, going)


page()
