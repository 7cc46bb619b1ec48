"""Start: an introduction, and one click that compares the losses on the best data set that is ready."""

import streamlit as st

from hierapp.data import registry as datasets
from hierapp.execution.estimate import estimate
from hierapp.execution.slots import at_once
from hierapp.losses import LOSSES
from hierapp.plots.core import tree_plot
from hierapp.training.config import plan
from hierapp.training.models import MODELS
from hierapp.utils.text import pluralize
from pages.shared import common, downloading

EPOCHS = {"digits": 100}  # few small images: an epoch takes a moment
OTHER_EPOCHS = 5
LARGEST_PICTURE = 20  # classes; a larger tree is not drawn here


def introduction() -> None:
    text, picture = st.columns([1, 1], gap="large", vertical_alignment="center")
    with text:
        st.title("Mistaking a cat for a dog is better than mistaking it for a truck.")
        st.markdown(
            "Labels have structure. **Hierarchical losses** teach this structure to a network with a *label tree*."
            " Choose or load a tree, train the same network with several losses, and see what the tree changes: not"
            " only how many predictions are wrong, but **how wrong** they are."
        )
        chosen = st.pills(
            "Data set",
            list(datasets.catalogue()),
            default=datasets.best_ready(),
            required=True,
            format_func=lambda name: common.escaped(common.data_title(name)),
            key="compare-on",
            wrap=True,
        )
        data = datasets.find(chosen)
        if datasets.status(chosen).state == "ready":
            compare(data)
        else:
            downloading.get_button(data, "hero")
    with picture:
        tree = common.the_tree(data.default_tree)
        if len(tree.leaves) <= LARGEST_PICTURE:
            alt = f"The label tree of {data.title}: {', '.join(tree.leaves)}"
            common.chart(tree_plot(tree, compact=True), "tree", alt)
        else:
            title = common.escaped(data.title)
            st.page_link(
                "pages/trees/page.py",
                label=f"The tree of {title} has {len(tree.leaves)} classes: open the Trees page",
                icon=":material/account_tree:",
                query_params={"tree": data.default_tree},
            )


def compare(data: datasets.Dataset) -> None:
    """Show the button that compares the losses."""
    epochs = EPOCHS.get(data.name, OTHER_EPOCHS)
    # With this many short epochs, a rate that falls every few epochs would reach zero long before the end.
    schedule = "constant" if data.name in EPOCHS else "step"
    configs = plan(list(LOSSES), [0], data=data.name, tree=data.default_tree, epochs=epochs, schedule=schedule)
    label, may = f"Compare the losses on {common.escaped(data.title)}", common.actions().may_run
    if st.button(label, type="primary", icon=":material/play_arrow:", disabled=not may):
        common.submit(configs, common.the_tree(data.default_tree))
    store = common.store()
    takes = estimate(store, configs, at_once(store, configs[0].device))
    st.caption(
        f"{len(configs)} runs of {MODELS[configs[0].model].title}, {pluralize(epochs, 'epoch')} each, one seed: about"
        f" {takes}{'' if takes.measured_here else ' on a machine with two cores'}. They continue when you close this"
        " page."
    )


def data_card(data: datasets.Dataset) -> None:
    height, width, channels = data.image_shape
    pixels = f"{height} × {width}, {'colour' if channels == 3 else 'grey'}"
    each = pixels if data.kind == "images" else f"{data.features:,} features"
    st.markdown(f"**{data.title}**")
    st.caption(
        f"{data.train_size + data.test_size:,} {data.noun}, {each}; {len(data.class_names)} classes.  \n{data.source}"
    )
    if datasets.status(data.name).state == "ready":
        st.badge("ready", icon=":material/check:", color="green")
    else:
        downloading.get_button(data, "card")


introduction()

st.subheader("Data sets")
for column, entry in zip(st.columns(len(datasets.DATASETS)), datasets.DATASETS.values(), strict=True):
    with column.container(border=True, height="stretch"):
        data_card(entry)

st.page_link(
    "pages/data/page.py",
    label="Import your own images, view the images of each class, or delete data sets on the Data page",
    icon=":material/photo_library:",
)

st.subheader("The losses")
st.caption(
    "u: logits; p(v): probability of node v among its siblings; z(v): of v among all; y: the true class; S: similarity"
    " of classes."
)
for name, loss in LOSSES.items():
    words, formula = st.columns([1, 1], vertical_alignment="center")
    words.markdown(f"**{loss.title}**  \n{loss.summary}  \n:gray[`{name}`, {loss.source}]")
    formula.latex(loss.formula)

common.glossary()
