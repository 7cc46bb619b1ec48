"""Two pictures of one size on top of each other, with a border to be moved: left of it the first, right the second."""

from __future__ import annotations

import base64
from pathlib import Path

import streamlit as st

_FOLDER = Path(__file__).parent
_component = st.components.v2.component(
    "hierapp.before_after",
    html=(_FOLDER / "pair.html").read_text(encoding="utf-8"),
    css=(_FOLDER / "pair.css").read_text(encoding="utf-8"),
    js=(_FOLDER / "pair.js").read_text(encoding="utf-8"),
)


def before_after(first: bytes, second: bytes, titles: tuple[str, str], alt: str, key: str = "before-after") -> None:
    """Show two PNG pictures with a border that the pointer, or the arrow keys, move without the server.

    Args:
        first: the picture left of the border.
        second: the picture right of it.
        titles: of the two.
        alt: what both show.
        key: the widget's key.
    """
    images = [f"data:image/png;base64,{base64.b64encode(each).decode()}" for each in (first, second)]
    _component(key=key, data={"images": images, "titles": list(titles), "alt": alt})
