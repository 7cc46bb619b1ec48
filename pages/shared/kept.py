"""Widgets for values that are stored elsewhere, for example in the store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import streamlit as st

from hierapp.errors import HierappError
from pages.shared.messages import show_error


@contextmanager
def kept(key: str, value: Any, change: Callable[[Any], object]) -> Iterator[dict[str, Any]]:
    """Yield the key and the callback of a widget that shows a stored value and saves what the user enters.

    A rejected value stays in the widget for correction, with the reason below it.
    """
    state, refused = st.session_state, f"{key}-refused"
    if key not in state:  # the user has just opened the page
        state.pop(refused, None)
    # Set the value only if it differs: setting it would discard what the user is typing.
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
        show_error(state[refused])
