"""The drafts of the Studio that the user may open: the one that is open in this session, and the list."""

from __future__ import annotations

import time
from functools import partial

import streamlit as st

from hierapp.access.roles import LOCAL
from hierapp.trees import draft_library
from hierapp.trees.draft_library import DraftEntry
from hierapp.trees.drafts import Draft
from pages.shared import auth, queue, undo
from pages.shared.common import actions, data_title
from pages.shared.messages import escaped

_OPEN, _SEEN = "draft", "drafts-seen"
FIRST = 5  # drafts that are listed at first
MOST = 100  # drafts that are listed at all


def opened() -> Draft | None:
    """Return the draft that is open in this session."""
    draft: Draft | None = st.session_state.get(_OPEN)
    return draft


def open(draft: Draft) -> None:
    """Remember that a draft is open, until it is closed."""
    st.session_state[_OPEN] = draft
    st.session_state.setdefault(_SEEN, set()).add(draft.id)


def close() -> None:
    """Forget which draft is open."""
    st.session_state.pop(_OPEN, None)


def mine() -> list[DraftEntry]:
    """Return the drafts that the user may see, the last changed first.

    The address of a draft is all that is needed to edit it, so on a shared server only those of this session.
    """
    seen = st.session_state.get(_SEEN, set())
    is_local = auth.person() is LOCAL
    return [entry for entry in draft_library.entries() if is_local or entry.id in seen]


def listed() -> None:
    """Show the drafts, each with a link and a button that deletes it; nothing if there are none."""
    undo.show(draft_library.KIND)
    found = mine()
    if not found:
        return
    st.header("Drafts", anchor=False)
    is_all = len(found) <= FIRST or st.toggle(f"Show all {len(found):,}", key="all-drafts")
    for entry in found[: MOST if is_all else FIRST]:
        _row(entry)
    if is_all and len(found) > MOST:
        st.caption(f"and {len(found) - MOST:,} older ones; `hierapp tree drafts` lists them all")
    queue.refusal()


def _row(entry: DraftEntry) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.page_link(
            "pages/studio/page.py",
            label=escaped(entry.title),
            icon=":material/edit:",
            query_params={"draft": entry.id},
            width="content",
        )
        words = time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.changed))
        if entry.data:
            words = f"{escaped(data_title(entry.data))}, {words}"
        st.caption(words, width="content")
        queue.pressed(
            "",
            f"delete-draft-{entry.id}",
            partial(_delete, entry),
            icon=":material/delete:",
            help=f"Delete the draft {escaped(entry.title)}",
            type="tertiary",
            disabled=not actions().may_run,
        )


def _delete(entry: DraftEntry) -> None:
    undo.offer(actions().delete_draft(entry.id))
    draft = opened()
    if draft is not None and draft.id == entry.id:
        close()
