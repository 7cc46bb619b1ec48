"""What follows from a tree that is drawn: facts beside the editor, and one further view below it."""

import streamlit as st

from hierapp.plots import core as plots
from hierapp.trees import DISTANCES, DistanceKind, LabelTree, diff, library as tree_library, text as tree_text
from hierapp.trees.distances import mean_distance
from hierapp.trees.drafts import Draft
from hierapp.utils.text import pluralize
from pages.shared import common


def meaning(tree: LabelTree, classes: tuple[str, ...] | None) -> None:
    """Show what follows from the current tree."""
    one, two = st.columns(2)
    one.metric("Classes", f"{len(tree.leaves):,}")
    two.metric("Levels", int(tree.depth.max()))
    one.metric("Outputs", f"{len(tree.nodes) - 1:,}", help="logits of a conditional loss: one per node except the root")
    two.metric("Distance", f"{mean_distance(tree):.2f}", help="lca-depth distance of a random mistake, mean")
    if tree.is_uniform_depth:
        st.info(
            "Uniform depth: all classes are equally deep, so the second term of the hierarchical loss is constant.",
            icon=":material/straighten:",
        )
    else:
        st.info(
            "Ragged: the classes have different depths, so the second term of the hierarchical loss matters.",
            icon=":material/stairs:",
        )
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
    chosen = st.pills("Show", list(views), key="studio-view", bind="query-params", wrap=True)
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
        "Distance", DISTANCES, default=DISTANCES[0], required=True, key="studio-distance", wrap=True
    )
    return kind
