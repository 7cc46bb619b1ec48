"""The Loss lab's real images: a test image of a finished run or an uploaded picture, with the network's output."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import streamlit as st

from hierapp.data import images as pictures, registry as datasets, uploaded_picture
from hierapp.data.images import Pixels
from hierapp.errors import HierappError
from hierapp.lab import preload, run_images, views
from hierapp.lab.views import State
from hierapp.losses import LOSSES
from hierapp.runs import Run
from hierapp.training.predictions import Outputs
from hierapp.utils.numbers import of_log
from pages.lab import run_pixels as pixels_page
from pages.lab.state import Lab, bound, current
from pages.shared import common

SIDE = 256  # size of a picture on the page, in pixels
ANY = None
MOST_TEXT = 1_500  # characters of a row's text
FROM_PROBABILITIES = (
    "All numbers are computed from the network's leaf probabilities: an internal node has the sum of the leaves below"
    " it, and the logits are the logarithms."
)


def runs() -> dict[str, Run]:
    """Return the runs with stored outputs by id, newest first."""
    return _runs(common.store().folder)


@st.cache_resource(ttl=5, show_spinner=False)
def _runs(folder: Path) -> dict[str, Run]:
    return {run.id: run for run in run_images.runs(common.store())}


def begin(state: State) -> State:
    """Return the view of the first mistake of the best run; without stored outputs, the free lab."""
    there = runs()
    return _image(run_images.best(list(there.values())), None, state) if there else views.start()


def choose(lab: Lab) -> None:
    """Show the run, the image, the picture, and the controls to select others."""
    there = runs()
    said = lab.state.run_image
    if said is None or said.run not in there:
        if not there:
            nothing_yet()
        return
    run = there[said.run]
    st.selectbox(
        "Run",
        list(there),
        format_func=lambda each: title(there[each]),
        **bound("lab-run", run.id, lambda state, each: _image(there[each], None, state)),
    )
    if said.pixel is not None:
        pixels_page.choose(lab, run, lambda image, place, state: _like(run_images.image_of(run, image, place), state))
        st.caption(FROM_PROBABILITIES)
        return
    outputs = run_images.outputs_of(run)
    last = len(outputs.target) - 1
    if said.image is not None:
        st.number_input(
            f"Test image, 0 to {last:,}",
            0,
            last,
            **bound("lab-image", said.image, lambda state, number: _image(run, number, state)),
        )
    picture(lab, run)
    others(run, outputs)
    if not features(run):
        upload(run)


def nothing_yet() -> None:
    """Show what to do if no run has stored outputs."""
    st.info("There is no finished run with stored test outputs yet. Train some with one click on the Start page.")
    st.page_link("pages/start/page.py", label="Start", icon=":material/home:")


def title(run: Run) -> str:
    """Return the label of a run in the list."""
    entry = datasets.catalogue().get(run.config.data)
    data = entry.title if entry else run.config.data
    loss = LOSSES[run.config.loss].title if run.config.loss in LOSSES else run.config.loss
    if run.is_imported:
        loss = "imported"
    accuracy = f", accuracy {run.test['accuracy']:.3f}" if run.test else ""
    return f"{run.id}: {data}, {loss}, {run.config.model}{accuracy}"


def picture(lab: Lab, run: Run) -> None:
    """Show the image as the network sees it, with the network's output."""
    said = lab.state.run_image
    assert said is not None
    words = _words(said, "row" if features(run) else "image")
    try:
        if has_texts(run) and said.image is not None:
            st.text(run_images.texts(run, [said.image])[0][:MOST_TEXT])
            st.caption(f"{common.escaped(words)}\n\n{FROM_PROBABILITIES}")
            return
        pixels = own(lab) if said.image is None else run_images.pictures(run, [said.image])[0]
    except HierappError as error:
        st.caption(f"{common.escaped(str(error))}\n\n{common.escaped(words)}")
        return
    if pixels is not None:
        st.image(pictures.enlarged(pixels, SIDE), caption=common.escaped(words), alt=words, output_format="PNG")
    st.caption(FROM_PROBABILITIES)


def features(run: Run) -> bool:
    """Return whether a run was tested on rows of features."""
    entry = datasets.catalogue().get(run.config.data)
    return entry is not None and entry.kind == "features"


