"""The test images, or rows, of one cell of the confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from hierapp.analysis import cell_images, confusion_tree
from hierapp.data import registry as datasets
from hierapp.data.content import ContentHashes
from hierapp.runs import Run
from hierapp.runs.predictions import items_of
from hierapp.training import map_predictions
from hierapp.training.predictions import has, stored
from hierapp.trees import formats as tree_formats
from hierapp.utils.text import pluralize
from pages.shared import common

AT_ONCE = 24


def show(run: Run, part: str, true: int, predicted: int) -> None:
    """Show the images of a cell, one page at a time; the rows and columns are nodes of the run's tree."""
    names = run.tree.nodes
    st.header(f"{common.escaped(names[true])} classified as {common.escaped(names[predicted])}")
    if part != "test":
        st.caption("Images are available for the test set only, for which outputs are stored: choose it above.")
        return
    if map_predictions.has(run.folder):
        st.caption("The test images of runs on label maps are in the view *Label maps*.")
        return
    if not has(run.folder):
        st.caption("This run has no stored outputs, so its images cannot be shown: train it again to store them.")
        return
    rows = _rows(str(run.folder), run.ended, run.tree_text, true, predicted)
    if not len(rows):
        st.caption("No test image is in this cell.")
        return
    pages = -(-len(rows) // AT_ONCE)
    page = 1
    if pages > 1:
        page = st.number_input("Page of images", 1, pages, key=f"pictures-{run.id}-{true}-{predicted}", width=160)
    shown = slice((page - 1) * AT_ONCE, page * AT_ONCE)
    theme = "dark" if st.context.theme.type == "dark" else "light"
    alt = f"Test images of {names[true]} classified as {names[predicted]}"
    if run.is_imported and _show_items(run, rows[shown].tolist(), theme, alt):
        return
    entry = datasets.catalogue().get(run.config.data)
    noun = entry.noun.removesuffix("s") if entry else "image"
    if entry is not None and not datasets.has_images(entry.name):
        texts = cell_images.texts(stored(run.folder), rows[shown].tolist(), content=run.content)
        columns = zip(*texts, strict=True)
        titles = ("row", "true class", "predicted class", "probability")
        st.dataframe(dict(zip(titles, columns, strict=True)), hide_index=True)
        _about(run, len(rows), noun)
        return
    picture = _sheet(str(run.folder), run.ended, tuple(rows[shown].tolist()), theme, run.content)
    st.image(picture, alt=alt)
    _about(run, len(rows), noun)


def _about(run: Run, count: int, noun: str) -> None:
    st.caption(
        f"{pluralize(count, noun)}, as run {run.id} classified them, mistakes and the most confident first: true"
        " class, predicted class, its probability."
    )


def _show_items(run: Run, rows: Sequence[int], theme: str, alt: str) -> bool:
    """Show what is stored with imported predictions; return False if they are of a data set with images."""
    items, outputs = items_of(run.folder), stored(run.folder)
    if items is not None and items.has_pictures:
        st.image(cell_images.sheet_of_items(outputs, items, rows, theme), alt=alt)
        return True
    if items is None and run.config.data in datasets.catalogue():
        return False
    about = "The rows of this cell, with true class, predicted class and its probability"
    st.dataframe(cell_images.table(outputs, items, rows), hide_index=True, alt=about)
    if items is None:
        st.caption("The imported file has no texts and no paths of images, so only the numbers of its rows are known.")
    return True


@st.cache_data(max_entries=200, show_spinner=False)
def _rows(folder: str, ended: float | None, tree_text: str, true: int, predicted: int) -> NDArray[np.int64]:
    """Return the images of a cell of a finished run, cached.

    `ended` distinguishes the run from one of a restored store.
    """
    return confusion_tree.images_of(stored(Path(folder)), tree_formats.parse(tree_text, "json"), true, predicted)


@st.cache_data(max_entries=50, show_spinner=False)
def _sheet(folder: str, ended: float | None, rows: tuple[int, ...], theme: str, content: ContentHashes) -> bytes:
    return cell_images.sheet(stored(Path(folder)), rows, theme, content=content)
