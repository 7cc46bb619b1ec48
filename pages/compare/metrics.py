"""The Compare page's table of metrics, and its curves."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from hierapp.analysis import comparison
from hierapp.paths import home
from hierapp.plots import comparison as comparison_plots
from hierapp.runs.records import Points
from pages.compare.choice import Chosen
from pages.shared import common

CURVES = {
    "val_accuracy": "validation accuracy",
    "val_mean_iou": "validation mean IoU",
    "val_distance": "validation mean distance",
    "val_loss": "validation loss",
    "train_loss": "training loss",
}
SHARES = ("val_accuracy", "val_mean_iou")


def show(chosen: Chosen) -> None:
    """Show means and deviations of all metrics, and the curves of one."""
    frame = comparison.table(chosen.groups)
    st.dataframe(
        frame,
        hide_index=True,
        column_config={
            "group": st.column_config.TextColumn(pinned=True, width=260),
            "n": st.column_config.NumberColumn(width=40),
        },
        placeholder="",
        alt="Mean and standard deviation of each metric on the test images, by group",
    )
    alone = [group.label for group in chosen.groups if len(group.runs) == 1]
    st.caption(
        "Mean ± sample standard deviation over the seeds, test images; distances are `lca-depth`."
        + (" A single seed has no deviation." if alone else "")
        + (" Distances of different trees have different units." if chosen.tree is None else "")
    )
    left, right, _ = st.columns([2, 2, 3])
    runs = [run for group in chosen.groups for run in group.runs.values()]
    offered = [name for name in CURVES if name != "val_mean_iou" or any(name in run.last for run in runs)]
    common.one_from_url("curve", offered, "val_accuracy")
    metric = left.selectbox("Curve", offered, format_func=CURVES.__getitem__, key="curve")
    common.to_url("curve", metric)
    smoothing = right.slider(
        "Smoothing", 0.0, 0.95, 0.0, 0.05, key="smoothing", help="Weight of the running mean at each step."
    )
    points = recorded(str(home()), [run.id for run in runs], [run.ended for run in runs], metric)
    bands = comparison.bands(chosen.groups, points, metric, smoothing)
    if not bands:
        st.caption(
            "Imported predictions have no curves: their metrics are in the table above."
            if runs and all(run.is_imported for run in runs)
            else "These runs have not recorded this metric; choose another curve."
        )
        return
    plot = comparison_plots.bands_plot(bands, CURVES[metric], chosen.colors, percent=metric in SHARES)
    common.chart(plot, "compare-curves", f"{CURVES[metric]} of each group over the epochs, mean and standard deviation")
    st.caption(
        "The line is the mean over the seeds, the band one standard deviation on each side."
        + (
            " Different losses have different scales: compare the shapes of the curves, not their values."
            if metric.endswith("loss")
            else ""
        )
    )


@st.cache_data(max_entries=50, show_spinner=False)
def recorded(folder: str, ids: Sequence[str], ended: Sequence[float | None], metric: str) -> dict[str, Points]:
    """Return one metric of finished runs, cached; `folder` and `ended` distinguish stores."""
    return common.store().metrics(ids, metric)
