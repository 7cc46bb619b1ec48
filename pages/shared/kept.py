"""Widgets for what is kept somewhere else: in the store, say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import streamlit as st

from hierapp.errors import HierappError


@contextmanager
def kept(key: str, value: Any, change: Callable[[Any], object]) -> Iterator[dict[str, Any]]:
    """The key and the callback for a widget that shows what is kept and keeps what is entered.

    What is refused stays in the widget, to be mended, with the reason below it.
    """
    state, refused = st.session_state, f"{key}-refused"
    if key not in state:  # the page is entered anew
        state.pop(refused, None)
    # Only what differs is set: setting it would take from the user what is being typed.
    if refused not in state and (key not in state or state[key] != value):
        state[key] = value

    def keep() -> None:
        state.pop(refused, None)
        try:
            change(state[key])
        except HierappError as error:
            state[refused] = str(error)

    yield {"key": key, "on_change": keep}
    if refused in state:
        st.error(state[refused], icon=":material/error:")
