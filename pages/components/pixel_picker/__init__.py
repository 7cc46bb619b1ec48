"""A picture of which a pixel is chosen by a click; the chosen one is framed."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

import streamlit as st

from hierapp.data import map_pictures
from hierapp.data.images import Pixels

_FOLDER = Path(__file__).parent
_component = st.components.v2.component(
    "hierapp.pixel_picker",
    html='<div class="picker"><img alt="" draggable="false" /><div class="chosen"></div></div>',
    css=(_FOLDER / "picker.css").read_text(encoding="utf-8"),
    js=(_FOLDER / "picker.js").read_text(encoding="utf-8"),
)

Place = tuple[int, int]


def pixel_picker(
    picture: Pixels, place: Place, alt: str, pick: Callable[[Place], None], width: int, key: str = "pixel-picker"
) -> None:
    """Show a picture; a click calls `pick` before the script reruns.

    Args:
        picture: [H, W, 3].
        place: column and row of the chosen pixel, from 0.
        alt: what the picture shows.
        pick: called with the pixel that was clicked on.
        width: of the picture on the page at most, in pixels.
        key: the widget's key.
    """

    def picked() -> None:
        found = st.session_state[key].get("picked")
        if isinstance(found, list) and len(found) == 2 and all(type(side) is int for side in found):
            pick((found[0], found[1]))

    image = base64.b64encode(map_pictures.png(picture, width)).decode()
    size = [picture.shape[1], picture.shape[0]]
    data = {"image": f"data:image/png;base64,{image}", "size": size, "place": list(place), "alt": alt}
    _component(key=key, data=data, on_picked_change=picked)
