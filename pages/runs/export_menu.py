"""The part of the Runs page that exports the chosen runs; every user who may see them may export them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import PurePath

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
        _download(
            "bundle",
            "Bundle, ZIP",
            lambda: bundle.as_bytes(where, ids, bundle.ExportOptions(weights=weights)),
            f"{name}.zip",
            "folder_zip",
            "configuration, metrics, confusion matrices, predictions, tree, and a script that trains the runs again",
        )
        _download(
            "report",
            "Report, HTML",
            lambda: html_report.render(where, bundle.chosen(where, ids)),
            f"{name}.html",
            "lab_profile",
            "tables, tests and plots in one self-contained file; plots can be saved as PNG or SVG",
        )
        _download(
            "table",
            "Table, CSV",
            lambda: bundle.table(bundle.chosen(where, ids)),
            f"{name}.csv",
            "table",
            "one row per run with its metrics",
        )
        _download(
            "tensorboard",
            "TensorBoard, ZIP",
            lambda: tensorboard.as_bytes(where, ids),
            f"{name}-tensorboard.zip",
            "show_chart",
            "event files with curves, test metrics and configuration; unpack them and open the folder with TensorBoard",
            None
            if tensorboard.is_installed()
            else f"This needs the package tensorboard; {tensorboard.HOW_TO_INSTALL}.",
        )


KINDS = {".zip": "application/zip", ".html": "text/html", ".csv": "text/csv"}


def _download(
    key: str,
    label: str,
    content: Callable[[], bytes | str],
    file: str,
    icon: str,
    explanation: str,
    missing: str | None = None,
) -> None:
    """Show a button that creates a file when it is pressed; `missing` is what that needs and is not there."""
    st.download_button(
        label,
        content,
        file,
        KINDS[PurePath(file).suffix],
        icon=f":material/{icon}:",
        help=f"This needs {missing}." if missing else explanation,
        disabled=missing is not None,
        key=f"export-{key}",
        on_click="ignore",
        width="stretch",
    )
