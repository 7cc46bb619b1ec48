"""The Loss lab's plots and their numbers as text, for the stories that use them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import streamlit as st

from hierapp.lab import trees
from hierapp.lab.landscape import cut, plane, printed
from hierapp.lab.minimizer import least, walk
from hierapp.lab.steps import Step
from hierapp.lab.views import State
from hierapp.plots import lab as lab_plots
from hierapp.utils.numbers import number
from pages.lab.state import current
from pages.shared import common

NEED_TORCH = ("slice", "surface", "printed")


def show(what: str, state: State, at: Step) -> None:
    """Show one of a step's plots."""
    with common.show_errors():
        PLOTS[what](state, at)


def _slice(state: State, at: Step) -> None:
    second = state.second_example()
    if second is None:
        return
    lines = [cut(state.example, second, choice, state.space) for choice in state.losses]
    if at.shows[0] == "printed":
        lines += [line.as_printed() for line in lines]
    for column, line in zip(st.columns(len(lines)), lines, strict=True):
        with column:
            st.markdown(f"**{common.escaped(line.title)}**")
            common.chart(lab_plots.slice_plot(line), f"lab-slice-{line.title}", line.summary)
            st.caption(f"{common.escaped(line.summary)} From {number(line.curve[0])} to {number(line.curve[-1])}.")


def _surface(state: State, at: Step) -> None:
    # Surfaces are the slowest plots in the browser, so they are not updated while a bar is dragged.
    state = current().at_rest(state)
    second, third = state.second_example(), state.third_example()
    if second is None or third is None:
        return
    follows = "; updated when a bar is released" if "points" in at.controls else ""
    for column, choice in zip(st.columns(len(state.losses)), state.losses, strict=True):
        with column:
            drawn = plane(state.example, second, third, choice, state.space)
            alt = f"{choice.title} over two directions, as contour lines"
            common.chart(lab_plots.surface_plot(drawn), f"lab-surface-{choice.title}", alt)
            st.caption(f"{common.escaped(choice.title)} over the plane through the three points{follows}.")


def _printed(state: State, at: Step) -> None:
    said = printed(state.example)
    st.markdown(common.escaped(said.summary))
    rows = [f"| {number(p)} | {number(value)} |" for p, value in said.fall]
    st.markdown("\n".join(["| p of the first true decision | (4) as printed |", "| ---: | ---: |", *rows[:4]]))


def _minimizer(state: State, at: Step) -> None:
    targets, mass = _hierarchical(state)
    found = least(state.example.tree, at.truth or (), targets, mass)
    alt = f"True and minimizing probabilities by leaf. {found.summary}"
    common.chart(lab_plots.minimizer_plot(found), "lab-minimizer", alt)
    st.markdown(f"**{common.escaped(found.summary)}** {common.escaped(found.reason)}")
    leaves = found.tree.leaves
    table = [
        "| | " + " | ".join(common.escaped(leaf) for leaf in leaves) + " |",
        "| --- |" + " ---: |" * len(leaves),
        "| truth | " + " | ".join(map(number, found.truth)) + " |",
        "| minimizer | " + " | ".join(map(number, found.probabilities)) + " |",
    ]
    st.markdown("\n".join(table))


def _walk(state: State, at: Step) -> None:
    targets, mass = _hierarchical(state)
    walked = walk(at.truth or (0.25,) * 4, targets, mass)
    values = [number(found.probabilities[found.tree.leaves.index("d")]) for found in walked]
    alt = f"The probability of d at the minimum, by steps: {', '.join(values)}; the true probability is 0.25"
    common.chart(lab_plots.walk_plot(walked, "d", trees.unbalance_of(state.tree_name)), "lab-walk", alt)
    st.caption(
        f"Probability of d, from 0 to {len(values) - 1} steps: {', '.join(values)}. The true probability is 0.25."
    )


def _hierarchical(state: State) -> tuple[str, float]:
    option_values: dict[str, Any] = next(
        (choice.option_values for choice in state.losses if choice.name == "hierarchical"),
        {"targets": "path", "mass": 1.0},
    )
    return str(option_values["targets"]), cast(float, option_values["mass"])


PLOTS: dict[str, Callable[[State, Step], None]] = {
    "slice": _slice,
    "surface": _surface,
    "printed": _printed,
    "minimizer": _minimizer,
    "walk": _walk,
}