def has_texts(run: Run) -> bool:
    """Return whether texts or numbers of a run's rows are shown, as there are no images."""
    return features(run) and not datasets.has_images(run.config.data)


def own(lab: Lab) -> Pixels | None:
    """Return the pixels of the uploaded picture on the board; None if there is none."""
    return lab.own[1] if lab.own else None


def _words(said: run_images.RunImage, noun: str = "image") -> str:
    example = said.example
    best = int(np.argmax(example.leaf_log_probs))
    guess = f"the network predicts {example.tree.leaves[best]} ({of_log(example.leaf_log_probs[best])})"
    if said.image is None:
        return f"Your image as the network sees it: {guess}. Its true class is unknown: choose it below."
    return f"Test {noun} {said.image} of class {example.target_name}: {guess}."


def others(run: Run, outputs: Outputs) -> None:
    """Show the choice of a random image by true class and predicted class."""
    leaves = run.tree.leaves
    with st.expander("Another image"):
        for key, label in (("true", "True class"), ("said", "Predicted class")):
            st.selectbox(
                label,
                [ANY, *range(len(leaves))],
                format_func=lambda place: "any" if place is None else leaves[place],
                key=f"lab-pick-{key}-{run.id}",
            )
        st.button("Random image", icon=":material/shuffle:", width="stretch", key="lab-random",
                  on_click=partial(_random, run, outputs))  # fmt: skip


def _random(run: Run, outputs: Outputs) -> None:
    true, guess = (st.session_state[f"lab-pick-{key}-{run.id}"] for key in ("true", "said"))
    lab, leaves = current(), run.tree.leaves
    found = run_images.among(outputs, true, guess).tolist()
    if not found:
        of = "any class" if true is None else f"the class {leaves[true]}"
        lab.message = f"Run {run.id} classified no test image of {of} as {leaves[guess]}." if guess is not None else (
            f"Run {run.id} has no test image of {of}.")  # fmt: skip
        return
    now = lab.state.run_image.image if lab.state.run_image else None
    rest = [place for place in found if place != now] or found
    lab.attempt(partial(_image, run, random.choice(rest)))  # noqa: S311 - not used for security


def upload(run: Run) -> None:
    """Show the upload of a picture for the run's network."""
    if run.is_imported:  # without weights, there are no outputs for other images
        return
    with st.expander("Your own image"):
        may = common.actions().may_run
        height, width, channels = datasets.find(run.config.data).image_shape
        st.file_uploader(
            "Picture",
            key=f"lab-upload-{run.id}",
            disabled=not may or not preload.is_ready(),
            on_change=partial(_uploaded, run),
            help=f"Its center is resized to {width} x {height} pixels{', gray' if channels == 1 else ''}, as for the "
            "network's training images. It is not stored.",
        )


def _uploaded(run: Run) -> None:
    from hierapp.training.predict import predict

    lab, file = current(), st.session_state[f"lab-upload-{run.id}"]
    if file is None:
        return
    try:
        may = common.actions()
        may.check_upload(file.size)
        may.check_code([run.config.model])  # it is imported and called here
        pixels = uploaded_picture.read(file.getvalue(), file.name, datasets.find(run.config.data).image_shape)
        log_probs = predict(run.folder, run.config, run.tree, pixels[None])[0].tolist()
        lab.put(_like(run_images.own_picture(run, log_probs), lab.state))
        lab.own = (file.name, pixels)
    except HierappError as error:
        lab.message = str(error)


def opened(run: Run, image: int) -> None:
    """Open a test image on the board."""
    current().attempt(partial(_image, run, image))
    current().searching = False


def _image(run: Run, image: int | None, state: State) -> State:
    """Return the view of a test image, by default the first mistake; outside a story, losses and decoders persist."""
    number = run_images.first_image(run) if image is None else image
    return _like(run_images.image_of(run, number), state)


def _like(said: run_images.RunImage, state: State) -> State:
    found = views.of_run_image(said)
    return found if state.story else replace(found, losses=state.losses, decoders=state.decoders)


def grid(run: Run, images: Sequence[int]) -> list[Pixels]:
    """Return test images, enlarged for a contact sheet."""
    return [pictures.enlarged(each, 96) for each in run_images.pictures(run, images)]
