"""The part of the Runs page with results of the epochs: confusion matrices and class accuracy."""

from __future__ import annotations

import time
from collections.abc import Sequence

import streamlit as st

from hierapp import metrics
from hierapp.analysis import summary
from hierapp.plots import core as plots
from hierapp.plots.blocks import MOST_CELLS
from hierapp.plots.curves import run_styles
from hierapp.runs import Run
from hierapp.runs.records import Part
from pages.shared import common

FIRST_SECONDS = 0.2


def pause(before: str) -> None:
    """Pause at the first visit, so that the browser draws what it has: plots take it longer than everything else."""
    if f"seen-{before}" not in st.session_state:
        st.session_state[f"seen-{before}"] = True
        time.sleep(FIRST_SECONDS)


def show(chosen: Sequence[Run], drawn: Sequence[Run], names: dict[str, str]) -> None:
    """Show confusion matrix and class accuracy of the finished epochs; the latter of the runs that are drawn."""
    runs = [run for run in chosen if run.epoch > 0 or run.test is not None]
    if not runs:
        st.caption("Confusion matrices and class accuracy appear at the end of the first epoch.")
        return
    confusion_view(runs, names)
    st.header("Class accuracy and weighted class accuracy")
    st.markdown(
        "Weighted class accuracy is TP / (TP + wFN): each missed image counts by the distance (`lca-depth`) to its"
        " predicted class, so costly mistakes reduce the value more."
    )
    drawn = [run for run in drawn if run in runs]
    trees = {run.tree_text for run in drawn}
    if len(trees) > 1:
        st.caption("The chosen runs have different trees; choose runs of one tree to compare their classes.")
        return
    found = {names[run.id]: run.test or last_report(run) for run in drawn}
    reports = {name: report for name, report in found.items() if report is not None}
    if not reports:
        st.caption("These runs have not recorded a confusion matrix.")
        return
    finished = sum(run.test is not None for run in drawn)
    source = "test images" if finished == len(drawn) else "validation images for unfinished runs"
    st.caption(f"From the {source}.")
    styles = run_styles(drawn, names)
    common.chart_of(
        "classes",
        "Class accuracy and weighted class accuracy of each class and run",
        plots.class_accuracy_plot,
        {name: report["class_accuracy"] for name, report in reports.items()},
        {name: report["weighted_class_accuracy"] for name, report in reports.items()},
        drawn[0].tree,
        {name: style.color for name, style in styles.items()},
        {name: style.symbol for name, style in styles.items()},
    )
    iou_table(drawn, names)


def iou_table(runs: Sequence[Run], names: dict[str, str]) -> None:
    """Show the IoU of each class of runs on label maps, on the test images."""
    found = {names[run.id]: run.test["class_iou"] for run in runs if run.test and "class_iou" in run.test}
    if not found:
        return
    st.header("IoU of each class")
    st.dataframe(
        {"class": list(runs[0].tree.leaves), **found},
        hide_index=True,
        height="auto",
        column_config=dict.fromkeys(found, st.column_config.NumberColumn(format="percent")),
        alt="IoU of each class on the test images, by run",
    )


def last_report(run: Run) -> dict[str, list[float]] | None:
    """Return the metrics of the last epoch's validation; None if no confusion matrix was recorded."""
    counts = common.store().confusion(run.id, "validation")
    return None if counts is None else metrics.report(counts, run.tree)


def confusion_view(runs: Sequence[Run], names: dict[str, str]) -> None:
    st.header("Confusion matrix")
    by_id = {run.id: run for run in runs}
    pick, part_column = st.columns([3, 1], vertical_alignment="bottom")
    if st.session_state.get("confusion-run") not in by_id:
        st.session_state["confusion-run"] = runs[0].id
    run = by_id[pick.selectbox("Run", list(by_id), format_func=names.__getitem__, key="confusion-run")]
    parts: list[Part] = ["validation", "test"] if run.state == "finished" else ["validation"]
    if run.origin == "imported":
        parts = ["test"]
    if st.session_state.get("confusion-part") not in parts:
        st.session_state["confusion-part"] = parts[0]
    picked = part_column.segmented_control("Images", parts, required=True, key="confusion-part", wrap=True)
    part: Part = common.chosen(picked)
    counts = common.store().confusion(run.id, part, chosen_epoch(run) if part == "validation" else None)
    if counts is None:
        return
    left, right = st.columns([3, 2], gap="large")
    with left:
        alt = f"Confusion matrix of {names[run.id]}, {part} images"
        common.chart_of("confusion", alt, plots.confusion_plot, counts, run.tree)
        if len(run.tree.leaves) > MOST_CELLS:
            st.caption(
                f"Each row and column stands for several of the {len(run.tree.leaves):,} classes; Compare expands them"
                " along the tree."
            )
        if part == "test" and run.test and "epoch" in run.test:
            metric = run.config.select.replace("val_", "validation ")
            why = "the last one" if metric == "last" else f"the best one by {metric}"
            st.caption(f"With the weights of epoch {run.test['epoch']}, {why}.")
    with right:
        st.markdown("**The most frequent mistakes** and their distance in the tree")
        st.dataframe(
            summary.frequent_mistakes(counts, run.tree),
            hide_index=True,
            column_config={"share of true": st.column_config.NumberColumn(format="percent")},
            alt="The most frequent mistakes with their number and distance",
        )
    if run.tree.is_uniform_depth and run.config.loss == "hierarchical":
        st.info(
            "This tree has uniform depth: the second term of the hierarchical loss is constant, and the loss is a"
            " weighted cross-entropy along the path.",
            icon=":material/straighten:",
        )


def chosen_epoch(run: Run) -> int:
    """Return the slider's epoch; a slider at the end follows the run."""
    if run.epoch < 2:
        return run.epoch
    key, ends = "confusion-epoch", st.session_state.setdefault("confusion-ends", {})
    kept = st.session_state.get(key)
    if kept is None or kept > run.epoch or kept == ends.get(run.id):
        st.session_state[key] = run.epoch
    ends[run.id] = run.epoch
    return st.slider("Epoch", 1, run.epoch, key=key)
