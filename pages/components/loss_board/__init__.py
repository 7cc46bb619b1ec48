"""The loss board: a Streamlit component that draws the lab's example and asks for moves. The numbers are Python's."""

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
    """Show the board; moves are done before the script runs again.

    Args:
        data: what `contents` gives, and beside it `session`, `done`, `order`, `sliders`, `targets`, `story`, `link`,
            `message`, `waiting` and `play`.
        ask: does the moves: each has an `id`, higher than all before, and an `op`.
        key: the widget's key.
    """

    def moved() -> None:
        ask(st.session_state[key].get("moves") or [])

    _component(key=key, data=dict(data), on_moves_change=moved)
