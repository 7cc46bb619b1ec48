"""The parts of the Runs page that delete runs, undo that, and show the trash, with all that is in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import streamlit as st

from hierapp.access import trashed
from hierapp.analysis import summary
from hierapp.runs import Run, trash
from hierapp.utils.text import pluralize
from hierapp.utils.trash_folder import Item
from pages.shared import queue
from pages.shared.common import actions, store
from pages.shared.messages import escaped

DELETED = "runs-deleted"  # the ids of the last deletion, for Undo
CHANGED = "runs-changed"  # the choice of runs at the top must be drawn again
SHOWN = "runs"  # the key of that choice
MOST = 30  # runs that are listed one by one


def delete_menu(runs: Sequence[Run], names: Mapping[str, str]) -> None:
    """Show the buttons that move the shown runs to the trash."""
    ended = [run for run in runs if not run.is_open]
    may_change = actions().may_change
    mine = [run.id for run in ended if may_change(run.owner)]
    with st.popover("Delete", icon=":material/delete:", disabled=not ended, key="delete-menu", on_change="rerun"):
        st.caption(
            "Deleted runs go to the trash, from which they can be restored. Runs that wait or run are cancelled first."
        )
        if len(mine) > 1:
            queue.pressed(f"Delete all {len(mine)}", "delete-all", partial(_delete, mine))
        for run in ended[:MOST]:
            label = f"Delete {run.id} {escaped(names[run.id])}"
            queue.pressed(label, f"delete-{run.id}", partial(_delete, [run.id]), disabled=run.id not in mine)
        if len(ended) > MOST:
            st.caption(f"and {len(ended) - MOST:,} more")


def has_changed() -> bool:
    """Return whether runs were deleted or restored since the page was drawn."""
    return bool(st.session_state.pop(CHANGED, False))


def undo() -> None:
    """Show what was deleted last, with a button that restores it."""
    there = {run.id for run in trash.contents(store())}
    gone = [run for run in st.session_state.get(DELETED, []) if run in there]
    if not gone:
        st.session_state.pop(DELETED, None)
        return
    which = f"Run {gone[0]} is" if len(gone) == 1 else f"{pluralize(len(gone), 'run')} are"
    with st.container(horizontal=True, vertical_alignment="center", key="undo-delete"):
        st.markdown(f":material/delete: {which} in the trash.", width="content")
        queue.pressed("Undo", "undo", partial(_restore, gone), icon=":material/undo:")


def trash_menu() -> None:
    """Show the trash, if there is something in it."""
    runs, items = trash.contents(store()), trashed.contents(store())
    if not runs and not items:
        return
    names = summary.labels(runs)
    may_change = actions().may_change
    mine = [run.id for run in runs if may_change(run.owner)]
    with st.popover(f"Trash ({len(runs) + len(items):,})", icon=":material/delete_sweep:"):
        if len(mine) > 1:
            queue.pressed(f"Restore all {len(mine)}", "restore-all", partial(_restore, mine))
        for run in runs[:MOST]:
            label = f"Restore {run.id} {escaped(names[run.id])}"
            queue.pressed(label, f"restore-{run.id}", partial(_restore, [run.id]), disabled=run.id not in mine)
        if len(runs) > MOST:
            st.caption(f"and {len(runs) - MOST:,} more")
        may_change = actions().may_change
        my_items = [item for item in items if may_change(item.owner)]
        for item in items[:MOST]:
            label = f"Restore {item.kind} {escaped(item.title)}"
            key = f"restore-{item.folder.name}"
            queue.pressed(label, key, partial(_restore_item, item), disabled=item not in my_items)
        st.caption("Emptying the trash removes what is yours in it, with weights and outputs of runs, for good.")
        count = len(mine) + len(my_items)
        sure = st.checkbox(f"Remove {pluralize(count, 'item')} for good", key="empty-sure", disabled=not count)
        queue.pressed("Empty the trash", "empty-trash", _empty, type="primary", disabled=not sure)


def _delete(runs: Sequence[str]) -> None:
    st.session_state[DELETED] = actions().delete(runs)
    st.session_state[CHANGED], st.session_state["delete-menu"] = True, False
    if SHOWN in st.session_state:
        st.session_state[SHOWN] = [run for run in st.session_state[SHOWN] if run not in runs]


def _restore(runs: Sequence[str]) -> None:
    restored = actions().restore(runs)
    st.session_state.pop(DELETED, None)
    st.session_state[SHOWN] = list(dict.fromkeys([*restored, *st.session_state.get(SHOWN, [])]))


def _restore_item(item: Item) -> None:
    actions().restore_item(item)


def _empty() -> None:
    actions().empty_trash()
    st.session_state.pop("empty-sure", None)
