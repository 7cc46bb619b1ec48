"""Scripts of the whole page: they are installed in the browser and show nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import streamlit as st


def page_script(file: Path) -> Callable[[], None]:
    """Return a function that installs an ES module in the browser; the module's name is that of its folder."""
    name = file.parent.name
    component, key = (
        st.components.v2.component(f"hierapp.{name}", js=file.read_text(encoding="utf-8")),
        name.replace("_", "-"),
    )

    def install() -> None:
        st.html(f"<style>:has(> .st-key-{key}) {{ position: absolute; }}</style>")  # out of the page's flow
        with st.container(key=key):
            component(key=f"{key}-module")

    return install
