"""Imported predictions: upload files of a model that was trained elsewhere, and the runs that came of them."""

import io
from pathlib import Path
from typing import cast

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from hierapp.analysis import summary
from hierapp.data import registry as datasets
from hierapp.errors import HierappError
from hierapp.runs import Run
from hierapp.runs.predictions import KINDS, Kind, Request, Source
from hierapp.runs.predictions.job import PredictionsImport
from hierapp.trees import library as tree_library
from pages.shared import common

FORMATS = ["npz", "npy", "csv", "tsv", "txt", "parquet"]
TOLD_APART, BY_LABELS = "recognized automatically", "found by its labels"
IMPORT = "import"  # in the page's address
STARTED, FAILED = "predictions-started", "predictions-failed"
FORM = "predictions-form"  # counts the imports: a new number empties the upload


def form() -> None:
    number = st.session_state[FORM]
    may = common.actions()
    left, right = st.columns(2, gap="large")
    with left:
        files = st.file_uploader(
            "Predictions",
            FORMATS,
            accept_multiple_files=True,
            key=f"predictions-files-{number}",
            disabled=not may.may_run,
            help="Several files are seeds of one model: the same rows in the same order.",
        )
        with st.expander("Labels and classes in files of their own"):
            labels = st.file_uploader("True labels, one on each line", FORMATS, key=f"predictions-labels-{number}")
            classes = st.file_uploader(
                "Class of each column, one on each line", FORMATS, key=f"predictions-classes-{number}"
            )
    with right:
        trees = {entry.name: entry.title for entry in tree_library.entries()}
        common.one_from_url("tree", list(trees), datasets.find(datasets.best_ready()).default_tree)
        tree = st.selectbox("Label tree over the classes", list(trees), format_func=trees.__getitem__, key="tree")
        common.to_url("tree", tree)
        name = st.text_input("Name of the model", key="predictions-name", placeholder="by default that of the file")
        first, second = st.columns(2)
        kind = first.selectbox("What the values are", [TOLD_APART, *KINDS], key="predictions-kind")
        data = second.selectbox(
            "Data set",
            [BY_LABELS, *datasets.catalogue()],
            format_func=lambda each: each if each == BY_LABELS else common.data_title(each),
            key="predictions-data",
            help="If the rows are the test part of a data set, its images are shown and its runs are compared.",
        )
        folder = ""
        if may.may_steer:
            folder = st.text_input(
                "Folder of the images on the server",
                key="predictions-folder",
                placeholder="only if the files have paths of images",
            )
    st.button(
        "Import",
        type="primary",
        icon=":material/upload_file:",
        disabled=not files or not may.may_run,
        on_click=bring,
        args=(files, labels, classes, tree, name, kind, data, folder.strip()),
    )
    if FAILED in st.session_state:
        common.show_error(st.session_state.pop(FAILED))


def bring(
    files: list[UploadedFile],
    labels: UploadedFile | None,
    classes: UploadedFile | None,
    tree: str,
    name: str,
    kind: str,
    data: str,
    folder: str,
) -> None:
    """Start to import the uploaded files; called before the page is drawn again."""
    try:
        images = Path(folder) if folder else None
        request = Request(
            [source(file, images) for file in files],
            common.the_tree(tree),
            tree,
            name.strip() or None,
            None if kind == TOLD_APART else cast(Kind, kind),
            None if labels is None else source(labels),
            None if classes is None else source(classes),
            None if data == BY_LABELS else data,
        )
        token = common.actions().import_predictions(request)
    except HierappError as error:
        st.session_state[FAILED] = str(error)
    else:
        st.query_params[IMPORT] = token
        st.session_state[STARTED] = token


def current() -> tuple[str, PredictionsImport] | None:
    """Return the import that the address names; the form is emptied when it has ended well."""
    token = st.query_params.get(IMPORT)
    if token is None:
        return None
    try:
        now = common.actions().predictions_import(token)
    except HierappError as error:
        del st.query_params[IMPORT]
        st.session_state[FAILED] = str(error)
        return None
    if now.state == "finished" and st.session_state.get(STARTED) == token:
        del st.session_state[STARTED]
        st.session_state[FORM] += 1
        st.session_state["predictions-name"] = ""
    return token, now


