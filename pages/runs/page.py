"""Runs: live curves, confusion matrices, class accuracy and weighted class accuracy, logs, cancel."""

import time
from collections.abc import Sequence

import streamlit as st

from hierapp.analysis import summary
from hierapp.execution import logs, scheduler
from hierapp.execution.estimate import words
from hierapp.plots import core as plots
from hierapp.runs import Run
from hierapp.runs.curves import Curves
from pages.runs import export_menu, outcome, results, tag_menu, trash_menu
from pages.shared import common, queue

REFRESH_SECONDS = 1.0
SILENCE_SECONDS = 30.0  # a worker sends a heartbeat every two
ONE_SUBMISSION_SECONDS = 2.0  # runs queued this close together come from one click
store = common.store()


def latest(runs: Sequence[Run]) -> list[str]:
    """Return the runs of the last click."""
    return [run.id for run in runs if runs[-1].created - run.created < ONE_SUBMISSION_SECONDS]


def progress_table(runs: Sequence[Run], names: dict[str, str]) -> None:
    frame = summary.table(runs)
    frame["name"] = [names[run.id] for run in runs]
    frame["state"] = [state_of(run) for run in runs]
    frame["progress"] = [run.progress for run in runs]
    several_owners = len({run.owner for run in runs}) > 1
    if several_owners:
        frame["owner"] = [run.owner or "command line" for run in runs]
    percent, number = st.column_config.NumberColumn, st.column_config.NumberColumn
    st.dataframe(
        frame,
        hide_index=True,
        column_order=[
            "name",
            *["owner"] * several_owners,
            "state",
            "progress",
            "epochs",
            "val accuracy",
            *summary.TEST_METRICS,
        ],
        column_config={
            "name": st.column_config.TextColumn(width=max(185, min(300, 7 * max(map(len, names.values()))))),
            "owner": st.column_config.TextColumn(width=130),
            "state": st.column_config.TextColumn(width=150 if any(run.is_open for run in runs) else 90),
            "progress": st.column_config.ProgressColumn(min_value=0, max_value=1, format="percent", width=100),
            "epochs": st.column_config.TextColumn(width=80),
            "val accuracy": percent(format="percent", width=90),
            "test accuracy": percent(format="percent", width=95),
            "mean distance": number(format="%.4f", width=100, help="lca-depth distance, mean over all test images"),
            "severity": number(format="%.3f", width=65, help="lca-depth distance, mean over the mistakes only"),
            "class accuracy": percent(format="percent", width=100, help="mean over the classes, test images"),
            "weighted class accuracy": percent(format="percent", help="mean over the classes, test images"),
        },
        placeholder="",
        alt="The runs, their progress, and their metrics on the test images",
    )
    for run in runs:
        if run.error and not run.is_open:
            common.show_error(f"Run {run.id} ({names[run.id]}): {run.error}")
        elif run.note:
            st.caption(f":material/history: Run {run.id} ({common.escaped(names[run.id])}): {common.escaped(run.note)}")
        if run.own_note:
            left, right = st.columns([1, 4])
            left.caption(f":material/edit_note: Run {run.id} ({common.escaped(names[run.id])})")
            right.text(run.own_note)  # verbatim, whatever it contains


def state_of(run: Run) -> str:
    if run.cancel_requested is not None and run.is_open:
        return "stopping"
    if run.held and run.state == "queued":
        return "queued, held"
    if run.state == "running":
        state = "starting" if run.started is None else "running"
        if run.heartbeat is not None and time.time() - run.heartbeat > SILENCE_SECONDS:
            return f"{state}, no update for {words(time.time() - run.heartbeat)}"
        if run.started is None:
            return state
    return run.state if run.seconds_left is None else f"{run.state}, {words(run.seconds_left)} left"


def curves() -> Curves:
    """Return the reader of the displayed runs' curves; each read loads only new points."""
    kept = st.session_state.get("curves")
    if kept is None or kept.store is not store:
        kept = st.session_state["curves"] = Curves(store)
    return kept


