"""The Loss lab's real images of runs on label maps: a pixel of a test image, chosen by a click or by its numbers."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial

import numpy as np
import streamlit as st

from hierapp.analysis.map_results import TestMaps
from hierapp.lab import run_pixels
from hierapp.lab.run_pixels import Place
from hierapp.lab.views import State
from hierapp.runs import Run
from hierapp.utils.numbers import of_log
from pages.components.pixel_picker import pixel_picker
from pages.lab.state import Lab, bound, current
from pages.shared import common

WIDTH = 512  # of the picture, in pixels
Open = Callable[[int, Place | None, State], State]


def choose(lab: Lab, run: Run, open_pixel: Open) -> None:
    """Show the image and the controls to choose another image or another pixel of it.

    Args:
        lab: the lab, whose state has a pixel.
        run: its run.
        open_pixel: returns the view of a pixel of an image, by default the worst.
    """
    said = lab.state.run_image
    assert said is not None
    assert said.image is not None
    assert said.pixel is not None
    given, image, (x, y) = run_pixels.of(run), said.image, said.pixel
    last, (height, width) = len(given) - 1, given.maps.shape[1:]
    st.number_input(
        f"Test image, 0 to {last:,}",
        0,
        last,
        **bound("lab-image", image, lambda state, number: open_pixel(number, None, state)),
    )
    example = said.example
    best = int(np.argmax(example.leaf_log_probs))
    words = (
        f"Test image {image} with the predicted classes; pixel in column {x} and row {y} of class"
        f" {example.target_name}: the network predicts {example.tree.leaves[best]}"
        f" ({of_log(example.leaf_log_probs[best])})."
    )
    picture = run_pixels.picture(given, image)
    pixel_picker(picture, (x, y), words, lambda place: lab.attempt(partial(open_pixel, image, place)), WIDTH)
    st.caption(f"{common.escaped(words)} Click on another.")
    across, down = st.columns(2)
    across.number_input(
        "Column", 0, width - 1, **bound("lab-column", x, lambda state, to: open_pixel(image, (to, y), state))
    )
    down.number_input("Row", 0, height - 1, **bound("lab-row", y, lambda state, to: open_pixel(image, (x, to), state)))
    _others(run, given, image, open_pixel)


def _others(run: Run, given: TestMaps, image: int, open_pixel: Open) -> None:
    """Show the choice of a random pixel by true class and predicted class."""
    leaves = run.tree.leaves
    with st.expander("Another pixel"):
        for key, label in (("true", "True class"), ("said", "Predicted class")):
            st.selectbox(
                label,
                [None, *range(len(leaves))],
                format_func=lambda place: "any" if place is None else leaves[place],
                key=f"lab-pixel-{key}-{run.id}",
            )
        st.button(
            "Random pixel",
            icon=":material/shuffle:",
            width="stretch",
            key="lab-random-pixel",
            on_click=partial(_random, run, given, image, open_pixel),
        )


def _random(run: Run, given: TestMaps, image: int, open_pixel: Open) -> None:
    true, guess = (st.session_state[f"lab-pixel-{key}-{run.id}"] for key in ("true", "said"))
    lab, leaves = current(), run.tree.leaves
    found = run_pixels.among(given, image, true, guess)
    if not len(found):
        of = "any class" if true is None else f"the class {leaves[true]}"
        taken = "" if guess is None else f" that is classified as {leaves[guess]}"
        lab.message = f"Test image {image} of run {run.id} has no pixel of {of}{taken}; choose another image."
        return
    x, y = random.choice(found.tolist())  # noqa: S311 - not used for security
    lab.attempt(partial(open_pixel, image, (x, y)))
