"""The parts of the Runs page with what is written of the chosen runs: errors, notes, configuration, log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from hierapp.execution import logs
from hierapp.runs import Run
from hierapp.utils.text import pluralize
from pages.shared import common, queue

MOST_MESSAGES = 10


def messages(runs: Sequence[Run], names: Mapping[str, str]) -> None:
    """Show errors and notes of the runs."""
    said = [run for run in runs if (run.error and not run.is_open) or run.note or run.own_note]
    for run in said[-MOST_MESSAGES:]:
        name = names[run.id]
        if run.error and not run.is_open:
            common.show_error(f"Run {run.id} ({name}): {run.error}")
        elif run.note:
            st.caption(f":material/history: Run {run.id} ({common.escaped(name)}): {common.escaped(run.note)}")
        if run.own_note:
            left, right = st.columns([1, 4])
            left.caption(f":material/edit_note: Run {run.id} ({common.escaped(name)})")
            right.text(run.own_note)  # verbatim, whatever it contains
    if len(said) > MOST_MESSAGES:
        st.caption(f"{pluralize(len(said) - MOST_MESSAGES, 'older run')} with messages or notes: choose fewer runs.")


def configuration(runs: Sequence[Run], names: Mapping[str, str]) -> None:
    """Show the configuration and the log of one run, with a button that clones it."""
    # The browser takes longer for these than for all plots.
    with st.expander("Configuration and log", key="details", on_change="rerun") as part:
        if not part.open:
            return
        by_id = {run.id: run for run in runs}
        run = by_id[st.selectbox("Run", list(by_id), format_func=names.__getitem__, key="details-run")]
        known = {name: value for name, value in run.config_values.items() if value is not None}
        st.json(known | {"device": run.device, "version": run.version, "folder": str(run.folder)})
        if run.origin == "imported":
            st.caption("These predictions were made elsewhere: there is no configuration to train again, and no log.")
            return
        if not run.is_imported:
            queue.clone_button(run)
        found = logs.tail(run.log_file)
        st.code("\n".join(found) if found else "There is no log yet.", language=None)
