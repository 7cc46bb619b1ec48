"""The part of the Runs page with the curves of the chosen runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from hierapp.plots import curves as plots
from hierapp.runs import Run
from hierapp.runs.curves import Curves
from hierapp.utils.recent import Recent
from pages.shared import common

DRAWN = ("val_accuracy", "train_loss", "val_mean_iou")
# All sessions that show the same runs share a reader; each look loads only new points.
_READERS = Recent[Curves](most=20)


def show(runs: Sequence[Run], names: Mapping[str, str]) -> None:
    """Show validation accuracy and training loss over the epochs."""
    runs = [run for run in runs if run.origin != "imported"]
    if not runs:
        st.caption("Predictions that were made elsewhere have no curves.")
        return
    ids = tuple(run.id for run in runs)
    recorded = _READERS.get((common.store(), ids), lambda: Curves(common.store(), DRAWN)).look(ids)
    styles = plots.run_styles(runs, names)

    def curves_of(metric: str) -> dict[str, plots.Points]:
        return {names[run]: plots.thinned(values[metric]) for run, values in recorded.items() if metric in values}

    accuracy, training, overlap = map(curves_of, ("val_accuracy", "train_loss", "val_mean_iou"))
    left, right = st.columns(2)
    with left:
        st.header("Validation accuracy")
        if accuracy:
            alt = "Validation accuracy of each run over the epochs"
            common.chart_of("accuracy", alt, plots.curves_plot, accuracy, "validation accuracy", styles, True)
        else:
            st.caption("The first point appears at the end of the first epoch.")
    with right:
        st.header("Training loss")
        if training:
            alt = "Training loss of each run over the epochs"
            common.chart_of("loss", alt, plots.curves_plot, training, "training loss", styles)
            if len({run.config.loss for run in runs}) > 1:
                st.caption(
                    "Different losses have different scales: compare the shapes of the curves, not their values."
                )
        else:
            st.caption("The first point appears after the first batches.")
    if overlap:
        left, _ = st.columns(2)
        with left:
            st.header("Validation mean IoU")
            alt = "Mean IoU of the validation images of each run over the epochs"
            common.chart_of("iou", alt, plots.curves_plot, overlap, "validation mean IoU", styles, True)
