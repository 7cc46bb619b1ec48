"""The Loss lab's search: test images on which decoders disagree, with their pictures and a summary over all images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from hierapp.data.images import Pixels
from hierapp.decoding import DECODERS
from hierapp.errors import HierappError
from hierapp.lab import disagreements, preload, run_images
from hierapp.lab.choices import DecoderChoice
from hierapp.lab.disagreements import WHICH, Decoded, SearchCriteria, Tally
from hierapp.runs import Run
from hierapp.training import predictions
from hierapp.utils.text import pluralize
from pages.lab import run_images as images_page
from pages.lab.state import Lab, current
from pages.shared import common

AT_ONCE = 24
MOST_TEXT = 120  # characters of a row
ANY = None
HINT = "Prediction of the first decoder."
FAR = (
    "Distance of the first decoder's prediction: edges to the lowest common ancestor with the true class, on the "
    "deeper side."
)


def show(lab: Lab, waiting: str) -> None:
    """Show the search controls, the two decoders on all test images, and the images found."""
    run = images_page.runs().get(lab.state.run_image.run) if lab.state.run_image else None
    if run is None:
        return
    if not preload.is_ready():
        if not preload.has_ended():
            st.caption(waiting)
        return
    found = decoded(run, tuple(_choices(lab)))
    criteria = _criteria(found)
    compared = disagreements.compare(found, criteria.first, criteria.second)
    st.markdown(_table(compared.images, [compared.first, compared.second]))
    st.markdown(common.escaped(compared.summary))
    places = disagreements.search(found, criteria).tolist()
    start = lab.found_from if lab.found_from < len(places) else 0
    _pager(start, len(places))
    sheet(run, found, criteria, places[start : start + AT_ONCE])


def _choices(lab: Lab) -> list[DecoderChoice]:
    """Return every decoder, with its options in the lab if it is shown there."""
    shown = {choice.rule: choice for choice in lab.state.decoders}
    return [shown.get(rule) or DecoderChoice(rule) for rule in DECODERS]


def decoded(run: Run, choices: tuple[DecoderChoice, ...]) -> Decoded:
    """Apply each decoder to each test image; cached for each run."""
    return _decoded(run.folder, (run.folder / predictions.FILE).stat().st_mtime_ns, choices, run)


@st.cache_resource(max_entries=8, show_spinner="Decoding the test images…")
def _decoded(folder: Path, changed: int, choices: tuple[DecoderChoice, ...], _run: Run) -> Decoded:
    return disagreements.decoded(run_images.outputs_of(_run), _run.tree, choices)


def _criteria(found: Decoded) -> SearchCriteria:
    """Show the search controls and return the criteria."""
    names, leaves = found.tree.nodes, found.tree.leaf_nodes.tolist()
    any_of = partial(_name, names)
    up, down = st.columns(3), st.columns(3)
    first = _pick(up[0], "First decoder", "first", list(DECODERS), str)
    second = _pick(up[1], "Second decoder", "second", [rule for rule in DECODERS if rule != first], str)
    which = _pick(up[2], "Images where", "which", list(WHICH), WHICH.__getitem__)
    true = _pick(down[0], "True class", "true", [ANY, *leaves], any_of)
    taken_for = _pick(down[1], "Classified as", "predicted", [ANY, *range(len(names))], any_of, help=HINT)
    most = int(found.costs[first].max(initial=0))
    least = _pick(down[2], "Minimum distance from the true class", "least", range(most + 1), str, help=FAR)
    return SearchCriteria(first, second, which, None if true is None else leaves.index(true), taken_for, least)


def _pick(
    column: DeltaGenerator, label: str, key: str, options: Sequence[Any], words: Callable[[Any], str], **more: Any
) -> Any:
    """Show a select box, initially at its first option; a previous selection is preserved if it is still an option."""
    name = f"lab-find-{key}"
    if st.session_state.get(name) not in options:
        st.session_state[name] = options[0]
    return column.selectbox(
        label, options, format_func=words, key=name, on_change=lambda: setattr(current(), "found_from", 0), **more
    )


def _name(names: Sequence[str], place: int | None) -> str:
    return "any" if place is None else names[place]


def _table(images: int, tallies: list[Tally]) -> str:
    """Return a Markdown table of the decoders on all test images."""
    rows = [
        f"| {each.rule} | {each.right:,} ({each.right / max(images, 1):.1%}) | {each.above:,} | {each.distance:.4f} |"
        for each in tallies
    ]
    head = [
        "| decoder | exactly correct | correct, but an internal node | mean distance |",
        "| --- | ---: | ---: | ---: |",
    ]
    return "\n".join([*head, *rows])


def _pager(start: int, count: int) -> None:
    row = st.container(horizontal=True, vertical_alignment="center")
    if not count:
        row.markdown("No such images.")
        return
    shown = f"**{start + 1:,} to {min(start + AT_ONCE, count):,} of {pluralize(count, 'image')}**"
    row.markdown(f"{shown}, the worst mistakes first; click the text below an image to open it")
    for label, to, no in (
        ("Earlier", start - AT_ONCE, start == 0),
        ("Later", start + AT_ONCE, start + AT_ONCE >= count),
    ):
        row.button(label, key=f"lab-find-{label.lower()}", disabled=no,
                   on_click=lambda to=to: setattr(current(), "found_from", max(to, 0)))  # fmt: skip


def sheet(run: Run, found: Decoded, criteria: SearchCriteria, places: list[int]) -> None:
    """Show the images, each with a button that opens it on the board."""
    names, tree = found.tree.nodes, found.tree
    of_rows = images_page.has_texts(run)
    shown: Sequence[Pixels | str] = []
    try:
        shown = run_images.texts(run, places) if of_rows else images_page.grid(run, places)
    except HierappError as error:
        st.caption(common.escaped(str(error)))
    box = st.container(horizontal=True)
    for turn, place in enumerate(places):
        true, first, second = (
            names[node]
            for node in (
                int(tree.leaf_nodes[found.target[place]]),
                int(found.nodes[criteria.first][place]),
                int(found.nodes[criteria.second][place]),
            )
        )
        words = f"{true} → {first}; {criteria.second}: {second}"
        with box.container(width=132, gap="small"):
            if shown and of_rows:
                st.caption(common.escaped(str(shown[turn])[:MOST_TEXT]))
            elif shown:
                alt = f"Test image {place} of class {true}"
                st.image(shown[turn], alt=alt, output_format="PNG")
            st.button(
                common.escaped(words),
                key=f"lab-found-{place}",
                type="tertiary",
                help=f"Open test {'row' if of_rows else 'image'} {place} on the board.",
                on_click=partial(images_page.opened, run, place),
            )
