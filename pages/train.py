"""Train: the form. It says what it will queue, and about how long that takes."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from hierapp import datasets, slots, tree_library
from hierapp.config import RunConfig, plan
from hierapp.estimate import estimate
from hierapp.losses import LOSSES, Option, judge
from hierapp.models import MODELS
from hierapp.tree import LabelTree
from pages.parts import common

common.through_router()

DEFAULT_LOSSES = ["cross-entropy", "hierarchical"]
PROPER = "A loss is proper if its expectation is least where the network's probabilities are the true ones."


def loss_options(chosen: list[str], tree: LabelTree) -> dict[str, object]:
    """Fields for the options of the chosen losses; only what differs from the default is kept."""
    changed: dict[str, object] = {}
    with st.expander("Options of the losses"):
        for name in chosen:
            st.markdown(f"**{LOSSES[name].title}**", help=LOSSES[name].summary)
            own = {
                option.name: option_field(name, option, column)
                for column, option in zip(st.columns(4), LOSSES[name].options, strict=False)
            }
            with common.told():
                verdict = judge(name, tree, own)
                st.caption(f"{'Proper' if verdict.is_proper else 'Not proper'}. {verdict.reason}", help=PROPER)
            changed |= {
                f"{name}.{option.name}": own[option.name]
                for option in LOSSES[name].options
                if own[option.name] != option.default
            }
    return changed


def option_field(loss: str, option: Option, column: DeltaGenerator) -> object:
    """The field of one option, by its kind."""
    key, label = f"{loss}.{option.name}", option.name.replace("_", " ")
    match option.kind:
        case "word":
            return column.selectbox(label, option.choices, key=key, help=option.help, bind="query-params")
        case "flag":
            return column.checkbox(label, value=bool(option.default), key=key, help=option.help, bind="query-params")
        case "numbers":
            field = column.text_input(label, key=key, placeholder="1, 0.5, ...", help=option.help, bind="query-params")
            return field or None
        case _:
            return column.number_input(
                label,
                min_value=option.low,
                max_value=None if option.high == float("inf") else option.high,
                value=option.default,
                step=0.05,
                key=key,
                help=option.help,
                bind="query-params",
            )


def form() -> tuple[list[RunConfig], str]:
    """All fields; the runs that they ask for, and the tree's name."""
    left, right = st.columns(2, gap="large")
    with left:
        names = list(datasets.catalogue())
        common.one_from_url("data", names, datasets.best_ready())
        data = st.selectbox("Data set", names, format_func=common.data_title, key="data")
        trees = common.trees_for(data)
        common.one_from_url("label-tree", list(trees), next(iter(trees)))
        tree = st.selectbox("Label tree", list(trees), format_func=lambda name: trees[name], key="label-tree")
        common.from_url("loss", list(LOSSES), DEFAULT_LOSSES)
        chosen = st.multiselect("Losses", list(LOSSES), format_func=lambda name: LOSSES[name].title, key="loss")
        common.one_from_url("model", list(MODELS), "lenet")
        model = st.selectbox("Model", list(MODELS), format_func=lambda name: MODELS[name].title, key="model")
        for key, value in (("data", data), ("label-tree", tree), ("loss", chosen), ("model", model)):
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
        batch = first.number_input(
            "Batch size", 1, 100_000, fields["batch_size"].default, key="batch-size", bind="query-params"
        )
        rate = second.number_input(
            "Learning rate",
            1e-6,
            10.0,
            fields["learning_rate"].default,
            step=1e-4,
            format="%.6g",
            key="learning-rate",
            bind="query-params",
        )
        start = first.number_input("First seed", 0, 2**31 - 101, 0, key="first-seed", bind="query-params")
        device = second.selectbox(
            "Device",
            ["auto", "cuda", "mps", "cpu"],
            key="device",
            help="auto takes cuda, else mps, else cpu",
            bind="query-params",
        )
    options = loss_options(chosen, tree_library.load(tree))
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
at_once = slots.at_once(store, configs[0].device)
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
    st.page_link("pages/data.py", label="Get it on the Data page", icon=":material/photo_library:")
elif st.button(f"Start {runs}", type="primary", icon=":material/play_arrow:", disabled=not common.actions().may_run):
    common.submit(configs, tree_library.load(tree_name))
