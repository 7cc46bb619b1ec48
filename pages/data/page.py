"""Data: the data sets, with pictures or texts and counts of each class; import, download and deletion."""

import streamlit as st

from hierapp import paths
from hierapp.data import Dataset, contact_sheet, registry as datasets, row_texts
from hierapp.data.imports import store as import_store
from hierapp.plots import data as data_plots
from hierapp.runs import data_deletion
from hierapp.trees import library as tree_library
from hierapp.utils.disk import in_words
from pages.data import imports, overlays, report as data_report
from pages.shared import common, downloading, undo

SET = imports.SET
AT_ONCE = 200  # rows


@st.cache_data(max_entries=20, show_spinner="Drawing the images")
def sheet_of(name: str, stamp: int, theme: str, sheet: int) -> bytes:
    """Return the contact sheet, cached; `stamp` distinguishes a data set from an earlier one with the same name."""
    return contact_sheet.render(name, theme, sheet)


@st.cache_data(max_entries=50, show_spinner="Counting")
def counts_of(name: str, stamp: int) -> tuple[list[int], list[int]]:
    """Return the number of images of each class in the training and the test part, cached."""
    counts = datasets.class_counts(name)
    return counts["train"].tolist(), counts["test"].tolist()


def choose() -> Dataset:
    """Show the choice of data set and return it."""
    entries = datasets.catalogue()
    common.one_from_url(SET, list(entries), datasets.best_ready())
    states = {name: datasets.status(name).state for name in entries}

    def words(name: str) -> str:
        said = [word for word in ("yours" * entries[name].own, states[name] * (states[name] != "ready")) if word]
        return entries[name].title + (f" ({', '.join(said)})" if said else "")

    picked = st.selectbox("Data set", list(entries), format_func=words, key=SET)
    common.to_url(SET, picked)
    return entries[picked]


def describe(data: Dataset) -> None:
    height, width, channels = data.image_shape
    facts = {
        "Classes": f"{len(data.class_names):,}",
        f"Training {data.noun}": f"{data.train_size:,}",
        f"Test {data.noun}": f"{data.test_size:,}",
    }
    if data.coarse_names:
        facts["Coarse labels"] = f"{len(data.coarse_names):,}"
    if data.kind == "features":
        facts["Features"] = f"{data.features:,}"
    else:
        facts |= {"Pixels": f"{height} × {width}", "Colors": "color" if channels == 3 else "gray"}
    common.facts(facts)
    st.caption(common.escaped(data.source))


def way_on(data: Dataset, state: str) -> None:
    """Show the buttons: train, tree, delete."""
    may, row = common.actions(), st.container(horizontal=True, vertical_alignment="center", gap="medium")
    if state == "ready":
        row.page_link(
            "pages/train/page.py",
            label="Train on it",
            icon=":material/play_circle:",
            query_params={"data": data.name},
            width="content",
        )
    if tree_library.has(data.default_tree):
        row.page_link(
            "pages/trees/page.py",
            label="Show its tree",
            icon=":material/account_tree:",
            query_params={"tree": data.default_tree},
            width="content",
        )
    if row.button("Edit its tree", icon=":material/edit:", disabled=not may.may_run):
        common.draw(common.the_tree(data.default_tree), f"{data.title}'s tree", data.name)
    if data.own or (data.files and state != "absent"):
        with row.popover("Delete", icon=":material/delete:"):
            deleting(data)


