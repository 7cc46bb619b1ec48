"""Start: what this is, and one click to compare the losses on the best data set that is ready."""

import streamlit as st

from hierapp import datasets, downloads
from hierapp.config import plan
from hierapp.estimate import estimate
from hierapp.figures import tree_figure
from hierapp.launchers import local
from hierapp.losses import LOSSES
from pages import common

EPOCHS = {"digits": 30}  # small images: more epochs in less time
OTHER_EPOCHS = 5


def introduction(data: datasets.Dataset) -> None:
    text, picture = st.columns([1, 1], gap="large", vertical_alignment="center")
    with text:
        st.title("A cat taken for a dog is a better mistake than a cat taken for a truck.")
        st.markdown(
            "Labels have structure. **Hierarchical losses** teach it to a network by a *label tree*. Here you choose or"
            " load a tree, train the same network with each loss side by side, and see what the tree changed: not only"
            " how many images are wrong, but **how wrong** they are."
        )
        compare(data)
    with picture:
        tree = common.shipped_tree(data.default_tree)
        if len(tree.leaves) <= 20:
            common.chart(
                tree_figure(tree, compact=True), "tree", f"The label tree of {data.title}: {', '.join(tree.leaves)}"
            )
        else:
            st.info(
                f"The tree of {data.title} has {len(tree.leaves)} classes; see it on the Trees page.",
                icon=":material/account_tree:",
            )


def compare(data: datasets.Dataset) -> None:
    """The one click, if the data set is there; else the click that gets it."""
    epochs = EPOCHS.get(data.name, OTHER_EPOCHS)
    if datasets.status(data.name).state != "ready":
        st.caption(f"{data.title} is not here yet: get it below, or choose a data set that is ready.")
        return
    configs = plan(list(LOSSES), [0], data=data.name, tree=data.default_tree, epochs=epochs)
    if st.button(f"Compare the losses on {data.title}", type="primary", icon=":material/play_arrow:"):
        common.submit(configs, common.shipped_tree(data.default_tree))
    store = common.store()
    takes = estimate(store, configs, local.slots(store))
    st.caption(
        f"{len(configs)} runs of LeNet, {epochs} epochs each, one seed: about {takes}"
        f"{'' if takes.measured_here else ' on a machine of two cores'}. They go on when you close this page."
    )


@st.fragment(run_every=1.0)
def while_downloading(name: str) -> None:
    """A download's progress, until it ends."""
    now = downloads.progress_of(name)
    if now is None or not now.running:
        st.rerun()
        return
    share = min(now.done / now.total, 1.0) if now.total else 0.0
    st.progress(share, text=f"{now.what}: {now.done / 1e6:.0f} of {now.total / 1e6:.0f} MB")


def data_row(name: str) -> None:
    entry, status, last = datasets.find(name), datasets.status(name), downloads.progress_of(name)
    height, width, channels = entry.image_shape
    what, state = st.columns([3, 2], vertical_alignment="center")
    what.markdown(f"**{entry.title}**")
    what.caption(
        f"{entry.train_size + entry.test_size:,} images, {height} × {width} {'colour' if channels == 3 else 'grey'},"
        f" {len(entry.class_names)} classes. {entry.source}"
    )
    with state:
        if last is not None and last.running:
            while_downloading(name)
        elif status.state == "ready":
            st.badge("ready", icon=":material/check:", color="green")
        else:
            if last is not None and last.error:
                st.error(last.error)
            elif status.state == "broken":
                st.warning(status.detail)
            label = "Get it again" if status.state == "broken" else "Get"
            if st.button(
                f"{label} ({entry.download_bytes / 1e6:.0f} MB)", key=f"get-{name}", icon=":material/download:"
            ):
                downloads.start(name)
                st.rerun()


best = datasets.best_ready()
chosen = st.session_state.get("data") or best
introduction(datasets.find(chosen))

st.subheader("Data sets")
st.segmented_control(
    "Compare on",
    list(datasets.DATASETS),
    default=best,
    required=True,
    format_func=common.data_title,
    key="data",
    help="the data set of the button above",
)
for data_name in datasets.DATASETS:
    data_row(data_name)

st.subheader("The losses")
for name, loss in LOSSES.items():
    words, formula = st.columns([1, 1], vertical_alignment="center")
    words.markdown(f"**{loss.title}** (`{name}`)")
    words.caption(f"{loss.summary} Source: {loss.source}.")
    formula.latex(loss.formula)
