"""Studio: draw a label tree, see immediately what it means for the loss, and train with it."""

import streamlit as st

from hierapp.data.registry import catalogue, find
from hierapp.errors import HierappError
from hierapp.plots import core as plots
from hierapp.trees.drafts import Draft
from pages.components.tree_editor import tree_editor
from pages.shared import common, own_drafts
from pages.studio import sources, views

NEW = "new"  # in the address: begin a new drawing, although one is open
TOY = (
    "No data set has these classes. Pictures of colored shapes are drawn for them, the more similar the closer two"
    " classes are in the tree; they train in seconds."
)


def open_draft() -> Draft | None:
    """Return the draft that the address names, from this session or from disk; else the one that is open."""
    if NEW in st.query_params:
        del st.query_params[NEW]
        own_drafts.close()
    kept = own_drafts.opened()
    named = st.query_params.get("draft")
    if not named and kept is not None:  # the user comes back by the menu
        st.query_params["draft"] = named = kept.id
    if not named:
        return None
    if kept is None or kept.id != named:
        kept = Draft.load(named)
        own_drafts.open(kept)
    refresh(kept)
    return kept


def refresh(draft: Draft) -> None:
    """Take over what other sessions did to a draft, and say so."""
    if draft.refresh():
        st.toast("This draft was changed elsewhere; its newest state is shown.", icon=":material/sync:")


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
        views.meaning(draft.tree, classes)
    views.more(draft)


def keep(draft: Draft) -> None:
    """Show the buttons that save, train, open the lab, download and close."""
    no = not common.actions().may_run
    # They wrap on narrow screens, where columns would push the drawing off the page.
    row = st.container(horizontal=True, vertical_alignment="bottom")
    name = row.text_input("Name", draft.title, key=f"name-{draft.id}")

    def stored() -> str:
        return common.actions().save_tree(draft.tree, name, title=name, data=draft.data).name

    if row.button("Save", icon=":material/save:", disabled=no):
        st.toast(f"Saved as {common.escaped(stored())}.")
    if draft.data:
        if row.button("Train on it", icon=":material/play_circle:", type="primary", disabled=no):
            draft.tree.positions_of(find(draft.data).class_names)
            st.switch_page("pages/train/page.py", query_params={"data": draft.data, "label-tree": stored()})
    elif row.button("Train on toy pictures", icon=":material/category:", type="primary", disabled=no, help=TOY):
        tree_name = stored()
        data = common.actions().draw_toy(draft.tree, tree_name).name
        st.switch_page("pages/train/page.py", query_params={"data": data, "label-tree": tree_name})
    if row.button("Lab", icon=":material/science:", disabled=no, help="Saves the tree and opens it"):
        st.switch_page("pages/lab/page.py", query_params={"tree": stored()})
    with row.popover("Export"):
        common.tree_download(draft.tree, name, key="studio-format")
    if row.button("Close", help="The draft remains on this machine, among the drafts."):
        own_drafts.close()
        st.query_params.pop("draft", None)
        st.rerun()


st.title("Studio")
try:
    draft = open_draft()
except HierappError as error:
    common.show_error(error)
    draft = None
if draft is None:
    sources.start()
else:
    with common.show_errors():
        keep(draft)
    common.repeated(studio, None)(draft)
