"""The form of the Search page that starts a search: what is fixed, what varies, the number of trials."""

from __future__ import annotations

import time
from functools import partial

import streamlit as st

from hierapp.data import registry as datasets
from hierapp.execution import slots
from hierapp.execution.estimate import estimate
from hierapp.search import journal
from hierapp.search.plan import LONGEST_NAME, METRICS, PRUNERS, Plan
from hierapp.training import models
from hierapp.training.config import Group
from hierapp.training.models import MODELS
from hierapp.trees import formats as tree_formats
from hierapp.utils.text import pluralize
from pages.search import ranges
from pages.shared import common, queue, run_fields

DEFAULT_LOSSES = ["hierarchical"]
FURTHER: tuple[tuple[str, *tuple[Group, ...]], ...] = (
    ("Optimizer and learning rate, if fixed", "optimization"),
    ("Augmentation of the training images, if fixed", "augmentation"),
    ("Fewer or weaker labels", "labels"),
    ("Model selection and device", "evaluation", "machine"),
)


def form() -> None:
    """Show all fields and the button that starts the search."""
    left, right = st.columns(2, gap="large")
    with left:
        data, tree, chosen = run_fields.subject(DEFAULT_LOSSES, "With several losses, the loss varies as well.")
    with right:
        entry = datasets.find(data)
        kind = entry.kind
        offered = list(models.of_kind(kind))
        if st.session_state.get("model") not in (None, *offered):  # the data set is of the other kind now
            del st.session_state["model"]
        common.one_from_url("model", offered, models.DEFAULT[kind])
        model = st.selectbox("Model", offered, format_func=lambda name: MODELS[name].title, key="model")
        values = run_fields.group("training", 3, entry)
        values["seed"] = st.number_input("Seed", 0, 2**31 - 1, 0, key="first-seed", help="The same for every trial.")
        for key, value in (("data", data), ("label-tree", tree), ("loss", chosen), ("model", model)):
            common.to_url(key, value)
    with common.show_errors():
        varied = ranges.show(chosen, data)
        name, trials, at_once, metric, pruner = size()
        for title, *groups in FURTHER:
            with st.expander(title):
                for group in groups:
                    values |= run_fields.group(group, 4, entry)
        plan = Plan(
            name=name,
            losses=tuple(chosen),
            values={"data": data, "tree": tree, "model": model, **values},
            varied=varied,
            tree_text=tree_formats.render(common.the_tree(tree), "json"),
            trials=trials,
            at_once=at_once,
            metric=metric,
            pruner=pruner,
            created=time.time(),
        )
        plan.check()
        summary(plan)
        queue.refusal()


def size() -> tuple[str, int, int, str, str]:
    """Show and return the search's name, number of trials, number of parallel trials, metric and pruner."""
    st.header("Search strategy")
    columns = st.columns([2, 1, 1, 2, 2], vertical_alignment="bottom")
    name = columns[0].text_input("Name", free_name(), max_chars=LONGEST_NAME, key="search-name")
    trials = columns[1].number_input("Trials", 1, 1000, 20, key="trials", help="Number of configurations to try.")
    at_once = columns[2].number_input(
        "At once",
        1,
        100,
        slots.at_once(common.store(), "auto"),
        key="at-once",
        help="Number of trials queued or running at a time; the slots of the queue limit how many run. With fewer at "
        "a time, each trial uses more results of earlier ones.",
    )
    metric = columns[3].selectbox("Metric", list(METRICS), format_func=lambda name: METRICS[name].title, key="metric")
    pruner = columns[4].selectbox(
        "Unpromising trials",
        list(PRUNERS),
        format_func={"median": "stop early (median)", "off": "let them finish"}.__getitem__,
        key="pruner",
        help=" ".join(f"{name.capitalize()}: {what}." for name, what in PRUNERS.items()),
    )
    return name, trials, at_once, metric, pruner


def summary(plan: Plan) -> None:
    """Show what will be queued, and the button."""
    store, device = common.store(), plan.values["device"]
    at_once = min(plan.at_once, slots.at_once(store, device))
    takes = estimate(store, [plan.config({})] * plan.trials, at_once)
    st.markdown(
        f"This tries **{pluralize(plan.trials, 'configuration')}**, {pluralize(plan.epochs, 'epoch')} each, {at_once}"
        f" at a time. About **{takes}** at most,"
        f" {'by earlier runs on this machine' if takes.measured_here else 'on a machine with two cores'}."
    )
    tree_name = plan.values["tree"]
    can_start = run_fields.can_start(datasets.find(plan.values["data"]), common.the_tree(tree_name), tree_name)
    queue.pressed(
        "Start the search",
        "start-search",
        partial(begin, plan),
        type="primary",
        icon=":material/play_arrow:",
        disabled=not (can_start and common.actions().may_run),
    )


def begin(plan: Plan) -> None:
    """Start the search and show it."""
    common.actions().searches.begin(plan)
    st.session_state["search"], st.session_state["view"] = plan.name, "results"
    st.session_state.pop("search-name", None)


def free_name() -> str:
    """Return a name that no search has."""
    taken = journal.names(common.store())
    return next(name for name in (f"search-{number}" for number in range(1, len(taken) + 2)) if name not in taken)
