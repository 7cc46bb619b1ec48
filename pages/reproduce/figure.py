"""One figure of the Reproduce page."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import streamlit as st

from hierapp import paths
from hierapp.analysis.comparison import EVERY_TREE
from hierapp.data import registry as datasets
from hierapp.plots import reproduction as reproduction_plots
from hierapp.reproduction import state
from hierapp.reproduction.presets import Size
from hierapp.reproduction.results import Result
from hierapp.reproduction.shown import DisplayedFigure
from hierapp.reproduction.state import FigureStatus
from hierapp.runs import Store
from pages.reproduce import buttons
from pages.shared import common

WORDS = {"agrees": "✓ agrees", "differs": "✗ differs", "cannot tell": "? inconclusive"}
BADGES = {
    "agrees": ":green-badge[:material/check: agrees]",
    "differs": ":red-badge[:material/close: differs]",
    "cannot tell": ":orange-badge[:material/question_mark: inconclusive]",
}
SOURCES = {"runs": "this machine", "kept": "this machine", "shipped": "shipped"}


def judged(store: Store, status: FigureStatus, size: Size, data: str) -> Result | None:
    """Return `state.result`, cached for the same runs."""
    return _judged(paths.home(), status.key, size, data, store, status)


@st.cache_data(max_entries=100, show_spinner=False)
def _judged(
    home: Path, key: tuple[object, ...], size: Size, data: str, _store: Store, _status: FigureStatus
) -> Result | None:
    return state.result(_store, _status, size, data)


def show(found: DisplayedFigure, size: Size, data: str) -> None:
    """Show the question, what the paper saw, the result with its verdicts, and the runs."""
    figure, result = found.figure, found.result
    st.header(figure.title, anchor=figure.id, divider="gray")
    st.markdown(f"**{figure.question}**")
    left, right = st.columns([1, 2], gap="large")
    with left:
        st.markdown("**The paper reports**")
        st.markdown(common.escaped(figure.saw))
    with right:
        where = "" if found.source is None else f": {SOURCES[found.source]}"
        st.markdown(f"**Result{where}**")
        if result is None:
            st.caption("Nothing yet.")
        else:
            for judged_claim in result.claims:
                said = f"**{common.escaped(judged_claim.claim)}** {common.escaped(judged_claim.sentence)}"
                st.markdown(f"{BADGES[judged_claim.verdict]} {said}")
    if result is not None:
        _what_was_seen(result, data)
        for note in result.notes:
            st.caption(common.escaped(note))
    if limit := figure.limits.get(size.name):
        st.caption(f":material/info: {common.escaped(limit)}")
    with st.container(horizontal=True, vertical_alignment="center"):
        with st.popover("How it is judged", icon=":material/rule:"):
            for claim in figure.claims:
                st.markdown(f"**{common.escaped(claim.text)}** {common.escaped(claim.rule)}")
        _links(found)
    buttons.run_button([found], size, data, "Run this figure", figure.id)


def _what_was_seen(result: Result, data: str) -> None:
    tree = common.the_tree(datasets.find(data).default_tree) if result.plot.kind == "matrix" else None
    drawn = reproduction_plots.draw(result.plot, tree)
    if drawn is not None:
        shown = ", ".join(result.plot.lines or result.plot.dots) or "the hierarchical loss"
        common.chart(drawn, f"figure-{result.figure}", f"{result.plot.what} of {shown}")
    if result.table:
        st.dataframe(
            pd.DataFrame(result.titled_table()),
            hide_index=True,
            height="content",
            alt=f"The figures of {result.figure}",
        )


def _links(found: DisplayedFigure) -> None:
    """Show links to the runs of a result and to failed runs."""
    runs = [run for run in found.status.runs if run is not None]
    if not runs:
        return
    states = found.status.states
    ids = [run.id for run in runs]
    st.page_link(
        "pages/runs/page.py",
        label=f"Runs ({states['finished']} of {len(found.status.runs)})",
        query_params={"runs": ids},
        icon=":material/monitoring:",
    )
    finished = [run for run in runs if run.state == "finished"]
    if len({run.config.model_dump_json(exclude={"seed"}) for run in finished}) > 1:
        first = {run.config.model_dump_json(exclude={"seed"}): run.id for run in reversed(finished)}
        query = {"on": finished[0].config.data, "under": EVERY_TREE, "groups": list(first.values())}
        st.page_link("pages/compare/page.py", label="Compare", query_params=query, icon=":material/balance:")
    for run in runs:
        if run.error and not run.is_open:
            st.caption(f":material/error: Run {run.id}: {common.escaped(run.error)}")
