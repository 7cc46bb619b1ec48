"""The Loss lab's stories: selection, text, and navigation through the steps."""

from __future__ import annotations

import streamlit as st

from hierapp.lab import actions as lab_actions, views
from hierapp.lab.steps import Step
from hierapp.lab.stories import STORIES, story
from pages.lab import run_images as images_page
from pages.lab.state import Lab, bound, current
from pages.shared import common

FREE, RUN_IMAGE = "", "real"


def choose_story(lab: Lab) -> None:
    """Show the choice of a story, of the free lab, or of a real image as the start."""
    titles = {FREE: "free exploration", RUN_IMAGE: "a real image"}
    titles |= {each.id: f"{number}. {each.title}" for number, each in enumerate(STORIES, 1)}
    st.session_state["lab-story"] = lab.state.story or (RUN_IMAGE if lab.shows_run_image else FREE)
    st.selectbox("Story", list(titles), format_func=titles.__getitem__, key="lab-story", on_change=_chosen)


def _chosen() -> None:
    lab, name = current(), st.session_state["lab-story"]
    lab.attempt(lambda state: images_page.begin(state) if name == RUN_IMAGE else views.start(name or None))
    lab.wants_run_image = name == RUN_IMAGE


def steps(lab: Lab, at: Step) -> None:
    """Show the text of the step, the navigation buttons, and the list of steps."""
    told = story(lab.state.story or "")
    count, here = len(told.steps), lab.state.step
    st.markdown(f"#### {here}. {at.title}")
    st.markdown(common.escaped(at.text))
    row = st.container(horizontal=True)
    for label, by, end in (("Back", -1, 1), ("Next", 1, count)):
        row.button(
            label,
            key=f"lab-{label.lower()}",
            width="stretch",
            type="primary" if by == 1 else "secondary",
            disabled=here == end,
            on_click=lambda by=by: lab.attempt(lambda state: lab_actions.step_by(state, by)),
        )
    st.caption("Keys: → and ←, or n and b.")
    with st.expander(f"Step {here} of {count}"):
        st.radio(
            "Steps",
            range(1, count + 1),
            format_func=lambda number: f"{number}. {told.steps[number - 1].title}",
            label_visibility="collapsed",
            **bound("lab-steps", here, lambda state, number: views.start(state.story, number)),
        )
