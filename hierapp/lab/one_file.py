"""The lab as one HTML file: a story with all its steps, or one view, live without a server and without a network.

The numbers that Python computes for each view are part of the file, and the page compares its own with them. Nothing
is loaded: the page's content security policy forbids requests, and allows no script but its own.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hierapp.errors import ConfigError
from hierapp.lab import actions, browser, minimizer, views
from hierapp.lab.choices import EVERY_DECODER, EVERY_LOSS
from hierapp.lab.landscape import printed
from hierapp.lab.steps import Step
from hierapp.lab.stories import story
from hierapp.lab.trees import unbalance_of
from hierapp.lab.views import State
from hierapp.losses import LOSSES
from hierapp.utils.files import as_store_error, commit, staging_dir
from hierapp.utils.numbers import number
from hierapp.version import __version__

BOARD = ("tree", "losses", "formulas", "decoders")
FILES = (*browser.FILES, *browser.BOARD, "slice.js")


def of_story(story_id: str) -> str:
    """Return the file of a story with all its steps; imports torch.

    Raises:
        ConfigError: if there is no such story.
    """
    told = story(story_id)
    states = [views.start(story_id, number_of_step) for number_of_step in range(1, len(told.steps) + 1)]
    return _page(told.title, states)


def of_state(state: State, title: str = "") -> str:
    """Return the file of one view: its tree, numbers, losses and decoders; imports torch.

    Raises:
        ConfigError: if a loss or decoder of the view is not in the lab's module.
    """
    return _page(title or f"Loss lab: {state.example.tree.nodes[0]}", [state])


def write(text: str, file: Path) -> None:
    """Write the text of a file.

    Raises:
        StoreError: if the file exists or cannot be written; then no file is created.
    """
    with as_store_error(f"The file cannot be written to {file.parent}"), staging_dir(file) as folder:
        side = folder / "lab.html"
        side.write_text(text, encoding="utf-8")
        commit(side, file)


def _page(title: str, states: Sequence[State]) -> str:
    for state in states:
        if not browser.is_complete(state.losses, state.decoders):
            raise ConfigError(
                "The view has a loss or decoder that only Python can compute, so it cannot be one file; choose others."
            )
    data = {
        "title": title,
        "version": __version__,
        "specs": {
            name: {"title": spec.title, "defaults": {option.name: option.default for option in spec.options}}
            for name, spec in LOSSES.items()
        },
        "steps": [_step(state) for state in states],
    }
    script = browser.joined(FILES, entry=browser.read("page.js"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    return _TEMPLATE.format(
        policy=policy,
        title=html.escape(title),
        style=browser.read("page.css") + browser.read("board.css"),
        board=browser.read("board.html"),
        # No text in it ends the script.
        data=json.dumps(data, ensure_ascii=True)
        .replace("<", "\\u003c")
        .replace(">", "\\u003e")
        .replace("&", "\\u0026"),
        script=script,
        version=html.escape(__version__),
    )


def _step(state: State) -> dict[str, Any]:
    at = actions.current_step(state)
    shows = [name for name in at.shows if name in BOARD]
    if "points" in at.controls and "tree" not in shows:
        shows.append("tree")
    chosen = (state.example, state.losses, state.decoders)
    is_free = state.story is None
    fixed = {"minimizer", "walk"} & set(at.shows)  # their numbers are Python's, for the step's options
    step = browser.view(*chosen, shows) | {
        "title": at.title or f"True class: {state.example.target_name}",
        "text": at.text or "Drag the bars, click a leaf to make it the true class, click a node for its formulas.",
        "order": list(dict.fromkeys("losses" if name == "formulas" else name for name in shows)),
        "sliders": bool({"logits", "points"} & set(at.controls)),
        "targets": "target" in at.controls,
        "descent": "descent" in at.controls,
        "reset": bool(at.controls),
        "controls": [] if fixed else [*at.controls, *(["threshold", "mass", "soft"] if is_free else [])],
        "second": list(state.second) if state.second is not None and "slice" in at.shows else None,
        "space": state.space,
        "plots": _sentences(state, at),
        "stated": browser.stated(*chosen),
    }
    if is_free:
        every = [choice for choice in EVERY_LOSS if browser.is_complete([choice], ())]
        rules = [choice for choice in EVERY_DECODER if browser.is_complete((), [choice])]
        shown = {choice.name for choice in state.losses}, {choice.rule for choice in state.decoders}
        losses = [*state.losses, *(choice for choice in every if choice.name not in shown[0])]
        decoders = [*state.decoders, *(choice for choice in rules if choice.rule not in shown[1])]
        more = browser.view(state.example, losses, decoders, shows)
        step["more"] = {"losses": more["losses"], "decoders": more["decoders"]}
    return step


def _sentences(state: State, at: Step) -> list[str]:
    """Return what a step's plots say, where the page has no form of them."""
    found = []
    options = next((choice.option_values for choice in state.losses if choice.name == "hierarchical"), {})
    targets, mass = str(options.get("targets", "path")), float(options.get("mass", 1.0))  # type: ignore[arg-type]
    if "printed" in at.shows:
        said = printed(state.example)
        falls = "; ".join(f"{number(value)} at p = {number(p)}" for p, value in said.fall[:4])
        found.append(f"{said.summary} As the first true decision becomes less likely: {falls}.")
    if "minimizer" in at.shows:
        least = minimizer.least(state.example.tree, at.truth or (), targets, mass)
        each = ", ".join(f"{leaf} {number(p)}" for leaf, p in zip(least.tree.leaves, least.probabilities, strict=True))
        found.append(f"{least.summary} {least.reason} At the minimum: {each}.")
    if "walk" in at.shows:
        walked = minimizer.walk(at.truth or (0.25,) * 4, targets, mass)
        values = ", ".join(number(each.probabilities[each.tree.leaves.index("d")]) for each in walked)
        here = unbalance_of(state.tree_name) or 0
        found.append(f"The probability of d at the minimum, from 0 to 6 steps (this tree: {here}): {values}.")
    return found


_TEMPLATE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
{style}</style></head>
<body><main>
<section><h1>{title}</h1><h2></h2><p class="text"></p><p class="steps"></p><div class="controls"></div>
<div class="plots"></div><p class="agrees" role="status"></p>
<footer>Made with hierapp {version}; works without a network.</footer></section>
<section>{board}<div class="slices"></div></section>
</main>
<script type="application/json" id="lab">{data}</script>
<script type="module">{script}</script>
</body></html>
"""
