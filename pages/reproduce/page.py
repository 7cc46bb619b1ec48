"""Reproduce: the figures of the paper "Loss in Layers", what it saw, the results here, and whether they agree."""

import streamlit as st

from hierapp.data import registry as datasets
from hierapp.execution import scheduler
from hierapp.reproduction import planning
from hierapp.reproduction.figures import FIGURES
from hierapp.reproduction.presets import SIZES, SizeName
from hierapp.reproduction.shown import DisplayedFigure, shown
from pages.reproduce import figure, overview
from pages.shared import common, queue

REFRESH_SECONDS = 2.0
store = common.store()


def choose() -> tuple[SizeName, str]:
    """Show the choice of size and data set, and return both."""
    left, right, _ = st.columns([1, 1, 2], vertical_alignment="bottom")
    with left:
        common.one_from_url("size", list(SIZES), "quick")
        picked = st.segmented_control(
            "Size", list(SIZES), key="size", required=True, help=overview.SIZE_HELP, wrap=True
        )
        size: SizeName = common.chosen(picked)
        common.to_url("size", size)
    with right:
        names = list(datasets.catalogue())
        common.one_from_url("data", names, planning.DATA)
        help = "The paper used CIFAR-10; on other data its claims may not apply."
        data = st.selectbox("Data set", names, format_func=common.data_title, key="data", help=help)
        common.to_url("data", data)
    return size, data


def look(name: SizeName, data: str) -> list[DisplayedFigure]:
    return shown(store, SIZES[name], data, FIGURES, figure.judged)


def live(name: SizeName, data: str, drawn: tuple[object, ...]) -> None:
    """Show the progress of the runs; the figures are slow to draw and are redrawn only when something changes."""
    scheduler.ensure_scheduler(store)
    found = look(name, data)
    by_itself = not st.session_state.pop("page-is-drawn", False)
    if by_itself and overview.key_of(found) != drawn:
        st.rerun()
    overview.progress(found)


def page() -> None:
    st.title("Reproduce")
    st.markdown(
        "The experiments of the paper *Loss in Layers*, trained again. For each figure: what was compared, what the"
        " paper reports, the result here, and **whether the two agree**, by rules that were fixed before the"
        " experiments."
    )
    name, data = choose()
    found, size = look(name, data), SIZES[name]
    queue.refusal()
    overview.source(found, data)
    if overview.is_going(found):
        st.session_state["page-is-drawn"] = True
        common.repeated(live, REFRESH_SECONDS)(name, data, overview.key_of(found))
    overview.show(found, size, data)
    for each in found:
        figure.show(each, size, data)


page()
