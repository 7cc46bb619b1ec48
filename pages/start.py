"""Start: what this is, and one click to compare the losses on the best data set that is ready."""

import streamlit as st

from hierapp import datasets, downloads
from hierapp.config import plan
from hierapp.estimate import estimate
from hierapp.figures import tree_figure
from hierapp.losses import LOSSES
from hierapp.slots import at_once
from pages.parts import common

common.through_router()

EPOCHS = {"digits": 100}  # few small images: an epoch is over in a blink
OTHER_EPOCHS = 5
LARGEST_PICTURE = 20  # classes that a tree in passing has room for


def introduction() -> None:
    text, picture = st.columns([1, 1], gap="large", vertical_alignment="center")
    with text:
        st.title("A cat taken for a dog is a better mistake than a cat taken for a truck.")
        st.markdown(
            "Labels have structure. **Hierarchical losses** teach it to a network by a *label tree*. Here you choose or"
            " load a tree, train the same network with each loss side by side, and see what the tree changed: not only"
            " how many images are wrong, but **how wrong** they are."
        )
        chosen = st.segmented_control(
            "Data set",
            list(datasets.DATASETS),
            default=datasets.best_ready(),
            required=True,
            format_func=common.data_title,
            key="compare-on",
        )
        data = datasets.find(chosen)
        if datasets.status(chosen).state == "ready":
            compare(data)
        else:
            get_button(data, "hero")
    with picture:
        tree = common.shipped_tree(data.default_tree)
        if len(tree.leaves) <= LARGEST_PICTURE:
            alt = f"The label tree of {data.title}: {', '.join(tree.leaves)}"
            common.chart(tree_figure(tree, compact=True), "tree", alt)
        else:
            st.page_link(
                "pages/trees.py",
                label=f"The tree of {data.title} has {len(tree.leaves)} classes: see it on the Trees page",
                icon=":material/account_tree:",
                query_params={"tree": data.default_tree},
            )


def compare(data: datasets.Dataset) -> None:
    """The one click."""
    epochs = EPOCHS.get(data.name, OTHER_EPOCHS)
    configs = plan(list(LOSSES), [0], data=data.name, tree=data.default_tree, epochs=epochs)
    label, may = f"Compare the losses on {data.title}", common.actions().may_run
    if st.button(label, type="primary", icon=":material/play_arrow:", disabled=not may):
        common.submit(configs, common.shipped_tree(data.default_tree))
    store = common.store()
    takes = estimate(store, configs, at_once(store, configs[0].device))
    st.caption(
        f"{len(configs)} runs of LeNet, {epochs} epochs each, one seed: about {takes}"
        f"{'' if takes.measured_here else ' on a machine of two cores'}. They go on when you close this page."
    )


def while_downloading(name: str) -> None:
    """A download's progress, until it ends."""
    now = downloads.progress_of(name)
    if now is None or not now.running:
        st.rerun()
    share = min(now.done / now.total, 1.0) if now.total else 0.0
    st.progress(share, text=f"{now.what}: {now.done / 1e6:.0f} of {now.total / 1e6:.0f} MB")


def get_button(data: datasets.Dataset, place: str) -> None:
    """What is to be said and done about a data set that is not ready."""
    status, last = datasets.status(data.name), downloads.progress_of(data.name)
    if last is not None and last.running:
        common.repeated(while_downloading, 1.0)(data.name)
        return
    if last is not None and last.error:
        st.error(last.error)
    elif status.state == "broken":
        st.warning(status.detail)
    again = " again" if status.state == "broken" else ""
    label = f"Get {data.title}{again} ({data.download_bytes / 1e6:.0f} MB)"
    may = common.actions().may_run
    if st.button(label, key=f"get-{data.name}-{place}", icon=":material/download:", disabled=not may):
        common.actions().get_data(data.name)
        st.rerun()


def data_card(data: datasets.Dataset) -> None:
    height, width, channels = data.image_shape
    st.markdown(f"**{data.title}**")
    st.caption(
        f"{data.train_size + data.test_size:,} images, {height} × {width}, {'colour' if channels == 3 else 'grey'};"
        f" {len(data.class_names)} classes.  \n{data.source}"
    )
    if datasets.status(data.name).state == "ready":
        st.badge("ready", icon=":material/check:", color="green")
    else:
        get_button(data, "card")


introduction()

st.subheader("Data sets")
for column, entry in zip(st.columns(len(datasets.DATASETS)), datasets.DATASETS.values(), strict=True):
    with column.container(border=True, height="stretch"):
        data_card(entry)

st.subheader("The losses")
st.caption(
    "u: logits; p(v): probability of node v among its siblings; z(v): of v among all; y: the true class; S: similarity"
    " of classes."
)
for name, loss in LOSSES.items():
    words, formula = st.columns([1, 1], vertical_alignment="center")
    words.markdown(f"**{loss.title}**  \n{loss.summary}  \n:gray[`{name}`, {loss.source}]")
    formula.latex(loss.formula)
