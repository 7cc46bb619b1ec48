"""Trees: choose a tree that ships or upload a file; view it and what it means for the loss."""

import streamlit as st

from hierapp.data.registry import catalogue, find
from hierapp.errors import HierappError
from hierapp.plots import core as plots
from hierapp.trees import DISTANCES, LabelTree, formats as tree_formats, library as tree_library
from hierapp.trees.distances import mean_distance
from hierapp.trees.excerpt import branch, excerpt
from pages.shared import common, own_drafts, tree_input, undo

UNIFORM = (
    "All leaves have the same depth. Each level then has probability 1, so the second term of the hierarchical loss"
    " (2) is a constant without gradient, and the three distances agree up to a factor."
)
RAGGED = (
    "Leaves have different depths. The second term of the hierarchical loss (2) then matters (path targets need it,"
    " leaf targets must not use it), and the three distances differ."
)


def upload() -> None:
    """Show the upload form: check a file and save it under a name."""
    st.markdown(
        "JSON, a table of parents and children or of ranks, an adjacency matrix, Newick or an indented outline; the"
        " content decides which."
    )
    file = st.file_uploader("Tree file", key="upload")
    if file is None:
        return
    try:
        common.actions().check_upload(file.size)
        content, file_name = file.getvalue(), file.name
        tree = tree_input.read(
            lambda read_as, disambiguate: tree_formats.parse_bytes(content, file_name, read_as, disambiguate), "upload"
        )
        if tree is None:
            return
        choices = [*catalogue(), None]
        data = st.selectbox(
            "Its leaves are the classes of",
            choices,
            index=choices.index(common.likely_data(tree)),
            format_func=lambda name: common.data_title(name) if name else "none of these data sets",
        )
        if data:
            tree.positions_of(find(data).class_names)
    except HierappError as error:
        common.show_error(error)
        return
    st.success(f"{common.escaped(file.name)} is a label tree of {len(tree.nodes)} nodes and {len(tree.leaves)} leaves.")
    name = st.text_input("Save as", tree_formats.stem_of(file.name))
    st.button("Save this tree", type="primary", icon=":material/save:", on_click=keep, args=(tree, name, data))


def keep(tree: LabelTree, name: str, data: str | None) -> None:
    """Save an uploaded tree and choose it, before the page reruns: a drawn widget's value cannot be set."""
    try:
        st.session_state["tree"] = common.actions().keep_tree(tree, name, title=name, data=data).name
    except HierappError as error:
        st.session_state["keep-error"] = str(error)


def describe(tree: LabelTree) -> None:
    """Show the numbers and matrices derived from a tree."""
    distance = st.segmented_control(
        "Distance", DISTANCES, default=DISTANCES[0], required=True, key="distance", bind="query-params", wrap=True
    )
    common.facts(
        {
            "Classes": len(tree.leaves),
            "Nodes": len(tree.nodes),
            "Levels": int(tree.depth.max()),
            "Outputs of a conditional loss": len(tree.nodes) - 1,
            "Distance of a random mistake": f"{mean_distance(tree, distance):.3f}",
        }
    )
    if tree.is_uniform_depth:
        st.info(f"**Uniform depth.** {UNIFORM}", icon=":material/straighten:")
    else:
        st.info(f"**Ragged.** {RAGGED}", icon=":material/stairs:")
    part = chosen_branch(tree)
    # Only the open tab is computed and sent.
    drawing, costs, depths, adjacency = st.tabs(
        ["Tree", "Distances", "Depth profile", "Adjacency matrix"], key="tree-view", on_change="rerun"
    )
    if drawing.open:
        with drawing:
            picture(part)
    if costs.open:
        with costs:
            st.caption(f"The {distance} distance between classes: the cost of a mistake.")
            if common.fits_matrix(len(part.leaves), "classes"):
                common.chart(
                    plots.matrix_plot(part.distances(distance), part.leaves, "distance"),
                    "distances",
                    "Distances between the classes",
                )
    if depths.open:
        with depths:
            common.chart(plots.depth_plot(part), "depths", "Leaves and internal nodes at each depth")
    if adjacency.open:
        with adjacency:
            st.caption("Rows are parents, with a 1 in the columns of their children; the column of the root is 0.")
            if common.fits_matrix(len(part.nodes), "nodes"):
                common.chart(
                    plots.matrix_plot(part.adjacency(), part.nodes, "child", total=True),
                    "adjacency",
                    "The adjacency matrix of the tree",
                )


