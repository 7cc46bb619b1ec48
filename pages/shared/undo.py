"""Undo of a deletion, on the page where something was deleted."""

from __future__ import annotations

from functools import partial

import streamlit as st

from hierapp.access import trashed
from hierapp.utils.trash_folder import Item
from pages.shared import queue
from pages.shared.common import actions, store
from pages.shared.messages import escaped

KEY = "deleted-items"  # the last deletion of each kind


def offer(item: Item | None) -> None:
    """Let `show` offer to restore what was deleted."""
    if item is not None:
        st.session_state.setdefault(KEY, {})[item.kind] = item


def show(kind: str) -> None:
    """Show what of a kind was deleted last, with a button that restores it."""
    item = st.session_state.get(KEY, {}).get(kind)
    if item is None:
        return
    if item not in trashed.contents(store()):
        del st.session_state[KEY][kind]
        return
    with st.container(horizontal=True, vertical_alignment="center", key=f"undo-{kind}"):
        st.markdown(f":material/delete: {escaped(item.title)} is in the trash.", width="content")
        queue.pressed("Undo", f"undo-{kind}-button", partial(_restore, item), icon=":material/undo:")
    queue.refusal()


def _restore(item: Item) -> None:
    actions().restore_item(item)
