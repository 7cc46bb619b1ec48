"""The buttons of the Reproduce page that queue missing runs, with the estimated time."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from hierapp.data import registry as datasets
from hierapp.execution import estimate, slots
from hierapp.reproduction import planning, queueing, timing
from hierapp.reproduction.presets import Figure, Size
from hierapp.reproduction.shown import DisplayedFigure
from pages.shared import common
from pages.shared.queue import pressed


def run_button(found: Sequence[DisplayedFigure], size: Size, data: str, label: str, key: str) -> None:
    """Show a button that queues the missing runs of some figures; nothing if none are missing."""
    lacking = {(run.group.name, run.config.seed): run for each in found for run in each.status.lacking}
    untimed = any(not each.status.timed for each in found) and not timing.is_running()
    if not lacking and not untimed:
        return
    ready = datasets.status(data).state == "ready"
    figures = [each.figure for each in found]
    with st.container(horizontal=True, vertical_alignment="center"):
        pressed(
            f"{label} ({size.name})",
            f"reproduce-{key}",
            lambda: _start(figures, size, data),
            icon=":material/play_arrow:",
            type="primary" if key == "all" else "secondary",
            disabled=not ready or not common.actions().may_run,
        )
        if not ready:
            st.page_link(
                "pages/data/page.py",
                label=f"Download {common.escaped(common.data_title(data))} first",
                icon=":material/download:",
            )
        elif lacking:
            configs = [run.config for run in lacking.values()]
            at_once = slots.at_once(common.store(), configs[0].device)
            takes = estimate.estimate(common.store(), configs, at_once)
            runs = f"{len(configs)} run{'' if len(configs) == 1 else 's'} to train, {at_once} at a time"
            st.caption(f"{runs}: about {takes}{'' if takes.measured_here else ' on a machine with two cores'}")
        else:
            st.caption("A few seconds on one core" if size.name == "quick" else "A few minutes on one core")


def _start(figures: Sequence[Figure], size: Size, data: str) -> None:
    may = common.actions()
    if any("timing" in figure.needs for figure in figures) and timing.kept(size.name, data) is None:
        may.time_losses(size.name, data)
    queueing.queue(common.store(), planning.plan(figures, size, data), size.name, may)
