"""A Plotly figure that is drawn once and then updated, which keeps the zoom and the hidden lines.

Streamlit's own element makes a new plot whenever the figure changes: of a dozen curves this takes a browser longer than
the second between two refreshes, and the zoom is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import streamlit as st
from plotly.offline import get_plotlyjs_version

FOLDER = Path(__file__).parent
SCRIPT = f"plotly-{get_plotlyjs_version()}.min.js"  # pages/shared/serving.py serves it

_component = st.components.v2.component(
    "hierapp.plot",
    html=(FOLDER / "plot.html").read_text(encoding="utf-8"),
    css=(FOLDER / "plot.css").read_text(encoding="utf-8"),
    js=(FOLDER / "plot.js").read_text(encoding="utf-8"),
    isolate_styles=False,  # Plotly's own styles are those of the document
)

AHEAD = "plot-ahead"
Point = Mapping[str, float]


def plot(
    figure: str, key: str, alt: str, config: Mapping[str, Any], clicked: Callable[[Point], None] | None = None
) -> None:
    """Show a figure as wide as its container.

    Args:
        figure: its JSON.
        key: the key on the page; a figure with the same key, `alt`, lines and axes keeps the zoom.
        alt: a description in words.
        config: Plotly's options of interaction.
        clicked: a function of the `x` and `y` of a point that was clicked, before the script reruns.
    """
    data = {"figure": figure, "alt": alt, "config": config, "script": SCRIPT, "clicks": clicked is not None}
    if clicked is None:
        _component(key=key, data=data)
        return

    def told() -> None:
        point = st.session_state[key].get("point")
        if point is not None:
            clicked(point)

    _component(key=key, data=data, on_point_change=told)


def load_ahead() -> None:
    """Let the browser load Plotly when it has nothing else to do, on a page that leads to one with plots."""
    with st.container(key=AHEAD):
        _component(key=f"{AHEAD}-script", data={"script": SCRIPT})
