"""Import of a user's own pictures, label maps or features: the form, the progress, and the report before saving."""

from typing import Any

import streamlit as st

from hierapp.data.imports import finalize, job as import_job
from hierapp.data.imports.job import ImportJob
from hierapp.data.imports.options import HEIGHTS, MOST_BINS, SIDES, Options
from hierapp.errors import DatasetError
from hierapp.plots.core import tree_plot
from hierapp.trees import library as tree_library
from pages.data import report
from pages.shared import common

IMPORT = "import"  # in the page's address
SET = "set"  # in the address, and the key of the displayed data set
LARGEST_PICTURE = 60  # classes; a larger proposed tree is not drawn
UPLOADS = ["zip", "tar", "gz", "tgz", "xz", "bz2", "npz", "csv", "tsv", "parquet"]
WHAT = """
- **Images**: an archive with one folder per class, optionally below `train` and `test`; nested folders become a tree.
- **Street scenes and the like**: images with a label map each, in `images` and `labels` below `train` and `test`, and a
  table `classes.csv` with name and value, or name, r, g, b.
- **A table** of numbers or of texts, CSV or Parquet, with a column of labels.
- **Features**: npz with the arrays `features` and `labels`, and optionally `classes`, `test` and `texts`.

The content tells which of these it is. You see a report before anything is stored.
"""


def section() -> None:
    """Show the import section, collapsed while nothing is imported."""
    token = st.query_params.get(IMPORT)
    folded = st.expander(
        "Import your own images or features", expanded=bool(token), icon=":material/add_photo_alternate:"
    )
    with folded, common.show_errors():
        if token:
            in_work(token)
        else:
            form()


def form() -> None:
    st.markdown(WHAT)
    may = common.actions()
    left, right = st.columns(2, gap="large")
    kind = left.radio("Classes are", ["folders", "ages in file names (UTKFace)"], horizontal=True, key="import-kind")
    utkface = kind != "folders"
    side = left.number_input("Side in pixels", *SIDES, Options.side, key="import-side")
    share = left.number_input(
        "Test part (share)",
        0.05,
        0.5,
        Options.test_share,
        step=0.05,
        key="import-share",
        help="Share that is drawn for the test part if the source has none.",
    )
    years = left.number_input("Years per class", 1, 50, Options.bin, key="import-bin") if utkface else Options.bin
    with left.expander("Images with label maps"):
        height = st.number_input(
            "Height in pixels",
            0,
            HEIGHTS[1],
            Options.height,
            key="import-height",
            help="The aspect ratio is kept. 0: the height of most images, at most 256.",
        )
    with left.expander("Labels of features"):
        of_rows = features_fields()
    options = Options(int(side), float(share), utkface, int(years), height=int(height), **of_rows)
    with right:
        file = st.file_uploader(
            "Zip or tar of images, npz, CSV or Parquet", UPLOADS, key="import-file", disabled=not may.may_run
        )
        if st.button("Check the upload", type="primary", disabled=file is None or not may.may_run) and file is not None:
            follow(may.import_upload(file.getbuffer(), file.name, options))
        if may.may_steer:
            path = st.text_input("Or a folder or file on the server", key="import-path")
            if st.button("Check the folder", disabled=not path.strip()):
                follow(may.import_path(path.strip(), options))


def features_fields() -> dict[str, Any]:
    """Show the options of features: which columns are used, order, bins, tree."""
    first, second, third = st.columns(3)
    label = first.text_input("Labels", key="import-label", help="Column or array; by default label, class, target, ...")
    part = second.text_input("Parts", key="import-part", help="Column or array of train and test; by default part, ...")
    text = third.text_input("Texts", key="import-text", help="Column or array that is shown for a row.")
    trees = ["", *(entry.name for entry in tree_library.entries())]
    tree = st.selectbox(
        "Tree over the classes",
        trees,
        format_func=lambda name: name or "proposed",
        key="import-tree",
        help="Labels that are inner nodes of this tree are coarse labels.",
    )
    embed = st.checkbox(
        "Embed the texts as features",
        key="import-embed",
        help="By a sentence encoder; happens anyway if the table has texts and labels only.",
    )
    ordinal = st.checkbox("The labels are numbers in order", key="import-ordinal", help="Each number is a class.")
    bins = st.number_input("Or cut them into this number of classes", 0, MOST_BINS, 0, key="import-bins")
    words = {"label": label, "part": part, "text": text}
    chosen = {"tree": tree, "embed": embed, "ordinal": ordinal, "bins": int(bins)}
    return {**{key: value.strip() for key, value in words.items()}, **chosen}


def follow(token: str) -> None:
    st.query_params[IMPORT] = token
    st.rerun()


def leave() -> None:
    """Forget the import that the address names."""
    st.query_params.pop(IMPORT, None)


def in_work(token: str) -> None:
    try:
        now = import_job.status(token)
    except DatasetError:
        leave()
        raise
    if now.state == "running":
        common.repeated(while_reading, 0.5)(token)
    elif now.state == "failed":
        common.show_error(now.error or "")
    else:
        found(now)
    if st.button("Start another import" if now.state == "failed" else "Discard", icon=":material/close:"):
        common.actions().discard_import(token)
        leave()
        st.rerun()


def while_reading(token: str) -> None:
    """Show the progress of reading until it ends."""
    now = import_job.status(token)
    if now.state != "running":
        st.rerun()
    share = min(now.done / now.total, 1.0) if now.total else 0.0
    count = f": {now.done:,} of {now.total:,}" if now.total > 1 else ""
    st.progress(share, text=f"{common.escaped(now.what)}{count}")


def found(now: ImportJob) -> None:
    """Show the report, the proposed tree, and the field for the data set's name."""
    if now.report is None or now.tree is None:
        return
    report.show(now.report)
    st.markdown(
        f"**A tree is proposed.** {common.escaped(now.how)} It becomes the default tree, and you can change it in the"
        " studio."
    )
    if len(now.tree.leaves) <= LARGEST_PICTURE:
        alt = f"The proposed tree over {', '.join(now.tree.leaves)}"
        common.chart(tree_plot(now.tree, compact=True), "proposed", alt)
    name = st.text_input("Save as", finalize.suggested(now.request.shown), key="import-name")
    may = common.actions()
    if st.button("Save this data set", type="primary", icon=":material/save:", disabled=not may.may_run):
        with common.show_errors():
            entry = may.keep_data(now.token, name.strip())
            leave()
            st.session_state[SET] = entry.name
            st.query_params[SET] = entry.name
            st.rerun()
