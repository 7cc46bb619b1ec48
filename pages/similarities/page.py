"""Similarities: which classes share credit in SimLoss; create, view, save, and train with a similarity."""

import warnings

import streamlit as st

from hierapp.data.registry import best_ready, catalogue, find
from hierapp.errors import DataWarning, HierappError
from hierapp.plots.similarity import similarity_plot
from hierapp.similarities import (
    Similarity,
    embeddings,
    formats as similarity_formats,
    library as similarity_library,
    summary as similarity_summary,
)
from hierapp.similarities.library import SimilarityEntry
from hierapp.similarities.similarity import bounded, ordinal, tree_similarity
from hierapp.similarities.spec import TREE, ordinal_spec
from hierapp.trees import DISTANCES, library as tree_library
from pages.shared import common, undo
from pages.similarities.parts import Chosen, describe, downloads, keeping, train_link

SOURCES = {
    "names": "Class names",
    "tree": "Tree",
    "ordinal": "Ordinal",
    "kept": "Saved",
    "upload": "Upload",
}


def shipped_for(data: str) -> SimilarityEntry | None:
    """Return the similarity that ships for the class names of a data set, if any."""
    return next((entry for entry in similarity_library.entries(data) if entry.shipped), None)


def by_names(data: str) -> Chosen | None:
    """Return the similarity that ships for the class names or, with the extra, one for another prompt."""
    shipped = shipped_for(data)
    if embeddings.is_installed():
        with st.popover("Compute a new one", icon=":material/calculate:"):
            prompt = st.text_input("Text", embeddings.PLAIN, help="{} stands for the class name", key="prompt")
            st.button(
                "Compute and save",
                on_click=compute,
                args=(data, prompt),
                type="primary",
                disabled=not common.actions().may_run,
            )
    if shipped is not None:
        st.caption(common.escaped(shipped.description))
        return Chosen(similarity_library.load(shipped.name), shipped.name, shipped.name)
    st.info(
        f"No shipped similarity exists for the class names of {common.escaped(common.data_title(data))}."
        + ("" if embeddings.is_installed() else f" To compute one, {embeddings.HOW_TO_INSTALL}."),
        icon=":material/translate:",
    )
    return None


def by_tree(data: str) -> Chosen | None:
    """Return 1 - d / d_max in a chosen tree; None if its matrix would be too large."""
    trees = common.trees_for(data)
    left, right = st.columns(2)
    common.one_from_url("of-tree", list(trees), next(iter(trees)))
    name = left.selectbox("Similarity of the tree", list(trees), format_func=trees.__getitem__, key="of-tree")
    common.to_url("of-tree", name)
    distance = right.segmented_control(
        "Distance", DISTANCES, default=DISTANCES[0], required=True, key="distance", bind="query-params", wrap=True
    )
    tree = tree_library.load(name)
    if not common.fits_matrix(len(tree.leaves), "classes"):  # a tree may be for other classes than it should
        return None
    # A run can name its own tree's similarity with the first distance; any other must be saved.
    spec = TREE if distance == DISTANCES[0] else None
    return Chosen(Similarity(tree.leaves, tree_similarity(tree, distance)), f"{name}-{distance}", spec, tree_name=name)


def by_order(data: str) -> Chosen:
    """Return ratio ** |i - j| in the order of the data set's classes."""
    classes = find(data).class_names
    ratio = st.slider(
        "Similarity of neighbors",
        0.0,
        0.99,
        0.5,
        0.01,
        key="r",
        bind="query-params",
        help="The factor r of each step: classes that are k steps apart have the similarity r to the power of k.",
    )
    shown = ", ".join(classes[:6]) + (", ..." if len(classes) > 6 else "")
    st.caption(f"In the order of the data set's classes: {common.escaped(shown)}")
    spec = ordinal_spec(ratio)
    return Chosen(Similarity(classes, ordinal(len(classes), ratio)), f"{data}-{spec}", spec)


def kept(data: str) -> Chosen | None:
    """Return one of the user's saved similarities."""
    entries = {entry.name: entry for entry in similarity_library.entries(data) if not entry.shipped}
    if not entries:
        st.info("There are no saved similarities over these classes; upload one, or save one that you have created.")
        return None
    common.one_from_url("kept", list(entries), next(iter(entries)))
    choice, remove = st.columns([4, 1], vertical_alignment="bottom")
    name = choice.selectbox("Saved similarity", list(entries), format_func=lambda key: entries[key].title, key="kept")
    common.to_url("kept", name)
    mine = common.actions().may_change(entries[name].owner)
    with remove.popover("Delete", width="stretch", disabled=not mine):
        st.markdown(f"Delete **{common.escaped(entries[name].title)}**? Runs that used it keep their copy.")
        st.button("Delete it", type="primary", disabled=not mine, on_click=delete, args=(name,))
    if entries[name].description:
        st.caption(common.escaped(entries[name].description))
    return Chosen(similarity_library.load(name), name, name)


