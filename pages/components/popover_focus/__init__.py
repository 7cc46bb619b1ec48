"""Popovers that are opened by keyboard take the focus."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

_component = st.components.v2.component(
    "hierapp.popover_focus", js=(Path(__file__).parent / "focus.js").read_text(encoding="utf-8")
)
_OUT_OF_FLOW = "<style>:has(> .st-key-popover-focus) { position: absolute; }</style>"


def popovers_take_focus() -> None:
    """Install the module in the browser; shows nothing."""
    st.html(_OUT_OF_FLOW)
    with st.container(key="popover-focus"):
        _component(key="popover-focus-module")
