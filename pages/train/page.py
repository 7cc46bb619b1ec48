"""Train: the form, with a summary of what it queues and the estimated time."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from hierapp.analysis import rate_sweep
from hierapp.data import registry as datasets
from hierapp.execution import scheduler, slots
from hierapp.execution.estimate import estimate
from hierapp.losses import LOSSES, Option, judge
from hierapp.similarities import library as similarity_library
from hierapp.training import RunConfig, models
from hierapp.training.config import Group, network_fields
from hierapp.training.models import MODELS
from hierapp.training.plans import plan
from hierapp.training.usual import few_steps, steps_per_epoch
from hierapp.trees import LabelTree, library as tree_library
from hierapp.utils.text import pluralize
from pages.components.plot import load_ahead
from pages.shared import common, queue, run_fields
from pages.shared.option_fields import option_field

DEFAULT_LOSSES = ["cross-entropy", "hierarchical"]
FURTHER: tuple[tuple[str, *tuple[Group, ...]], ...] = (
    ("Optimizer and learning rate", "optimization"),
    ("Augmentation of the training images", "augmentation"),
    ("Fewer or weaker labels", "labels"),
    ("Model selection and device", "evaluation", "machine"),
)
TIMM_MODEL = "Or enter another network of the library timm as timm:NAME, such as timm:resnet18."
OWN_MODEL = (
    "Or enter your own as module:factory; it is called with (height, width, channels), or (features,), and the number"
    " of outputs."
)
WORDS = {
    "similarity": lambda data: ["tree", "ordinal:0.5", *(entry.name for entry in similarity_library.entries(data))]
}
PROPER = "A loss is proper if its expected value has its minimum at the true probabilities."


def loss_options(chosen: list[str], tree: LabelTree, data: str) -> dict[str, object]:
    """Show fields for the options of the chosen losses; return only values that differ from the default."""
    changed: dict[str, object] = {}
    with st.expander("Options of the losses"):
        for name in chosen:
            st.markdown(f"**{LOSSES[name].title}**", help=LOSSES[name].summary)
            own = {
                option.name: loss_option_field(name, option, column, data)
                for column, option in zip(st.columns(4), LOSSES[name].options, strict=False)
            }
            with common.show_errors():
                verdict = judge(name, tree, similarity_library.with_matrix(own, tree.leaves))
                st.caption(
                    f"{'Proper' if verdict.is_proper else 'Not proper'}. {common.escaped(verdict.reason)}", help=PROPER
                )
            changed |= {
                f"{name}.{option.name}": own[option.name]
                for option in LOSSES[name].options
                if own[option.name] != option.default
            }
    return changed


def loss_option_field(loss: str, option: Option, column: DeltaGenerator, data: str) -> object:
    """Show the field of one option of a loss."""
    if option.kind != "text":
        return option_field(loss, option, column)
    # A word entered by the user stays among the options; otherwise a rerun would drop it.
    key, label = f"{loss}.{option.name}", option.name.replace("_", " ")
    named = st.session_state.get(key) or st.query_params.get(key) or str(option.default)
    options = list(dict.fromkeys([*WORDS[option.name](data), named]))
    common.one_from_url(key, options, str(option.default))
    chosen = column.selectbox(label, options, key=key, help=option.help, accept_new_options=True)
    common.to_url(key, chosen)
    return chosen


def model_field(data: str) -> str:
    """Show the field of the network; a user who may steer can name their own as module:factory."""
    own = common.actions().may_steer
    kind = datasets.find(data).kind
    named = st.session_state.get("model") or st.query_params.get("model") or ""
    options = list(models.of_kind(kind))
    if kind == "images":
        options += [models.OFFERED, *([named] if models.is_timm(named) and named != models.OFFERED else [])]
    options += [named] if own and ":" in named and not models.is_timm(named) else []
    if "model" in st.session_state and named not in options:  # the data set is of the other kind now
        del st.session_state["model"]
    common.one_from_url("model", options, models.DEFAULT[kind])
    model: str | None = st.selectbox(
        "Model",
        options,
        format_func=lambda name: MODELS[name].title if name in MODELS else name,
        key="model",
        accept_new_options=own or kind == "images",
        help=f"{TIMM_MODEL} {OWN_MODEL}" if own else TIMM_MODEL,
    )
    return model or options[0]


def form() -> tuple[list[RunConfig], str]:
    """Show all fields; return the runs that they describe, and the tree's name."""
    left, right = st.columns(2, gap="large")
    with left:
        data, tree, chosen = run_fields.subject(DEFAULT_LOSSES)
    with right:
        model = model_field(data)
        if models.is_timm(model):
            with common.show_errors():
                models.require(model)
        entry = datasets.find(data)
        values = run_fields.group("training", 3, entry)
        if network_fields(model):
            values |= run_fields.group("network", 4, entry, model)
        first, second, _ = st.columns(3)
        seeds = first.number_input(
            "Seeds",
            1,
            100,
            1,
            help="Number of runs per loss, each with its own seed.",
            **common.bound_number("seeds"),
        )
        start = second.number_input("First seed", 0, 2**31 - 101, 0, **common.bound_number("first-seed"))
        for key, value in (("data", data), ("label-tree", tree), ("loss", chosen), ("model", model)):
            common.to_url(key, value)
    options = loss_options(chosen, tree_library.load(tree), data)
    for title, *groups in FURTHER:
        with st.expander(title):
            for group in groups:
                values |= run_fields.group(group, 4, entry)
    configs = plan(chosen, range(start, start + seeds), options, data=data, tree=tree, model=model, **values)
    return configs, tree


st.title("Train")
st.markdown("The same network, data and seeds for every loss, so differences in the results come from the loss.")
configs, tree_name = form()
queue.clone_notes(configs[0].data, tree_name)

data_set = datasets.find(configs[0].data)
store = common.store()
at_once = slots.at_once(store, configs[0].device)
takes = estimate(store, configs, at_once)
losses_chosen = len({config.loss for config in configs})
if common.actions().may_run and store.folder.is_dir():  # a visit alone makes no folder
    with common.show_errors():
        scheduler.warm_up(store)

first = configs[0]
steps = steps_per_epoch(data_set, first.batch_size, first.train_share)
runs = pluralize(len(configs), "run")
st.markdown(
    f"This queues **{runs}**: {pluralize(losses_chosen, 'loss', 'losses')} ×"
    f" {pluralize(len(configs) // losses_chosen, 'seed')}, {pluralize(first.epochs, 'epoch')} each"
    f" of {pluralize(steps, 'step')}, {at_once} at a time. About **{takes}**"
    f" {'by earlier runs on this machine' if takes.measured_here else 'on a machine with two cores'}."
)
if short := few_steps(data_set, first.epochs, first.batch_size, first.train_share):
    common.show_warning(short)
tree = tree_library.load(tree_name)
may_start = run_fields.can_start(data_set, tree, tree_name) and common.actions().may_run
swept = rate_sweep.sweep(configs)
with st.container(horizontal=True):
    starts = st.button(f"Start {runs}", type="primary", icon=":material/play_arrow:", disabled=not may_start)
    sweeps = st.button(
        f"Sweep the learning rate: {pluralize(len(swept), 'run')}",
        icon=":material/tune:",
        key="sweep",
        disabled=not may_start,
        help="Each loss with rates from a tenth to ten times the one above. The Runs page then shows the best rate"
        " of each loss by validation images, and trains more seeds with it.",
    )
if starts or sweeps:
    common.submit(swept if sweeps else configs, tree)
load_ahead()