def deleting(data: Dataset) -> None:
    may = common.actions()
    mine = may.may_change(data.owner) if data.own else may.may_steer
    others = [entry.title for entry in data_deletion.with_the_same_files(data) if entry.name != data.name]
    reason = data_deletion.obstacle(data, common.store())
    if reason:
        st.markdown(common.escaped(reason))
    elif data.own:
        st.markdown(
            f"Delete **{common.escaped(data.title)}**, its {data.noun} and its report? It goes to the trash, with its"
            " tree. Runs that used it keep their results."
        )
    else:
        also = (
            f" {common.escaped(' and '.join(others))} is read from the same files and is deleted as well."
            if others
            else ""
        )
        size = in_words(sum(file.size for file in data.files))
        st.markdown(
            f"Delete **{common.escaped(data.title)}** from this machine, {size}? You can download it again.{also}"
        )
    others_use = data_deletion.sharing(data, common.store())
    sure = True
    if others_use and not reason:
        st.markdown(common.escaped(others_use))
        sure = st.checkbox("Delete it although they need it, too", key="shared-sure")
    if not mine:
        st.caption("Only its owner or an admin can delete it." if data.own else "Only admins can delete it.")
    if st.button("Delete it", type="primary", disabled=bool(reason) or not mine or not sure):
        undo.offer(may.delete_data(data.name, shared=bool(others_use)))
        st.query_params.pop(SET, None)
        del st.session_state[SET]
        st.rerun()


def pictures(data: Dataset, stamp: int) -> None:
    count, sheet = contact_sheet.sheets(data.name), 0
    if count > 1:
        most = contact_sheet.CLASSES
        sheet = st.selectbox(
            "Classes",
            range(count),
            format_func=lambda i: f"{i * most + 1} to {min((i + 1) * most, len(data.class_names))}",
        )
    theme = "dark" if st.context.theme.type == "dark" else "light"
    names = ", ".join(contact_sheet.shown_classes(data.name, sheet))
    with common.show_errors():
        st.image(sheet_of(data.name, stamp, theme, sheet), alt=f"Training images of each class: {names}")


@st.cache_data(max_entries=20, show_spinner="Reading the rows")
def rows_of(name: str, stamp: int, label: int) -> tuple[list[str], int]:
    """Return texts of training rows with a label, and how many rows there are, cached."""
    return row_texts.of_label(name, "train", label, AT_ONCE)


def rows(data: Dataset, stamp: int) -> None:
    """Show texts or names of training rows, label by label."""
    names = data.label_names
    label = st.selectbox("Label", range(len(names)), format_func=lambda place: names[place], key="data-label")
    with common.show_errors():
        texts, count = rows_of(data.name, stamp, label)
        shown = f"the first {len(texts)} of " if len(texts) < count else ""
        st.caption(f"Training rows of {common.escaped(names[label])}: {shown}{count:,}.")
        st.dataframe({"row": texts}, hide_index=True)


def counts(data: Dataset, stamp: int) -> None:
    with common.show_errors():
        train, test = counts_of(data.name, stamp)
        plot = data_plots.counts_plot(data.class_names, train, test)
        of_what = "pixels" if data.kind == "segmentation" else data.noun
        common.chart(plot, "counts", f"Training and test {of_what} of each of {len(train)} classes")
        rows = {"class": data.class_names, "train": train, "test": test}
        with st.expander("As a table"):
            st.dataframe(rows, hide_index=True)


st.title("Data")
st.markdown("Available data sets, data sets to download, and your own images, label maps or features.")
undo.show(data_deletion.KIND)
imports.section()
chosen = choose()
status = datasets.status(chosen.name)
describe(chosen)
way_on(chosen, status.state)
if status.state == "ready":
    now = import_store.stamp(chosen.name, paths.data_folder()) if chosen.own else 0
    report = import_store.report_of(chosen.name, paths.data_folder()) if chosen.own else None
    with_images = datasets.has_images(chosen.name)
    has_maps = chosen.kind == "segmentation"
    first = "Images" if with_images or has_maps else "Rows"
    tabs = st.tabs([first, "Class counts", *(["Check report"] if report else [])])
    with tabs[0]:
        (overlays.show if has_maps else pictures if with_images else rows)(chosen, now)
    with tabs[1]:
        counts(chosen, now)
    if report:
        with tabs[2]:
            data_report.show(report)
elif chosen.own:
    common.show_error(status.detail)
else:
    downloading.get_button(chosen, "data")
