"""One entry for each page in the browser's history: a change of the address's parameters replaces the entry."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

_component = st.components.v2.component(
    "hierapp.page_history", js=(Path(__file__).parent / "history.js").read_text(encoding="utf-8")
)
_OUT_OF_FLOW = "<style>:has(> .st-key-page-history) { position: absolute; }</style>"


def one_entry_per_page() -> None:
    """Install the module in the browser; shows nothing."""
    st.html(_OUT_OF_FLOW)
    with st.container(key="page-history"):
        _component(key="page-history-module")
