"""The part of the Search page that shows a search during and after its work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from hierapp.execution import scheduler
from hierapp.plots import search as search_plots
from hierapp.search import journal, report, sampler, trials
from hierapp.search.report import Report
from hierapp.utils.text import pluralize
from pages.shared import common, queue, undo

REFRESH_SECONDS = 2.0
FEW = 2  # finished trials required before lines through their values are informative


def show(known: Sequence[str]) -> None:
    """Show one of these searches, chosen by name."""
    common.one_from_url("search", known, known[0])
    name = st.selectbox("Search", known, key="search")
    common.to_url("search", name)
    st.session_state["search-is-drawn"] = True
    going = Report.of(journal.find(common.store(), name)).is_going
    common.repeated(live, REFRESH_SECONDS if going else None)(name, going)


def live(name: str, going: bool) -> None:
    """Show the parts that change while the search runs."""
    store = common.store()
    if name not in journal.names(store):  # it was deleted, here or elsewhere
        st.rerun()
    scheduler.ensure_scheduler(store)
    seen = Report.of(journal.find(store, name))
    by_itself = not st.session_state.pop("search-is-drawn", False)
    if by_itself and going != seen.is_going:
        st.rerun()  # with or without auto-refresh
    headline(seen)
    steer(seen)
    queue.refusal()
    if not seen.trials:
        st.info("The first trial is running." if seen.is_going else "Nothing has been tried yet: resume the search.")
        return
    st.header("Best so far")
    plot = search_plots.best_plot(seen.trials, report.best_so_far(seen), seen.metric)
    common.chart(plot, "search-best", "The value of each trial, and the best so far")
    table(seen)
    why(seen)


def headline(seen: Report) -> None:
    """Show the state in numbers."""
    plan = seen.search.plan
    done = sum(not trial.is_open for trial in seen.trials)
    value = "–"
    if seen.best is not None and seen.best.value is not None:
        value = f"{seen.best.value:.2%}" if seen.metric.percent else f"{seen.best.value:.4f}"
    common.facts(
        {
            "State": seen.state,
            "Trials ended": f"{done} of {plan.trials}",
            "Pruned": seen.counts.get("pruned", 0),
            f"Best {seen.metric.title}": value,
        }
    )
    st.caption(
        f"{common.escaped(common.data_title(plan.values['data']))}, tree {common.escaped(plan.values['tree'])},"
        f" {common.escaped(', '.join(plan.losses))}; {pluralize(plan.epochs, 'epoch')}."
        f" Varies: {common.escaped('; '.join(plan.varied))}."
    )
    if seen.journal.error:
        common.show_error(seen.journal.error)
    elif seen.state == "interrupted":
        st.warning(
            "The search's process is gone: resume the search to continue where it stopped.", icon=":material/warning:"
        )


def steer(seen: Report) -> None:
    """Show the buttons: stop, resume, show the runs, open the best one in the Train form."""
    search = seen.search
    mine = common.actions().may_change(search.plan.owner)
    with st.container(horizontal=True):
        queue.pressed(
            "Stop",
            "stop-search",
            lambda: common.actions().searches.stop(search.name),
            icon=":material/stop:",
            disabled=not mine or seen.state in ("finished", "stopped", "stopping"),
            help="Stops the search and its runs; Resume continues both.",
        )
        queue.pressed(
            "Resume",
            "resume-search",
            lambda: common.actions().searches.resume(search.name),
            icon=":material/resume:",
            disabled=not mine or not trials.can_resume(seen.state),
        )
        queue.pressed(
            "Delete",
            "delete-search",
            lambda: undo.offer(common.actions().searches.delete(search.name)),
            icon=":material/delete:",
            disabled=not mine or seen.is_going,
            help="Moves the search and its runs to the trash.",
        )
        ids = [trial.run.id for trial in seen.trials if trial.run and trial.run.deleted is None]
        if st.button("Show its runs", icon=":material/monitoring:", key="see-runs", disabled=not ids):
            common.show_runs(ids)
        best = seen.best.run if seen.best else None
        if (
            st.button(
                "Open the best in the Train form",
                icon=":material/content_copy:",
                key="open-best",
                disabled=best is None or not common.actions().may_run,
                help="To train it again with more seeds: the best of many trials is biased upwards.",
            )
            and best is not None
        ):
            queue.open_clone(best)


def table(seen: Report) -> None:
    """Show one row per trial, with its run."""
    st.header("Trials")
    frame = seen.table().iloc[::-1]
    links: list[Any] = [f"runs?runs={run}" if run else None for run in frame["run"]]
    frame = frame.assign(run=links)
    form = "percent" if seen.metric.percent else "%.4f"
    st.dataframe(
        frame,
        hide_index=True,
        column_config={
            "trial": st.column_config.NumberColumn(width=60),
            "run": st.column_config.LinkColumn(display_text=r"runs=(.*)", width=60, help="open on the Runs page"),
            "state": st.column_config.TextColumn(width=90),
            "epochs": st.column_config.NumberColumn(width=70),
            seen.metric.title: st.column_config.NumberColumn(format=form, width=140),
        },
        alt="The trials with their states, values and parameters",
    )
    reasons = {trial.why: trial.number for trial in seen.trials if trial.why and trial.state in ("refused", "failed")}
    for reason, number in reasons.items():
        st.caption(f":material/error: Trial {number}: {common.escaped(reason)}")


def why(seen: Report) -> None:
    """Show which parameters mattered, and which values led to which result."""
    plan, done = seen.search.plan, report.finished(seen.trials)
    left, right = st.columns([1, 2], gap="large")
    with left:
        st.header("Importances")
        if shares := seen.journal.importances:
            titles = {each.name: each.title for each in plan.dimensions}
            plot = search_plots.importance_plot({titles[name]: share for name, share in shares.items()})
            common.chart(plot, "search-importances", "Importance of each parameter for good trials")
            st.caption("Share of each parameter in what distinguishes the best trials from all (PED-ANOVA).")
        else:
            st.caption(f"Available after {sampler.ENOUGH} finished trials with different values; so far {len(done)}.")
    with right:
        st.header("Parallel coordinates")
        if len(done) >= FEW:
            plot = search_plots.parallel_plot(done, plan.dimensions, seen.metric)
            common.chart(plot, "search-parallel", "One line per finished trial through its parameter values")
            st.caption("One line per finished trial: better trials have stronger lines; the best is green.")
        else:
            st.caption("Available after the second finished trial.")
