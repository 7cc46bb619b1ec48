"""The loss board: a Streamlit component that draws the lab's example and requests moves. Python does the arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

_FOLDER = Path(__file__).parent
_component = st.components.v2.component(
    "hierapp.loss_board",
    html=(_FOLDER / "board.html").read_text(encoding="utf-8"),
    css=(_FOLDER / "board.css").read_text(encoding="utf-8"),
    js=(_FOLDER / "board.js").read_text(encoding="utf-8"),
)

Moves = Sequence[Mapping[str, Any]]


def loss_board(data: Mapping[str, Any], ask: Callable[[Moves], None], key: str = "loss-board") -> None:
    """Show the board; moves are applied before the script reruns.

    Args:
        data: the return value of `contents`, and in addition `session`, `done`, `order`, `sliders`, `targets`, `story`,
            `link`, `message`, `waiting` and optionally `play`.
        ask: a function that applies the moves; each has an `id`, higher than all before, and an `op`.
        key: the widget's key.
    """

    def moved() -> None:
        ask(st.session_state[key].get("moves") or [])

    _component(key=key, data=dict(data), on_moves_change=moved)
