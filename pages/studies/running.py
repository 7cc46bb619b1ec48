"""The runs of a study on the Studies page: how many there are, a button that queues them, their progress."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from hierapp.data import registry as datasets
from hierapp.errors import HierappError
from hierapp.execution import estimate, slots
from hierapp.studies import library, progress as studies
from hierapp.studies.planning import candidates
from hierapp.studies.progress import StudyProgress
from hierapp.studies.spec import Study
from pages.shared import common
from pages.shared.messages import show_error
from pages.shared.queue import pressed

LABELS = {"tuning": "Queue the tuning runs", "training": "Queue the runs with the chosen values"}


def words(study: Study) -> str:
    """Describe what is trained."""
    each = sum(max(1, group.permutations) for group in study.groups)
    tuned = f", tuned by {len(candidates(study)) * len(study.tuning_seeds)} runs per group" if study.tuning else ""
    return common.escaped(
        f"{study.data} with the tree {study.tree}: {len(study.groups)} groups, {study.seeds * each:,} runs with"
        f" {study.seeds} seeds{tuned}; read by {', '.join(study.decoders)}."
    )


def start(study: Study, live: Callable[[], None]) -> None:
    """Show the progress of the runs while some are open, else a button that queues what is missing."""
    if study.data not in datasets.catalogue() or datasets.status(study.data).state != "ready":
        how = f"create it with `{study.data_from}`" if study.data_from else "see the Data page"
        st.info(f"The data set {common.escaped(study.data)} is not here; {how}.", icon=":material/database:")
        return
    try:
        found = studies.progress(common.store(), study)
    except HierappError as error:
        show_error(error)
        return
    if found.is_open:
        live()
    elif lacking := found.lacking():
        with st.container(horizontal=True, vertical_alignment="center"):
            pressed(
                LABELS[found.stage],
                f"study-{study.name}",
                lambda: studies.advance(common.store(), study, common.actions()),
                icon=":material/play_arrow:",
                type="primary",
                disabled=not common.actions().may_run,
            )
            configs = [run.config for run in lacking]
            at_once = slots.at_once(common.store(), configs[0].device)
            takes = estimate.estimate(common.store(), configs, at_once)
            st.caption(f"{len(configs)} runs, {at_once} at a time: about {takes}")
    elif not library.own_csv(study).is_file():
        _compute(found)


def _compute(found: StudyProgress) -> None:
    """Show a button that reads the stored outputs of all runs, which takes about a second for each."""
    place = st.empty()
    if not place.button(
        "Compute the results", icon=":material/calculate:", type="primary", disabled=not common.actions().may_run
    ):
        return
    total = len(found.study.decoders) * sum(run is not None and run.state == "finished" for _, run in found.tests)
    bar = place.progress(0.0, text="Reading the outputs of the runs")
    try:
        common.actions().collect_study(found, lambda rows: bar.progress(rows / max(1, total)))
    except HierappError as error:
        show_error(error)
    else:
        place.empty()


def bar(found: StudyProgress) -> None:
    """Show how far the runs of the current stage are."""
    said = ", ".join(f"{count} {state}" for state, count in found.states.items())
    done = sum(run.progress for _, run in found.current if run is not None)
    st.progress(min(1.0, done / max(1, len(found.current))), text=f"{found.stage}: {said} of {len(found.current)}")
