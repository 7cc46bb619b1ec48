"""Controls of the Loss lab. Each shows a value of the view and, when used, requests another view."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import streamlit as st

from hierapp.decoding import DECODERS
from hierapp.lab import actions as lab_actions, trees
from hierapp.lab.landscape import SPACES
from hierapp.lab.steps import Step
from hierapp.lab.views import State
from hierapp.losses import LOSSES, Option
from hierapp.trees import library as tree_library
from pages.lab.state import Change, Lab, bound

POINT_TITLES = {"first": "start", "second": "end", "third": "third"}


def controls(lab: Lab, at: Step) -> None:
    """Show the controls of the step."""
    for name, control in CONTROLS.items():
        if name in at.controls:
            control(lab)


def _tree(lab: Lab) -> None:
    entries = {**trees.titles(), **{entry.name: entry.title for entry in tree_library.entries()}}
    titles = {name: title for name, title in entries.items() if (trees.unbalance_of(name) or 2) == 2}
    own = lab.state.tree_name or ""
    if own not in titles:
        titles = {own: "a tree of this view" if not own else entries.get(own, own), **titles}
    st.selectbox("Tree", list(titles), format_func=titles.__getitem__, **bound("lab-tree", own, _on_tree))


def _on_tree(state: State, name: str) -> State:
    return state.on_tree(trees.named(name), name) if name else state


def _target(lab: Lab) -> None:
    tree = lab.state.example.tree
    places = range(len(tree.leaves))
    st.selectbox(
        "True class",
        places,
        format_func=lambda place: tree.leaves[place],
        help="Or click a leaf on the tree.",
        **bound(
            "lab-target",
            lab.state.example.target,
            lambda state, place: replace(state, example=state.example.with_target(place)),
        ),
    )


def _losses(lab: Lab) -> None:
    chosen = list(dict.fromkeys(choice.name for choice in lab.state.losses))
    st.pills(
        "Losses",
        list(LOSSES),
        selection_mode="multi",
        format_func=lambda name: LOSSES[name].title,
        wrap=True,
        **bound("lab-losses", chosen, lambda state, names: lab_actions.with_losses(state, tuple(names))),
    )
    with st.expander("Options of the losses"):
        for place, choice in enumerate(lab.state.losses):
            if LOSSES[choice.name].options:
                st.markdown(f"**{LOSSES[choice.name].title}**", help=LOSSES[choice.name].summary)
            for option in LOSSES[choice.name].options:
                _option(place, choice.name, option, choice.option_values[option.name])


def _option(place: int, loss: str, option: Option, value: Any) -> None:
    def changed(state: State, given: object) -> State:
        # If a loss is shown twice, each copy has its own options.
        options = {**state.losses[place].option_values, option.name: given}
        chosen = type(state.losses[place]).of(loss, options)
        return replace(state, losses=(*state.losses[:place], chosen, *state.losses[place + 1 :]))

    _field(option, option.name.replace("_", " "), f"lab-{place}-{loss}-{option.name}", value, changed)


def _field(option: Option, label: str, key: str, value: Any, changed: Change) -> None:
    """Show the field of an option of a loss or a decoder, by its kind."""
    match option.kind:
        case "word":
            st.selectbox(label, option.choices, help=option.help, **bound(key, value, changed))
        case "flag":
            st.checkbox(label, help=option.help, **bound(key, value, changed))
        case "text":
            pass  # the lab's SimLoss always uses the tree's similarities
        case "numbers":
            text = option.text(value)
            st.text_input(label, placeholder="1, 0.5, ...", help=option.help, **bound(key, text, changed))
        case _:
            high = None if option.high == float("inf") else option.high
            st.number_input(label, option.low, high, step=0.05, help=option.help, **bound(key, value, changed))


def _decoders(lab: Lab) -> None:
    chosen = [choice.rule for choice in lab.state.decoders]
    st.multiselect(
        "Decoders",
        list(DECODERS),
        **bound("lab-decoders", chosen, lambda state, rules: lab_actions.with_decoders(state, tuple(rules))),
    )
    for choice in lab.state.decoders:
        if choice.rule == "threshold":
            _threshold(lab)
            continue
        for option in DECODERS[choice.rule].options:
            label = f"{option.name.replace('_', ' ').capitalize()} of {choice.rule}"
            value = choice.option_values[option.name]
            changed = partial(_with_decoder_option, rule=choice.rule, name=option.name)
            _field(option, label, f"lab-{choice.rule}-{option.name}", value, changed)


def _with_decoder_option(state: State, value: object, rule: str, name: str) -> State:
    before = next((each.option_values for each in state.decoders if each.rule == rule), {})
    return lab_actions.with_decoder_option(state, rule, {**before, name: value})


def _threshold(lab: Lab) -> None:
    st.slider(
        "Threshold",
        0.0,
        1.0,
        step=0.01,
        **bound(
            "lab-threshold",
            lab_actions.threshold_of(lab.state),
            lambda state, least: lab_actions.with_decoder_option(state, "threshold", {"threshold": least}),
        ),
    )


def _weight(name: str, label: str, most: float, lab: Lab) -> None:
    value = lab_actions.option_of(lab.state, name)
    if isinstance(value, float):
        st.slider(
            label,
            0.0,
            max(most, value),
            step=0.05,
            **bound(f"lab-{name}", value, lambda state, weight: lab_actions.with_option(state, name, weight)),
        )


def _targets(lab: Lab) -> None:
    st.segmented_control(
        "Targets",
        ["path", "leaf"],
        required=True,
        help="y = 1 on every node of the true path, or on the leaf only",
        wrap=True,
        **bound(
            "lab-targets",
            lab_actions.option_of(lab.state, "targets"),
            lambda state, word: lab_actions.with_option(state, "targets", word),
        ),
    )


def _unbalance(lab: Lab) -> None:
    st.slider(
        "Steps by which b and c are deeper",
        0,
        6,
        **bound(
            "lab-unbalance",
            trees.unbalance_of(lab.state.tree_name) or 0,
            lambda state, deep: _on_tree(state, trees.unbalanced_name(deep)),
        ),
    )


def _points(lab: Lab) -> None:
    st.session_state["lab-point"] = lab.point
    there = ["first", *(["second"] * (lab.state.second is not None)), *(["third"] * (lab.state.third is not None))]
    st.segmented_control(
        "Point on the board",
        there,
        format_func=POINT_TITLES.__getitem__,
        required=True,
        key="lab-point",
        on_change=lambda: setattr(lab, "point", st.session_state["lab-point"]),
        help="Drag its bars: the slice goes from start to end.",
        wrap=True,
    )


def _space(lab: Lab) -> None:
    st.segmented_control(
        "Straight lines in",
        SPACES,
        required=True,
        wrap=True,
        **bound("lab-space", lab.state.space, lambda state, space: replace(state, space=space)),
    )


CONTROLS: dict[str, Callable[[Lab], None]] = {
    "points": _points,
    "space": _space,
    "unbalance": _unbalance,
    "tree": _tree,
    "target": _target,
    "losses": _losses,
    "decoders": _decoders,
    "targets": _targets,
    "mass": partial(_weight, "mass", "Weight of the second term", 2.0),
    "soft": partial(_weight, "soft", "Weight of soft labels", 2.0),
    "threshold": _threshold,
}
