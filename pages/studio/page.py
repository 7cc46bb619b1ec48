"""Studio: draw a label tree, see immediately what it means for the loss, and train with it."""

from collections.abc import Callable

import streamlit as st

from hierapp.analysis import summary
from hierapp.data import tree_proposals
from hierapp.data.registry import catalogue, find
from hierapp.errors import ConfigError, HierappError
from hierapp.plots import core as plots
from hierapp.trees import (
    DISTANCES,
    DistanceKind,
    LabelTree,
    diff,
    formats as tree_formats,
    generators,
    library as tree_library,
    text as tree_text,
)
from hierapp.trees.distances import mean_distance
from hierapp.trees.drafts import Draft
from hierapp.utils.text import pluralize
from pages.components.tree_editor import tree_editor
from pages.shared import common, tree_input
from pages.studio import wordnet

GENERATORS: dict[str, tuple[str, Callable[[list[str], int], LabelTree]]] = {
    "flat": ("all directly below the root", lambda classes, seed: generators.flat(classes)),
    "binary": ("halved recursively, in their order", lambda classes, seed: generators.balanced(classes)),
    "random": ("joined at random, with a seed", generators.random),
}
TOY = (
    "No data set has these classes. Pictures of colored shapes are drawn for them, the more similar the closer two"
    " classes are in the tree; they train in seconds."
)
LINKAGE = "Agglomerative clustering, average linkage, of the test confusion matrix or of the directions of the rows."


def open_draft() -> Draft | None:
    """Return the draft that the address names, from this session or from disk."""
    named = st.query_params.get("draft")
    if not named:
        return None
    kept: Draft | None = st.session_state.get("draft")
    if kept is None or kept.id != named:
        kept = Draft.load(named)
        st.session_state["draft"] = kept
    refresh(kept)
    return kept


def refresh(draft: Draft) -> None:
    """Take over what other sessions did to a draft, and say so."""
    if draft.refresh():
        st.toast("This draft was changed elsewhere; its newest state is shown.", icon=":material/sync:")


def start() -> None:
    """Show the sources of a new draft."""
    st.markdown("Draw a label tree. Hierarchical losses learn from which classes belong together.")
    left: Draft | None = st.session_state.get("draft")
    if left is not None:
        st.page_link(
            "pages/studio/page.py",
            label=f"Continue with the drawing of this session: {common.escaped(left.title)}",
            icon=":material/edit:",
            query_params={"draft": left.id},
        )
    way = st.segmented_control(
        "Start from",
        ["a data set's classes", "a tree", "text", "a file", "a run"],
        default="a data set's classes",
        required=True,
        key="start-from",
    )
    {
        "a data set's classes": from_classes,
        "a tree": from_tree,
        "text": from_text,
        "a file": from_file,
        "a run": from_run,
    }[way]()


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


def studio(draft: Draft) -> None:
    """Show the editor and, next to it, what the tree means; a user who may only view gets a picture."""
    refresh(draft)
    entry = catalogue().get(draft.data or "")  # a user's own data set may have been deleted
    classes = entry.class_names if entry else None
    left, right = st.columns([3, 1], gap="medium")
    with left:
        if common.actions().may_run:
            tree_editor(draft, lambda edits: common.actions().edit_draft(draft, edits), classes)
        else:
            common.chart(plots.tree_plot(draft.tree), "studio-tree-picture", "The tree of the draft")
    with right:
        meaning(draft.tree, classes)
    more(draft)


def meaning(tree: LabelTree, classes: tuple[str, ...] | None) -> None:
    """Show what follows from the current tree."""
    one, two = st.columns(2)
    one.metric("Classes", f"{len(tree.leaves):,}")
    two.metric("Levels", int(tree.depth.max()))
    one.metric("Outputs", f"{len(tree.nodes) - 1:,}", help="logits of a conditional loss: one per node except the root")
    two.metric("Random mistake", f"{mean_distance(tree):.2f}", help="its mean distance, lca-depth")
    if tree.is_uniform_depth:
        st.info("Uniform depth: the second term of (2) is constant here.", icon=":material/straighten:")
    else:
        st.info("Ragged: the second term of (2) matters.", icon=":material/stairs:")
    if classes:
        leaves, wanted = set(tree.leaves), set(classes)
        missing, unknown = len(wanted - leaves), len(leaves - wanted)
        if missing or unknown:
            words = [f"{missing} missing"] * bool(missing) + [f"{unknown} unknown"] * bool(unknown)
            st.warning(f"Not yet the data set's classes: {', '.join(words)}.", icon=":material/rule:")
        else:
            st.success("The leaves are the data set's classes.", icon=":material/check:")


