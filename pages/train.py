"""Train: the form. It says what it will queue, and about how long that takes."""

import streamlit as st

from hierapp import datasets, tree_library
from hierapp.config import RunConfig, plan
from hierapp.estimate import estimate
from hierapp.launchers import local
from hierapp.losses import LOSSES
from hierapp.models import MODELS
from pages.parts import common

common.through_router()

DEFAULT_LOSSES = ["cross-entropy", "hierarchical"]


def loss_options(chosen: list[str]) -> dict[str, object]:
    """Fields for the options of the chosen losses; only what differs from the default is kept."""
    changed: dict[str, object] = {}
    with_options = [name for name in chosen if LOSSES[name].options]
    if not with_options:
        return changed
    with st.expander("Options of the losses"):
        for name in with_options:
            st.markdown(f"**{LOSSES[name].title}**")
            options = LOSSES[name].options
            for column, option in zip(st.columns(4), options, strict=False):
                key = f"{name}.{option.name}"
                label, default = option.name.replace("_", " "), option.default
                if option.choices:
                    value = column.selectbox(label, option.choices, key=key, help=option.help)
                else:
                    value = column.number_input(
                        label,
                        min_value=option.low,
                        max_value=None if option.high == float("inf") else option.high,
                        value=default,
                        step=0.05,
                        key=key,
                        help=option.help,
                    )
                if value != default:
                    changed[key] = value
    return changed


def form() -> tuple[list[RunConfig], str]:
    """All fields; the runs that they ask for, and the tree's name."""
    left, right = st.columns(2, gap="large")
    with left:
        names = list(datasets.DATASETS)
        common.one_from_url("data", names, datasets.best_ready())
        data = st.selectbox("Data set", names, format_func=common.data_title, key="data")
        trees = common.trees_for(data)
        common.one_from_url("label-tree", list(trees), next(iter(trees)))
        tree = st.selectbox("Label tree", list(trees), format_func=lambda name: trees[name], key="label-tree")
        common.from_url("loss", list(LOSSES), DEFAULT_LOSSES)
        chosen = st.multiselect("Losses", list(LOSSES), format_func=lambda name: LOSSES[name].title, key="loss")
        model = st.selectbox("Model", list(MODELS), format_func=lambda name: MODELS[name].title, key="model")
        for key, value in (("data", data), ("label-tree", tree), ("loss", chosen)):
            common.to_url(key, value)
    with right:
        first, second = st.columns(2)
        fields = RunConfig.model_fields
        epochs = first.number_input("Epochs", 1, 10_000, fields["epochs"].default, key="epochs", bind="query-params")
        seeds = second.number_input(
            "Seeds",
            1,
            100,
            1,
            key="seeds",
            bind="query-params",
            help="how many runs of each loss, each with its own seed",
        )
        batch = first.number_input("Batch size", 1, 100_000, fields["batch_size"].default, key="batch-size")
        rate = second.number_input(
            "Learning rate", 1e-6, 10.0, fields["learning_rate"].default, step=1e-4, format="%.6g", key="learning-rate"
        )
        start = first.number_input("First seed", 0, 2**31 - 101, 0, key="first-seed")
        device = second.selectbox(
            "Device", ["auto", "cuda", "mps", "cpu"], key="device", help="auto takes cuda, else mps, else cpu"
        )
    options = loss_options(chosen)
    configs = plan(
        chosen,
        range(start, start + seeds),
        options,
        data=data,
        tree=tree,
        model=model,
        epochs=epochs,
        batch_size=batch,
        learning_rate=rate,
        device=device,
    )
    return configs, tree


st.title("Train")
st.markdown("The same network, data and seeds for every loss: what differs in the results is the loss.")
configs, tree_name = form()

data_set = datasets.find(configs[0].data)
status = datasets.status(data_set.name)
store = common.store()
at_once = local.slots(store)
takes = estimate(store, configs, at_once)
losses_chosen = len({config.loss for config in configs})


def counted(number: int, word: str, plural: str) -> str:
    return f"{number} {word if number == 1 else plural}"


runs = counted(len(configs), "run", "runs")
st.markdown(
    f"This queues **{runs}**: {counted(losses_chosen, 'loss', 'losses')} ×"
    f" {counted(len(configs) // losses_chosen, 'seed', 'seeds')}, {counted(configs[0].epochs, 'epoch', 'epochs')} each,"
    f" {at_once} at a time. About **{takes}**"
    f" {'by earlier runs on this machine' if takes.measured_here else 'on a machine of two cores'}."
)
if status.state != "ready":
    st.warning(status.detail, icon=":material/download:")
    st.page_link("pages/start.py", label="Get it on the Start page", icon=":material/home:")
elif st.button(f"Start {runs}", type="primary", icon=":material/play_arrow:"):
    common.submit(configs, tree_library.load(tree_name))
