"""The Loss lab's stories: selection, text, and navigation through the steps."""

from __future__ import annotations

from typing import Any

import streamlit as st

from hierapp.lab import views
from hierapp.lab.actions import next_story
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


def ways(lab: Lab) -> dict[str, Any] | None:
    """Return whether there is a step before this one, and what the button of the next step or story says."""
    if lab.state.story is None:
        return None
    after = next_story(lab.state.story)
    is_last = lab.state.step == len(story(lab.state.story).steps)
    onward = "Next" if not is_last else f"Next story: {after.title}" if after else ""
    return {"back": lab.state.step > 1, "next": onward}


def steps(lab: Lab, at: Step) -> None:
    """Show the text of the step and the list of steps."""
    told = story(lab.state.story or "")
    count, here = len(told.steps), lab.state.step
    st.markdown(f"#### {here}. {at.title}")
    st.markdown(common.escaped(at.text))
    st.caption("Back and Next are above the board; keys: ← and →, or b and n.")
    with st.expander(f"Step {here} of {count}"):
        st.radio(
            "Steps",
            range(1, count + 1),
            format_func=lambda number: f"{number}. {told.steps[number - 1].title}",
            label_visibility="collapsed",
            **bound("lab-steps", here, lambda state, number: views.start(state.story, number)),
        )
