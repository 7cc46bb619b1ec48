"""The head of the Reproduce page: the source of the results, the progress of the runs, a table of all verdicts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pandas as pd
import streamlit as st

from hierapp.execution import estimate
from hierapp.reproduction import timing
from hierapp.reproduction.presets import Size
from hierapp.reproduction.results import PaperResults
from hierapp.reproduction.shown import DisplayedFigure
from pages.reproduce import buttons, figure
from pages.shared import common

SIZE_HELP = "quick: 5 epochs and 2 to 4 seeds, for a first look. full: 40 epochs and 5 seeds, as in the paper."


def is_going(found: Sequence[DisplayedFigure]) -> bool:
    """Return whether something is running or waiting."""
    return any(each.status.is_open for each in found) or timing.is_running()


def key_of(found: Sequence[DisplayedFigure]) -> tuple[object, ...]:
    """Return a key that changes when the figures do."""
    return is_going(found), *(each.status.key for each in found)


def show(found: Sequence[DisplayedFigure], size: Size, data: str) -> None:
    """Show the button for all figures and the table of verdicts."""
    buttons.run_button(found, size, data, "Run all figures", "all")
    if any(each.result is not None for each in found):
        _table(found)


def source(found: Sequence[DisplayedFigure], data: str) -> None:
    """Show the source of the results."""
    sources = Counter(each.source for each in found)
    here = sources["runs"] + sources["kept"]
    if here:
        what = f"{here} of {len(found)} figures {'was' if here == 1 else 'were'} measured here."
        st.markdown(f":green-badge[:material/computer: this machine] {what}")
    for kept in {id(each.outcome): each.outcome for each in found if each.source == "kept"}.values():
        assert kept is not None
        st.caption(f"{sources['kept']} of them, saved on {kept.made} by {common.escaped(kept.command)}.")
    if sources["shipped"]:
        (outcome,) = {id(each.outcome): each.outcome for each in found if each.source == "shipped"}.values()
        assert outcome is not None
        st.markdown(f":blue-badge[:material/inventory_2: shipped results] {_made(outcome)}")
    if not here and not sources["shipped"]:
        st.info(
            f"There are no results of this size for {common.escaped(common.data_title(data))}, neither from this"
            " machine nor shipped: run the figures to get results.",
            icon=":material/hourglass_empty:",
        )


def _made(outcome: PaperResults) -> str:
    """Describe the source of shipped results."""
    known = {name: value for name, value in outcome.environment.items() if value}
    machine = ", ".join(known[name] for name in ("gpu", "processor") if name in known) or "an unnamed machine"
    seeds = f"seeds {outcome.seeds[0]} to {outcome.seeds[-1]}" if outcome.seeds else "no seeds"
    took = "" if outcome.took_seconds is None else f", {estimate.words(outcome.took_seconds)}"
    return common.escaped(
        f"These results are shipped with hierapp: measured on {outcome.made} on {machine}, {outcome.runs} runs of up to"
        f" {outcome.epochs} epochs, {seeds}{took}. Run figures to replace them with your own results."
    )


def progress(found: Sequence[DisplayedFigure]) -> None:
    """Show the progress of the runs."""
    runs = {run.id: run for each in found for run in each.status.runs if run is not None}
    states = Counter(run.state for run in runs.values())
    if not states["queued"] + states["running"]:
        if timing.is_running():
            st.caption(":material/timer: The loop and the tensors of appendix A are being timed.")
        return
    wanted = {(each.group.name, each.config.seed) for one in found for each in one.status.planned}
    done = sum(run.progress for run in runs.values())
    words = ", ".join(f"{count} {state}" for state, count in states.items())
    st.progress(min(1.0, done / max(1, len(wanted))), text=f"{words}; all figures need {len(wanted)} runs")


def _table(found: Sequence[DisplayedFigure]) -> None:
    rows = []
    for each in found:
        claims = {} if each.result is None else {claim.claim: claim.verdict for claim in each.result.claims}
        for claim in each.figure.claims:
            rows.append(
                {
                    "figure": each.figure.title,
                    "claim of the paper": claim.text,
                    "here": figure.WORDS[claims[claim.text]] if claim.text in claims else "not measured",
                    "from": "" if each.source is None else figure.SOURCES[each.source],
                }
            )
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        height="content",
        alt="Each claim of the paper and whether it agrees with the results",
    )
