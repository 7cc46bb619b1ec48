"""Loss lab: one example and one tree, evaluated immediately by every loss and decoder, without training."""

import time
from typing import Any

import streamlit as st

from hierapp.lab import actions as lab_actions, browser, preload
from hierapp.lab.steps import Step
from pages.components.loss_board import loss_board
from pages.lab import (
    controls,
    disagreements as search_page,
    plots as lab_plots,
    run_images as images_page,
    saved,
    state,
    stories,
)
from pages.lab.state import Lab
from pages.shared import common

BOARD = ("tree", "losses", "formulas", "decoders")
# For an audience at 1280 x 720: no menu, type at 150 %, black on white or white on black.
PRESENTATION = """<style>
[data-testid="stHeader"], [data-testid="stSidebar"], h1 { display: none !important; }
[data-testid="stMainBlockContainer"] { padding: 1rem 1.5rem !important; max-width: none !important; }
[data-testid="stMainBlockContainer"] { --st-text-color: #000; --st-background-color: #fff; zoom: 1.5; }
[data-testid="stApp"] { background: #fff !important; }
[data-testid="stMarkdownContainer"] { color: #000 !important; }
@media (prefers-color-scheme: dark) {
  [data-testid="stMainBlockContainer"] { --st-text-color: #fff; --st-background-color: #000; }
  [data-testid="stApp"] { background: #000 !important; }
  [data-testid="stMarkdownContainer"] { color: #fff !important; }
}
</style>"""
HEAD_START = 0.06  # seconds for the browser to draw the board before it receives plots
WAITING = "Loading the losses that the browser cannot compute…"
SEARCH_WAITING = "Loading the losses…"


def lab_part() -> None:
    """Show everything below the title; controls in this part rerun only this part."""
    lab = state.current()
    lab.concerns_all = False
    for sentence in lab.complaints:
        common.show_warning(f"{sentence} Invalid values are replaced by the defaults.", icon=":material/link_off:")
    if preload.failure():
        common.show_error(preload.failure() or "")
    if lab.presents:
        st.html(PRESENTATION)
    left, right = st.columns([1, 2.7], gap="medium")
    at = lab_actions.current_step(lab.state)
    with left:
        stories.choose_story(lab)
        if lab.state.story is not None:
            stories.steps(lab, at)
        if lab.shows_run_image:
            with common.show_errors():
                images_page.choose(lab)
        controls.controls(lab, at)
        if not lab.presents:
            with common.show_errors():
                saved.saved(lab)
    with right:
        if lab.state.run_image is not None and lab.state.run_image.pixel is None:
            look(lab)
        if lab.searching:
            search_page.show(lab, SEARCH_WAITING)
            state.write_address(lab)
        else:
            common.repeated(show, None)()


def wait_for_losses() -> None:
    """Load torch once the first view, which does not need it, has been sent; then show what does.

    This part is empty, so that its timed reruns do not interrupt anyone who uses the rest of the page.
    """
    lab = state.current()
    if not lab.is_shown:
        lab.is_shown = True
        return
    preload.begin()
    if preload.has_ended():
        lab.continues = True
        st.rerun()


def look(lab: Lab) -> None:
    """Choose between one image on the board and the search over all images."""
    st.session_state["lab-look"] = lab.searching
    st.segmented_control(
        "Look at",
        [False, True],
        format_func=lambda searching: "Find the cats classified as trucks" if searching else "One image",
        required=True,
        label_visibility="collapsed",
        key="lab-look",
        on_change=lambda: setattr(lab, "searching", bool(st.session_state["lab-look"])),
        wrap=True,
    )


def show() -> None:
    """Show the board and the step's plots, in the step's order. Moving a bar reruns only this part, so the controls
    next to it do not change."""
    lab = state.current()
    if lab.concerns_all:
        state.write_address(lab)  # before the new view is drawn
        st.rerun()
    at = lab_actions.current_step(lab.state)
    plots = [name for name in at.shows if name in lab_plots.PLOTS]
    ahead = bool(plots) and at.shows[0] == plots[0]
    above, middle, below = (st.container() for _ in range(3))
    # The board is sent first, because plots take the browser longer, and always at the same position: otherwise it
    # would be created again and miss key presses in the meantime.
    with middle:
        board(lab, at)
    if plots and not lab.settled:
        time.sleep(HEAD_START)
    with above if ahead else below:
        for name in plots:
            if preload.is_ready() or name not in lab_plots.NEED_TORCH:
                lab_plots.show(name, lab.state, at)
    state.write_address(lab)


def board(lab: Lab, at: Step) -> None:
    """Show the board component: the tree, and the cards of losses and decoders, which the browser computes."""
    usable = preload.is_ready()
    shows = [name for name in at.shows if name in BOARD]
    if "points" in at.controls and "tree" not in shows:
        shows.append("tree")  # its bars move the points
    example = lab_actions.point(lab.state, lab.point)
    losses, decoders = lab.state.losses, lab.state.decoders
    is_complete = browser.is_complete(losses, decoders)
    data: dict[str, Any] = browser.view(example, losses, decoders, shows, ready=usable)
    data |= {
        "session": lab.session,
        "done": lab.done,
        "place": [lab.state.story, lab.state.step, lab.point],
        "order": list(dict.fromkeys("losses" if name == "formulas" else name for name in shows)),
        "sliders": bool({"logits", "points"} & set(at.controls)),
        "targets": "target" in at.controls,
        "descent": "descent" in at.controls,
        "reset": bool(at.controls),
        "presents": lab.presents,
        "story": stories.ways(lab),
        "link": lab.link(),
        "message": lab.message,
        "waiting": "" if is_complete or usable or preload.failure() else WAITING,
        "live": not is_complete or any(name in lab_plots.PLOTS for name in at.shows),
        "stated": browser.stated(example, losses, decoders) if usable and lab.settled else None,
    }
    loss_board(data, state.current().ask)


st.title("Loss lab")
state.opened()
common.repeated(lab_part, None)()
if not preload.has_ended():
    common.repeated(wait_for_losses, 0.4)()