def chosen_branch(tree: LabelTree) -> LabelTree:
    """Return the branch of a large tree that is shown; a small tree is shown whole."""
    if not excerpt(tree).hidden:
        return tree
    root = tree.nodes[0]
    named = st.session_state.get("branch") or st.query_params.get("branch")
    node = tree.nodes.index(named) if named in tree.nodes else 0
    node = node if tree.children[node] else 0
    part = excerpt(branch(tree, node))
    # The way up, then what is drawn: few enough names for a list, and by several choices every branch is reached.
    up = [tree.nodes[above] for above in tree.path(node)]
    down = [part.tree.nodes[i] for i, below in enumerate(part.below.tolist()) if below > 1 and part.nodes[i] > 0]
    names = list(dict.fromkeys([*up, *down]))
    if len(names) == 1:
        return tree
    common.one_from_url("branch", names, root)
    name = st.selectbox("Show the branch", names, key="branch", help="Large trees are shown one branch at a time.")
    common.to_url("branch", name)
    return branch(tree, tree.nodes.index(name))


def picture(tree: LabelTree) -> None:
    """Show the drawing of a branch, and how much of it is not drawn."""
    part = excerpt(tree)
    if part.hidden:
        st.caption(
            f"{len(tree.nodes) - part.hidden:,} of {len(tree.nodes):,} nodes are drawn; a number in parentheses is the"
            " number of classes below that are not drawn. Choose a branch to see more, or open the tree in the studio."
        )
    alt = f"The tree over {', '.join(part.tree.leaves[:20])}"
    common.chart(plots.excerpt_plot(part), "drawing", alt)


st.title("Trees")
entries = {entry.name: entry for entry in tree_library.entries()}
choice, add = st.columns([3, 1], vertical_alignment="bottom")
common.one_from_url("tree", list(entries), "cifar10")
picked = choice.selectbox(
    "Tree",
    list(entries),
    format_func=lambda name: entries[name].title + ("" if entries[name].shipped else " (yours)"),
    key="tree",
)
common.to_url("tree", picked)
with add.popover("Upload a tree", icon=":material/upload:", width="stretch", disabled=not common.actions().may_run):
    upload()
if "keep-error" in st.session_state:
    common.show_error(st.session_state.pop("keep-error"))
undo.show(tree_library.KIND)
entry = entries[picked]
shown = tree_library.load(picked)
data_words = f" Its leaves are the classes of {common.data_title(entry.data)}." if entry.data else ""
st.markdown(common.escaped(f"{entry.description}{data_words}"))
studio, duplicate, earlier, remove, _ = st.columns([1.4, 1, 1, 1, 2])
actions = common.actions()
no_draft, not_mine = not actions.may_run, entry.shipped or not actions.may_change(entry.owner)
if studio.button("Edit in the studio", icon=":material/edit:", width="stretch", disabled=no_draft):
    common.draw(shown, entry.title, entry.data)
if duplicate.button("Duplicate", width="stretch", disabled=no_draft):
    copy = actions.keep_tree(shown, f"{picked}-copy", f"{entry.title}, copy", entry.description, entry.data)
    st.query_params["tree"] = copy.name
    del st.session_state["tree"]
    st.rerun()
with earlier.popover("Versions", width="stretch", disabled=entry.shipped):
    found = tree_library.versions(picked)
    if not found:
        st.caption("Overwritten and deleted versions are listed here.")
    for version in found:
        if st.button(
            f"{common.escaped(version.title)}, {version.path.stem.lstrip('0')}",
            key=f"version-{version.path.stem}",
            disabled=no_draft,
        ):
            common.draw(tree_library.load(str(version.path)), version.title, version.data)
with remove.popover("Delete", width="stretch", disabled=not_mine):
    st.markdown(
        f"Delete **{common.escaped(entry.title)}**? It goes to the trash. Runs that used it keep their copy, and its"
        " versions remain."
    )
    if st.button("Delete it", type="primary", disabled=not_mine):
        undo.offer(actions.delete_tree(picked))
        del st.session_state["tree"]
        st.query_params.pop("tree", None)
        st.rerun()
describe(shown)
with st.popover("Download", icon=":material/download:"):
    common.tree_download(shown, picked, key="tree-format")
own_drafts.listed()