def outcome(token: str, now: PredictionsImport) -> None:
    """Show how far an import is, or what came of it."""
    if now.state == "running":
        common.repeated(while_importing, 0.5)(token)
        if st.button("Stop", icon=":material/close:", disabled=not common.actions().may_run):
            common.actions().discard_predictions(token)
            del st.query_params[IMPORT]
            st.rerun()
    elif now.is_ambiguous:
        common.show_error(f"{(now.error or '').split(';')[0]}; choose above what the values are.")
    elif now.state == "failed":
        common.show_error(now.error or "")
    else:
        result(now)


def while_importing(token: str) -> None:
    """Show the progress of an import until it ends."""
    now = common.actions().predictions_import(token)
    if now.state != "running":
        st.rerun()
    share = min(now.done / now.total, 1.0) if now.total else 0.0
    count = f": {now.done:,} of {now.total:,}" if now.total > 1 else ""
    st.progress(share, text=f"{common.escaped(now.what)}{count}")


def source(file: UploadedFile, folder: Path | None = None) -> Source:
    return Source(file.name, io.BytesIO(file.getbuffer()), folder)


def result(now: PredictionsImport) -> None:
    """Show what an import stored."""
    runs = common.store().runs(now.runs)
    if not runs:
        return
    tests = [run.test or {} for run in runs]
    accuracy = " and ".join(f"{test['accuracy']:.2%}" for test in tests)
    st.success(
        f"Imported as {'run' if len(runs) == 1 else 'runs'} {', '.join(run.id for run in runs)}:"
        f" {tests[0]['samples']:,} rows of {common.escaped(common.data_title(runs[0].config.data))}, accuracy"
        f" {accuracy}. {common.escaped(runs[0].note or '')}",
        icon=":material/check:",
    )
    for text in now.warnings:
        common.show_warning(text)
    ways(runs)


def ways(runs: list[Run]) -> None:
    """Show the links to the pages that show these runs."""
    config = runs[0].config
    with st.container(horizontal=True, gap="medium"):
        st.page_link(
            common.RUNS_PAGE,
            label="Show them on the Runs page",
            icon=":material/monitoring:",
            query_params={"runs": [run.id for run in runs]},
            width="content",
        )
        for view, label, icon in (
            ("confusion", "Confusion matrix along the tree", ":material/grid_on:"),
            ("outputs", "Decoders and calibration", ":material/account_tree:"),
        ):
            st.page_link(
                "pages/compare/page.py",
                label=label,
                icon=icon,
                query_params={"on": config.data, "view": view, "run": runs[0].id},
                width="content",
            )


def every() -> None:
    """Show all imported runs."""
    runs = [run for run in common.store().runs() if run.origin == "imported"]
    if not runs:
        return
    st.header("Imported so far")
    frame = summary.table(runs).reset_index()
    columns = ["run", "model", "data", "tree", "seed", *summary.test_metrics(runs)]
    st.dataframe(
        frame.assign(run=[f"runs?runs={run.id}" for run in runs], model=[run.config.model for run in runs])[columns],
        hide_index=True,
        column_config={
            "run": st.column_config.LinkColumn(display_text=r"runs=(.*)", width=60, help="open on the Runs page"),
            "test accuracy": st.column_config.NumberColumn(format="percent"),
            "mean distance": st.column_config.NumberColumn(format="%.4f"),
            "severity": st.column_config.NumberColumn(format="%.3f"),
            "class accuracy": st.column_config.NumberColumn(format="percent"),
            "weighted class accuracy": st.column_config.NumberColumn(format="percent"),
        },
        alt="The imported predictions with their metrics",
    )


st.title("Imported predictions")
st.markdown(
    "Predictions of a model that was trained elsewhere become a finished run, which is compared with all others:"
    " metrics, decoders, calibration, the confusion matrix along the tree, statistics over seeds."
)
st.markdown(
    "A file has a row for each example, a column for each class with probabilities, log-probabilities or logits, and"
    " the true labels: npz with the arrays `probabilities`, `labels` and `classes`, or CSV or Parquet with columns"
    " named like the classes and a column `label`."
)
with common.show_errors():
    st.session_state.setdefault(FORM, 0)
    found = current()
    form()
    if found is not None:
        outcome(*found)
    every()
