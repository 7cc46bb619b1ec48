"""The loss board: a Streamlit component that computes and draws the lab's example, and requests moves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from hierapp.lab import browser

_component = st.components.v2.component(
    "hierapp.loss_board",
    html=browser.read("board.html"),
    css=browser.read("board.css"),
    js=browser.joined(entry=(Path(__file__).parent / "component.js").read_text(encoding="utf-8")),
)

Moves = Sequence[Mapping[str, Any]]


def loss_board(data: Mapping[str, Any], ask: Callable[[Moves], None], key: str = "loss-board") -> None:
    """Show the board; moves are applied before the script reruns.

    Args:
        data: the return value of `hierapp.lab.browser.view`, and what else `hierapp/lab/module/board.js` lists.
        ask: a function that applies the moves; each has an `id`, higher than all before, and an `op`.
        key: the widget's key.
    """

    def moved() -> None:
        ask(st.session_state[key].get("moves") or [])

    _component(key=key, data=dict(data), on_moves_change=moved)
