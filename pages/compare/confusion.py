"""The Compare page's confusion matrix, expandable along the tree, of one run or of the difference of two."""

from __future__ import annotations

import streamlit as st

from hierapp.analysis import confusion_tree, summary
from hierapp.plots import confusion as confusion_plots
from hierapp.runs import Run
from hierapp.runs.records import Part
from hierapp.utils.text import pluralize
from pages.compare import fold, images
from pages.compare.choice import Chosen
from pages.shared import common

NONE = "none"


def show(chosen: Chosen) -> None:
    """Show one run's matrix, or its difference from another one's, and the images of a cell."""
    runs = sorted((run for group in chosen.groups for run in group.runs.values()), key=lambda run: int(run.id))
    names, by_id = summary.labels(runs), {run.id: run for run in runs}
    first, second, third = st.columns([3, 3, 2])
    common.one_from_url("run", list(by_id), runs[0].id)
    run = by_id[first.selectbox("Run", list(by_id), format_func=names.__getitem__, key="run")]
    common.to_url("run", run.id)
    others = [NONE, *(each.id for each in runs if each.tree_text == run.tree_text and each is not run)]
    common.one_from_url("less", others, NONE)
    less = second.selectbox(
        "Minus that of",
        others,
        format_func=lambda other: "none: show the counts" if other == NONE else names[other],
        key="less",
        help="Difference between two runs on the same tree, as shares of each row.",
    )
    common.to_url("less", less)
    parts: list[Part] = ["test"] if run.origin == "imported" else ["test", "validation"]
    if st.session_state.get("images") not in (None, *parts):
        del st.session_state["images"]
    part = third.segmented_control("Images", parts, default=parts[0], required=True, key="images", wrap=True)
    other = None if less == NONE else by_id[less]
    epoch = _epoch(run, other) if part == "validation" else None
    counts = common.store().confusion(run.id, part, epoch)
    counts_less = None if other is None else common.store().confusion(other.id, part, epoch)
    if counts is None or (other is not None and counts_less is None):
        st.info("There is no confusion matrix for these images: the run did not record one.")
        return
    tree = run.tree
    nodes = fold.nodes(tree)
    if len(nodes) > confusion_tree.MOST:
        st.info(f"{len(nodes):,} nodes below the root are too many to draw; train on a tree that groups them.")
        return
    here = confusion_tree.folded(counts, tree, nodes)
    share = confusion_tree.shares(here)
    if counts_less is not None:
        there = confusion_tree.folded(counts_less, tree, nodes)
        here, share = here - there, share - confusion_tree.shares(there)
    left, right = st.columns([3, 2], gap="large")
    with right:
        row, column = fold.cell(tree, nodes, here)
        if counts_less is None:
            st.markdown(f"**{pluralize(int(here[row, column]), 'image')}**, {share[row, column]:.1%} of the row.")
        else:
            st.markdown(
                f"**{here[row, column]:+,} images** compared with the other run, {share[row, column]:+.1%} of the row."
            )
        fold.toggle_buttons(tree, nodes[row], nodes[column])
    with left:
        plot = confusion_plots.node_confusion_plot(
            here, share, tree, nodes, (row, column), is_difference=counts_less is not None
        )
        alt = f"Confusion matrix of {names[run.id]} by nodes of the tree, {part} images"
        fold.chart(plot, tree, nodes, alt, is_difference=counts_less is not None)
        st.caption(
            "Click a cell to see its images. Names with a + stand for all classes below them and can be expanded."
        )
    with common.show_errors():
        images.show(run, part, nodes[row], nodes[column])


def _epoch(run: Run, other: Run | None) -> int | None:
    """Show the slider and return its epoch, up to the last one that both runs have."""
    last = run.epoch if other is None else min(run.epoch, other.epoch)
    if last < 2:
        return last or None
    if not 1 <= st.session_state.get("compare-epoch", 0) <= last:
        st.session_state["compare-epoch"] = last
    return st.slider("Epoch", 1, last, key="compare-epoch")