def more(draft: Draft) -> None:
    """Show one further plot of the tree at a time: plots that nobody requests would slow down the editor."""
    views = {
        "Distances": distances,
        "Adjacency matrix": adjacency,
        "Depth profile": depths,
        "Siblings": siblings,
        "Compare": changes,
        "As text": as_text,
    }
    chosen = st.pills("Show", list(views), key="studio-view", bind="query-params")
    if chosen:
        with common.show_errors():
            views[chosen](draft)


def distances(draft: Draft) -> None:
    kind = which_distance()
    if common.fits_matrix(len(draft.tree.leaves), "classes"):
        plot = plots.matrix_plot(draft.tree.distances(kind), draft.tree.leaves, "distance")
        common.chart(plot, "studio-distances", "Distances between the classes")


def adjacency(draft: Draft) -> None:
    if common.fits_matrix(len(draft.tree.nodes), "nodes"):
        plot = plots.matrix_plot(draft.tree.adjacency(), draft.tree.nodes, "child", total=True)
        common.chart(plot, "studio-adjacency", "The adjacency matrix of the tree")


def depths(draft: Draft) -> None:
    common.chart(plots.depth_plot(draft.tree), "studio-depths", "Leaves and internal nodes at each depth")


def siblings(draft: Draft) -> None:
    tree = draft.tree
    rows = [(tree.nodes[node], [tree.nodes[child] for child in tree.children[node]]) for node in tree.internal_nodes]
    st.dataframe([{"parent": parent, "children": ", ".join(below)} for parent, below in rows], hide_index=True)


def changes(draft: Draft) -> None:
    entries = {entry.name: entry for entry in tree_library.entries(draft.data)}
    other = st.selectbox(
        "Compared with",
        ["", *entries],
        format_func=lambda name: entries[name].title if name else "the start of this draft",
    )
    first_tree = tree_library.load(other) if other else draft.states[0]
    compared = diff.compare(first_tree, draft.tree, which_distance())
    moved = pluralize(len(compared.moved), "class", "classes")
    st.markdown(f"**{moved} moved**, {pluralize(len(compared.pairs), 'pair')} changed in distance.")
    first, second = st.columns(2)
    first.dataframe([dict(zip(("class", "was under", "is under"), row, strict=True)) for row in compared.moved])
    second.dataframe([dict(zip(("class", "and", "before", "after"), row, strict=True)) for row in compared.pairs])
    for column, tree, key in ((first, first_tree, "before"), (second, draft.tree, "after")):
        with column:
            common.chart(plots.tree_plot(tree, compact=True), f"studio-{key}", f"The tree {key}")


def as_text(draft: Draft) -> None:
    st.code(tree_text.render(draft.tree), language=None, height=400)


def which_distance() -> DistanceKind:
    kind: DistanceKind = st.segmented_control(
        "Distance", DISTANCES, default=DISTANCES[0], required=True, key="studio-distance"
    )
    return kind


def keep(draft: Draft) -> None:
    """Show the buttons that save, train, open the lab, download and close."""
    no = not common.actions().may_run
    name_column, save, train, lab, export, close = st.columns([2.4, 1, 1.8, 0.9, 1, 0.9], vertical_alignment="bottom")
    name = name_column.text_input("Name", draft.title, key=f"name-{draft.id}")

    def stored() -> str:
        return common.actions().save_tree(draft.tree, name, title=name, data=draft.data).name

    if save.button("Save", icon=":material/save:", width="stretch", disabled=no):
        st.toast(f"Saved as {common.escaped(stored())}.")
    if draft.data:
        if train.button("Train on it", icon=":material/play_circle:", type="primary", width="stretch", disabled=no):
            draft.tree.positions_of(find(draft.data).class_names)
            st.switch_page("pages/train/page.py", query_params={"data": draft.data, "label-tree": stored()})
    elif train.button(
        "Train on toy pictures", icon=":material/category:", type="primary", width="stretch", disabled=no, help=TOY
    ):
        tree_name = stored()
        data = common.actions().draw_toy(draft.tree, tree_name).name
        st.switch_page("pages/train/page.py", query_params={"data": data, "label-tree": tree_name})
    if lab.button("Lab", icon=":material/science:", width="stretch", disabled=no, help="Saves the tree and opens it"):
        st.switch_page("pages/lab/page.py", query_params={"tree": stored()})
    with export.popover("Export", width="stretch"):
        common.tree_download(draft.tree, name, key="studio-format")
    if close.button("Close", width="stretch", help="the draft remains on this machine, at the address of this page"):
        st.query_params.pop("draft", None)
        st.rerun()


st.title("Studio")
try:
    draft = open_draft()
except HierappError as error:
    common.show_error(error)
    draft = None
if draft is None:
    start()
else:
    with common.show_errors():
        keep(draft)
    common.repeated(studio, None)(draft)