def uploaded(data: str) -> Chosen | None:
    """Return the user's uploaded CSV, checked against the data set."""
    st.caption(
        "A CSV file: an empty cell and the class names, then one row per class that begins with its name; numbers from"
        " 0 to 1, with 1 on the diagonal; negative cosines count as 0. Classes are matched by"
        " name, in any order; the matrix need not be symmetric."
    )
    file = st.file_uploader("Similarity file", key="upload", disabled=not common.actions().may_run)
    if file is None:
        return None
    common.actions().check_upload(file.size)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", DataWarning)
        found, _ = similarity_formats.parse_bytes(file.getvalue(), file.name)
    for each in caught:
        common.show_warning(str(each.message))
    found.over(find(data).class_names)
    return Chosen(found, file.name.removesuffix(".csv"), None)


def compute(data: str, prompt: str) -> None:
    """Compute and save a similarity of class names, and choose it."""
    try:
        choose(common.actions().keep_names(data, prompt).name)
    except HierappError as error:
        st.session_state["similarity-error"] = str(error)


def keep(chosen: Chosen, name: str, data: str) -> None:
    """Save the displayed similarity, without its lower bound, and choose it."""
    try:
        choose(common.actions().keep_similarity(chosen.similarity, name, title=name, data=data).name)
    except HierappError as error:
        st.session_state["similarity-error"] = str(error)


def delete(name: str) -> None:
    try:
        undo.offer(common.actions().delete_similarity(name))
    except HierappError as error:
        st.session_state["similarity-error"] = str(error)


def choose(name: str) -> None:
    """Choose a saved similarity; called before the page reruns, because a drawn widget's value cannot be set."""
    st.session_state["source"], st.session_state["kept"] = "kept", name


st.title("Similarities")
st.markdown("SimLoss gives classes that are similar to the true one partial credit. Which classes, and how much?")
undo.show(similarity_library.KIND)
if "similarity-error" in st.session_state:
    common.show_error(st.session_state.pop("similarity-error"))
names = list(catalogue())
first, second = st.columns(2)
common.one_from_url("data", names, best_ready())
data = first.selectbox("Data set", names, format_func=common.data_title, key="data")
trees = common.trees_for(data)
common.one_from_url("label-tree", list(trees), next(iter(trees)))
tree_name = second.selectbox(
    "Label tree",
    list(trees),
    format_func=trees.__getitem__,
    key="label-tree",
    help="orders the classes, and is compared with the similarity",
)
common.one_from_url("source", list(SOURCES), "names" if shipped_for(data) else "ordinal")
source = common.chosen(
    st.segmented_control(
        "Source", list(SOURCES), format_func=SOURCES.__getitem__, required=True, key="source", wrap=True
    )
)
for key, value in (("data", data), ("label-tree", tree_name), ("source", source)):
    common.to_url(key, value)
if not common.fits_matrix(len(find(data).class_names), "classes"):
    st.stop()
makers = {"names": by_names, "tree": by_tree, "ordinal": by_order, "kept": kept, "upload": uploaded}
chosen = makers[source](data)
if chosen is not None:
    bound = st.slider(
        "Lower bound",
        0.0,
        0.99,
        0.0,
        0.01,
        key="bound",
        bind="query-params",
        help="similarities below it are set to 0, the others are rescaled: max(0, (s - bound) / (1 - bound))",
    )
    tree = tree_library.load(tree_name)
    raw = chosen.similarity.over(tree.leaves)
    matrix = bounded(raw, bound)
    describe(similarity_summary.of(matrix), similarity_summary.agreement(matrix, tree_similarity(tree)), bound)
    picture, words = st.columns([3, 2], gap="large")
    with picture:
        common.chart(
            similarity_plot(matrix, tree), "similarity", f"Similarities of the {len(tree.leaves)} classes of {data}"
        )
    with words:
        st.dataframe(
            [pair._asdict() for pair in similarity_summary.pairs(matrix, tree.leaves)],
            hide_index=True,
            height=458,
            column_config={"similarity": st.column_config.NumberColumn(format="%.3f")},
            key="pairs",
        )
        train_link(chosen, data, chosen.tree_name or tree_name, bound)
        left, right = st.columns(2)
        with left:
            keeping(chosen, keep, data)
        with right:
            downloads(chosen, Similarity(tree.leaves, matrix), bound)
