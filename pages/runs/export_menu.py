"""The part of the Runs page that exports the chosen runs; every user who may see them may export them."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from hierapp.export import bundle, report as html_report, tensorboard
from hierapp.runs import Run
from pages.shared.common import store


def export_menu(runs: Sequence[Run]) -> None:
    """Show downloads of the bundle, report and table of some runs, each created when its button is pressed."""
    if not runs:
        st.popover("Export", icon=":material/download:", disabled=True)
        return
    ids = [run.id for run in runs]
    where = store()
    name = f"hierapp-run-{ids[0]}" if len(ids) == 1 else f"hierapp-{len(ids)}-runs-{ids[0]}-to-{ids[-1]}"
    with st.popover("Export", icon=":material/download:"):
        st.markdown(f"**Export {'this run' if len(ids) == 1 else f'these {len(ids)} runs'}**")
        weights = st.toggle("Weights in the bundle", key="export-weights")
        st.download_button(
            "Bundle, ZIP",
            lambda: bundle.as_bytes(where, ids, bundle.ExportOptions(weights=weights)),
            f"{name}.zip",
            "application/zip",
            icon=":material/folder_zip:",
            help="configuration, metrics, confusion matrices, predictions, tree, and a script that trains the runs "
            "again",
            key="export-bundle",
            on_click="ignore",
            width="stretch",
        )
        st.download_button(
            "Report, HTML",
            lambda: html_report.render(where, bundle.chosen(where, ids)),
            f"{name}.html",
            "text/html",
            icon=":material/lab_profile:",
            help="tables, tests and plots in one self-contained file; plots can be saved as PNG or SVG",
            key="export-report",
            on_click="ignore",
            width="stretch",
        )
        st.download_button(
            "Table, CSV",
            lambda: bundle.table(bundle.chosen(where, ids)),
            f"{name}.csv",
            "text/csv",
            icon=":material/table:",
            help="one row per run with its metrics",
            key="export-table",
            on_click="ignore",
            width="stretch",
        )
        is_there = tensorboard.is_installed()
        st.download_button(
            "TensorBoard, ZIP",
            lambda: tensorboard.as_bytes(where, ids),
            f"{name}-tensorboard.zip",
            "application/zip",
            icon=":material/show_chart:",
            help="event files with curves, test metrics and configuration; unpack them and open the folder with "
            "TensorBoard"
            if is_there
            else f"This needs the package tensorboard; {tensorboard.HOW_TO_INSTALL}.",
            disabled=not is_there,
            key="export-tensorboard",
            on_click="ignore",
            width="stretch",
        )