def live(ids: Sequence[str], going: bool, known: Sequence[str]) -> None:
    """Show the parts that change while runs are active."""
    trash_menu.redraw()
    scheduler.ensure_scheduler(store)
    if trouble := scheduler.trouble(store):
        common.show_warning(trouble)
    runs = store.runs(ids)
    # Not while the page is drawn: a browser that receives two pages at once may treat the second one's widgets as
    # empty.
    by_itself = not st.session_state.pop("page-is-drawn", False)
    if by_itself and going != any(run.is_open for run in runs):
        st.rerun()  # with or without auto-refresh
    names = summary.labels(runs)
    progress_table(runs, names)
    with st.container(horizontal=True):
        queue.cancel_menu(runs, names)
        queue.resume_menu(runs, names)
        queue.queue_menu()
        tag_menu.tag_menu(runs, names, known)
        export_menu.export_menu(runs)
        trash_menu.delete_menu(runs, names)
    queue.refusal()
    outcome.show(runs)
    if "seen" not in st.session_state:
        # Show the table before the plots, which take the browser longer to draw than everything else.
        st.session_state["seen"] = True
        time.sleep(results.FIRST_SECONDS)
    show_curves(runs, names)


def show_curves(runs: Sequence[Run], names: dict[str, str]) -> None:
    runs = results.latest([run for run in runs if run.origin != "imported"])
    if not runs:
        st.caption("Predictions that were made elsewhere have no curves.")
        return
    recorded = curves().look([run.id for run in runs])
    colors = common.colors_of(runs, names)
    accuracy = {names[run]: values["val_accuracy"] for run, values in recorded.items() if "val_accuracy" in values}
    training = {names[run]: values["train_loss"] for run, values in recorded.items() if "train_loss" in values}
    left, right = st.columns(2)
    with left:
        st.subheader("Validation accuracy")
        if accuracy:
            alt = "Validation accuracy of each run over the epochs"
            common.chart_of("accuracy", alt, plots.curves_plot, accuracy, "validation accuracy", colors, True)
        else:
            st.caption("The first point appears at the end of the first epoch.")
    with right:
        st.subheader("Training loss")
        if training:
            alt = "Training loss of each run over the epochs"
            common.chart_of("loss", alt, plots.curves_plot, training, "training loss", colors)
            if len({run.config.loss for run in runs}) > 1:
                st.caption(
                    "Different losses have different scales: compare the shapes of the curves, not their values."
                )
        else:
            st.caption("The first point appears after the first batches.")
    overlap = {names[run]: values["val_mean_iou"] for run, values in recorded.items() if "val_mean_iou" in values}
    if overlap:
        left, _ = st.columns(2)
        with left:
            st.subheader("Validation mean IoU")
            alt = "Mean IoU of the validation images of each run over the epochs"
            common.chart_of("iou", alt, plots.curves_plot, overlap, "validation mean IoU", colors, True)


def details(runs: Sequence[Run]) -> None:
    names = summary.labels(runs)
    with st.expander("Configuration and log"):
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


def page() -> None:
    st.title("Runs")
    every = store.runs()
    trash_menu.undo()
    if not every:
        trash_menu.trash_menu()
        queue.refusal()
        st.info(
            "There are no runs yet. Compare losses with one click on the Start page, or configure runs on the"
            " Train page."
        )
        st.page_link("pages/start/page.py", label="Start", icon=":material/home:")
        st.page_link("pages/train/page.py", label="Train", icon=":material/play_circle:")
        return
    names = summary.labels(every, unique=False)
    ids = [run.id for run in reversed(every)]
    known = sorted({tag for run in every for tag in run.tags})
    tags = {run.id: "".join(f" #{tag}" for tag in run.tags) for run in every}
    asked = set(st.query_params.get_all("tag"))
    tagged = [run.id for run in every if asked & set(run.tags)]
    if "runs" in st.session_state:  # another page or user may have deleted some
        st.session_state["runs"] = [run for run in st.session_state["runs"] if run in set(ids)]
    common.from_url("runs", ids, tagged or latest(every))
    shown = st.multiselect(
        "Runs shown",
        ids,
        format_func=lambda run: f"{run} {names[run]}{tags[run]}",
        key="runs",
        placeholder="Choose runs to show",
    )
    common.to_url("runs", shown)
    trash_menu.trash_menu()
    if not shown:
        queue.refusal()
        st.info("No run is chosen: choose at least one above.")
        return
    shown.sort(key=int)
    chosen = store.runs(shown)
    going = any(run.is_open for run in chosen)
    refresh = REFRESH_SECONDS if going else None
    st.session_state["page-is-drawn"] = True
    common.repeated(live, refresh)(shown, going, known)
    common.repeated(results.show, refresh)(shown)
    details(chosen)


page()
