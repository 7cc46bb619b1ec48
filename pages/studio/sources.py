"""What a new drawing starts from: classes, a tree, text, a file or a run; and the drafts that were begun before."""

from collections.abc import Callable

import streamlit as st

from hierapp.analysis import summary
from hierapp.data import tree_proposals
from hierapp.data.registry import catalogue, find
from hierapp.errors import ConfigError
from hierapp.trees import LabelTree, formats as tree_formats, generators, library as tree_library, text as tree_text
from pages.shared import common, own_drafts, tree_input
from pages.studio import wordnet

GENERATORS: dict[str, tuple[str, Callable[[list[str], int], LabelTree]]] = {
    "flat": ("all directly below the root", lambda classes, seed: generators.flat(classes)),
    "binary": ("halved recursively, in their order", lambda classes, seed: generators.balanced(classes)),
    "random": ("joined at random, with a seed", generators.random),
}
TYPED = "names that you type"
LINKAGE = "Agglomerative clustering, average linkage, of the test confusion matrix or of the directions of the rows."


def start() -> None:
    """Show the sources of a new draft."""
    st.markdown("Draw a label tree. Hierarchical losses learn from which classes belong together.")
    way = st.segmented_control(
        "Start from",
        ["a data set's classes", "a tree", "text", "a file", "a run"],
        default="a data set's classes",
        required=True,
        format_func=lambda way: TYPED if way == "text" else way,
        key="start-from",
        wrap=True,
    )
    {
        "a data set's classes": from_classes,
        "a tree": from_tree,
        "text": from_text,
        "a file": from_file,
        "a run": from_run,
    }[way]()
    own_drafts.listed()


def from_classes() -> None:
    data = st.selectbox("Data set", list(catalogue()), format_func=common.data_title, key="studio-data")
    ways = {name: words for name, (words, _) in GENERATORS.items()}
    ways |= {f"by {name}": f"proposed by {way.words}" for name, way in tree_proposals.WAYS.items()}
    kind = st.radio("Its classes", list(ways), format_func=lambda key: f"{key}: {ways[key]}")
    seed = st.number_input("Seed", 0, 10**6, 0) if kind == "random" else 0
    senses = wordnet.senses(list(find(data).class_names)) if kind == "by wordnet" else None
    if kind == "by wordnet" and senses is None:
        return
    if st.button("Open in the studio", type="primary"):
        classes = list(find(data).class_names)
        if kind in GENERATORS:
            tree = GENERATORS[kind][1](classes, int(seed))
        else:
            tree = tree_proposals.propose(kind.removeprefix("by "), classes, data, senses)
        common.draw(tree, common.data_title(data), data)


def from_tree() -> None:
    entries = {entry.name: entry for entry in tree_library.entries()}
    name = st.selectbox("Tree", list(entries), format_func=lambda key: entries[key].title, key="studio-tree")
    against = st.checkbox(
        "Adversarial version: the same shape, with the closest classes separated",
        help="At each node, the leaf positions below its children are interleaved evenly and filled with the classes "
        "in the tree's order.",
    )
    if st.button("Open in the studio", type="primary"):
        tree = tree_library.load(name)
        title = entries[name].title + (", adversarial" if against else "")
        common.draw(generators.adversarial(tree) if against else tree, title, entries[name].data)


def from_text() -> None:
    text = st.text_area(
        "Names, indented below their parents, or parent,child lines",
        placeholder="animal\n  cat\n  dog\nvehicle\n  car\n  truck",
        height=240,
    )
    if st.button("Open in the studio", type="primary"):
        st.session_state["studio-text-read"] = text
    # Until the text is changed it stays to be read, for there may be a question about it.
    if st.session_state.get("studio-text-read") == text:
        common.actions().check_upload(len(text.encode("utf-8", "replace")))
        tree = tree_input.read(
            lambda read_as, disambiguate: tree_text.parse(text, read_as, disambiguate), "studio-text"
        )
        if tree is not None:
            del st.session_state["studio-text-read"]
            common.draw(tree, "Typed", common.likely_data(tree))


def from_file() -> None:
    file = st.file_uploader("Tree file", key="studio-file")
    if file is not None:
        common.actions().check_upload(file.size)
        content, name = file.getvalue(), file.name
        tree = tree_input.read(
            lambda read_as, disambiguate: tree_formats.parse_bytes(content, name, read_as, disambiguate), "studio-file"
        )
        if tree is None:
            return
        st.success(f"{common.escaped(name)} is a label tree of {len(tree.nodes)} nodes and {len(tree.leaves)} leaves.")
        if st.button("Open in the studio", type="primary"):
            common.draw(tree, name, common.likely_data(tree))


def from_run() -> None:
    store = common.store()
    runs = {run.id: run for run in store.runs() if run.state == "finished"}
    if not runs:
        st.info("There are no finished runs yet; train one to use its tree, mistakes or weights here.")
        return
    chosen = st.selectbox(
        "Run",
        list(runs)[::-1],
        format_func=lambda key: f"{key}: {summary.loss_label(runs[key])}, {common.data_title(runs[key].config.data)}",
    )
    run = runs[chosen]
    kinds = {
        "its tree": "the one it was trained on",
        "its mistakes": "classes that are confused with each other are joined first",
        "its weights": "classes whose rows in the last layer point the same way are joined first",
    }
    if run.is_imported:
        del kinds["its weights"]
    kind = st.radio("Use", list(kinds), format_func=lambda key: f"{key}: {kinds[key]}", help=LINKAGE)
    if st.button("Open in the studio", type="primary"):
        if kind == "its mistakes":
            counts = store.confusion(run.id, "test")
            if counts is None:
                raise ConfigError(
                    f"Run {run.id} has no confusion matrix of its test images; use its tree or its weights."
                )
            tree = generators.from_confusion(counts, run.tree.leaves)
        elif kind == "its weights":
            tree = generators.from_classifier(run.folder / "model.safetensors", run.tree)
        else:
            tree = run.tree
        common.draw(tree, f"From run {run.id}, {kind}", run.config.data)
