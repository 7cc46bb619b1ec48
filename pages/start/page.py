"""Start: see what a hierarchical loss does, try the losses on a data set that is ready, or bring your own."""

from collections import Counter

import streamlit as st

from hierapp.data import registry as datasets
from hierapp.execution.estimate import estimate
from hierapp.execution.slots import at_once
from hierapp.lab import trees as lab_trees
from hierapp.losses import LOSSES
from hierapp.plots.core import tree_plot
from hierapp.studies import findings
from hierapp.training.config import RunConfig
from hierapp.training.models import MODELS
from hierapp.training.plans import plan
from hierapp.utils.text import pluralize
from pages.shared import common, downloading, own_drafts

FIRST_LOSSES = ("cross-entropy", "conditional", "hierarchical")  # no tree; a tree with equal and with unequal weights
EPOCHS = {"digits": 100}  # few small images: an epoch takes a moment
CARDS = 4  # in a row
OTHER_EPOCHS = 5


def see() -> None:
    st.header("See it", anchor=False)
    st.markdown(
        "A network takes a cat for a truck. What does each loss say about it, and in which direction does it push? One"
        " minute, step by step, nothing to train."
    )
    tree = lab_trees.named(lab_trees.FIGURE_7)
    plot = tree_plot(tree, compact=True).update_layout(height=150)
    common.chart(plot, "tree", f"The label tree of the example: {', '.join(tree.leaves)}")
    st.page_link(
        "pages/lab/page.py",
        label="The cat that became a truck",
        icon=":material/play_circle:",
        query_params={"lesson": "cat-truck", "step": "1"},
    )
    st.page_link("pages/losses/page.py", label="All losses and their formulas", icon=":material/functions:")


def try_it() -> None:
    st.header("Try it", anchor=False)
    st.markdown("Train the same small network with several losses, and watch the curves.")
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


def compare(data: datasets.Dataset) -> None:
    """Show the buttons that compare a few losses, or all of them."""
    may, tree = common.actions().may_run, common.the_tree(data.default_tree)
    few = _configs(data, FIRST_LOSSES)
    label = f"Compare three losses on {common.escaped(data.title)}"
    if st.button(label, type="primary", icon=":material/play_arrow:", disabled=not may):
        common.submit(few, tree)
    if st.button(f"Compare all {len(LOSSES)} losses", disabled=not may):
        common.submit(_configs(data, list(LOSSES)), tree)
    store = common.store()
    takes = estimate(store, few, at_once(store, few[0].device))
    st.caption(
        f"Three losses: about {takes}{'' if takes.measured_here else ' on a machine with two cores'}."
        f" {MODELS[few[0].model].title}, {pluralize(few[0].epochs, 'epoch')}, one seed. Runs continue when you close"
        " this page."
    )


def _configs(data: datasets.Dataset, losses: tuple[str, ...] | list[str]) -> list[RunConfig]:
    # With many short epochs, a rate that falls every few epochs would reach zero long before the end.
    schedule = "constant" if data.name in EPOCHS else "step"
    epochs = EPOCHS.get(data.name, OTHER_EPOCHS)
    return plan(losses, [0], data=data.name, tree=data.default_tree, epochs=epochs, schedule=schedule)


def bring() -> None:
    st.header("Bring your own", anchor=False)
    st.markdown("Everything here works with your own classes as well.")
    ways: tuple[tuple[str, str, str, dict[str, str]], ...] = (
        ("data", "Data: images, or features in a table", "photo_library", {}),
        ("studio", "A tree: draw one over your classes", "edit", {"new": "tree"}),
        ("trees", "A tree from a file", "account_tree", {}),
        ("predictions", "Predictions of another program", "upload_file", {}),
    )
    for page, label, icon, query in ways:
        st.page_link(f"pages/{page}/page.py", label=label, icon=f":material/{icon}:", query_params=query)


def go_on() -> None:
    """Show links to what was begun before, if anything was."""
    store = common.store()
    counts = Counter(store.counts())  # not all the runs, of which there may be a thousand
    going = [run.id for run in store.runs(states=("queued", "running"))]
    links: list[tuple[str, str, str, dict[str, str | list[str]]]] = []
    if counts:
        words = f"{pluralize(len(going), 'run')} queued or running" if going else pluralize(counts.total(), "run")
        links.append(("runs", words, "monitoring", {"runs": going} if going else {}))
    if counts["finished"]:
        last = st.session_state.get(common.LAST_COMPARISON)
        words = "Compare the finished runs" if last is None else "The last comparison"
        links.append(("compare", words, "balance", last or {}))
    drawn = own_drafts.mine()
    if drawn:
        title = common.escaped(drawn[0].title)
        links.append(("studio", f"The tree that was drawn last: {title}", "edit", {"draft": drawn[0].id}))
    if links:
        st.header("Continue", anchor=False)
        with st.container(horizontal=True, gap="medium"):
            for page, label, icon, query in links:
                st.page_link(
                    f"pages/{page}/page.py", label=label, icon=f":material/{icon}:", query_params=query, width="content"
                )


def know() -> None:
    """Show the answer of the studies to the question of the paper."""
    st.header("Do such losses help?", anchor=False)
    st.markdown("\n".join(f"- {sentence}" for sentence in findings.load().answer))
    st.page_link(
        "pages/findings/page.py", label="What the studies have shown, and its limits", icon=":material/lightbulb:"
    )


def data_card(data: datasets.Dataset) -> None:
    height, width, channels = data.image_shape
    pixels = f"{height} × {width}, {'color' if channels == 3 else 'gray'}"
    each = f"{data.features:,} features" if data.kind == "features" else pixels
    each += " with label maps" if data.kind == "segmentation" else ""
    st.markdown(f"**{data.title}**")
    st.caption(
        f"{data.train_size + data.test_size:,} {data.noun}, {each}; {len(data.class_names)} classes.  \n{data.source}"
    )
    if datasets.status(data.name).state == "ready":
        st.badge("ready", icon=":material/check:", color="green")
    else:
        downloading.get_button(data, "card")


st.title("Mistaking a cat for a dog is better than mistaking it for a truck.", anchor=False)
st.markdown(
    "Labels have structure. **Hierarchical losses** teach it to a network with a *label tree*. See what the tree"
    " changes: not only how many predictions are wrong, but **how wrong** they are."
)
for column, door in zip(st.columns(3), (see, try_it, bring), strict=True):
    with column.container(border=True, height="stretch"):
        door()
go_on()
know()

st.header("Data sets", anchor=False)
shipped = list(datasets.DATASETS.values())
for start in range(0, len(shipped), CARDS):
    for column, entry in zip(st.columns(CARDS), shipped[start : start + CARDS], strict=False):
        with column.container(border=True, height="stretch"):
            data_card(entry)
st.page_link(
    "pages/data/page.py",
    label="View the images of each class, import your own, or delete data sets on the Data page",
    icon=":material/photo_library:",
)

common.glossary()
