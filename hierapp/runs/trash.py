"""The trash: deleted runs stay in the store, unlisted, until the trash is emptied; only that frees disk space.

A run in the trash keeps its number, its rows and its folder. Emptying removes the rows in one transaction, which also
records the numbers of the removed runs. Their folders are removed afterwards; those that a killed process left are
removed the next time.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterable

from hierapp.errors import StoreError
from hierapp.runs import data_folders
from hierapp.runs.records import marks
from hierapp.runs.run import Run
from hierapp.runs.store import Store, number_of
from hierapp.utils import parts

_EMPTIED = "trash.emptied"  # the setting that lists removed runs whose folders may remain


def delete(store: Store, ids: Iterable[str]) -> list[str]:
    """Move runs to the trash, all or none; return their ids, each once.

    Raises:
        StoreError: if a run does not exist, is already in the trash, or waits or runs.
    """
    runs = {run.id: run for run in map(store.run, ids)}
    for run in runs.values():
        _refuse_open(run)
    numbers = [number_of(run) for run in runs]
    with store.database.write() as db:
        changed = db.execute(
            f"UPDATE runs SET deleted = ? WHERE id IN ({marks(numbers)}) AND state NOT IN ('queued', 'running')",
            (time.time(), *numbers),
        ).rowcount
        if changed != len(numbers):
            raise StoreError("One of these runs was started again in the meantime; nothing was deleted: try again.")
    return list(runs)


def restore(store: Store, ids: Iterable[str]) -> list[str]:
    """Take runs out of the trash, all or none; return their ids, each once.

    Raises:
        StoreError: if a run is not in the trash.
    """
    wanted = list(dict.fromkeys(ids))
    there = {run.id for run in contents(store)}
    for run in wanted:
        if run not in there:
            raise StoreError(f"Run {run} is not in the trash; list the trash with `python -m hierapp trash`.")
    numbers = [number_of(run) for run in wanted]
    with store.database.write() as db:
        db.execute(f"UPDATE runs SET deleted = NULL WHERE id IN ({marks(numbers)})", numbers)
    return wanted


def contents(store: Store) -> list[Run]:
    """Return the runs in the trash, the last deleted first."""
    return sorted(store.runs(deleted=True), key=lambda run: (-(run.deleted or 0), number_of(run.id)))


def empty(store: Store, may_remove: Callable[[Run], bool] = lambda run: True) -> list[str]:
    """Remove the runs in the trash for good, with their folders; return their ids.

    Args:
        store: the store.
        may_remove: returns whether a run may be removed; the others stay in the trash.
    """
    chosen = [number_of(run.id) for run in contents(store) if may_remove(run)]
    gone: list[int] = []
    if chosen:
        still = f"SELECT id FROM runs WHERE deleted IS NOT NULL AND id IN ({marks(chosen)})"
        with store.database.write() as db:
            gone = [row["id"] for row in db.execute(still, chosen)]  # without those restored in the meantime
            _remove_rows(db, gone)
            _set_emptied(db, [*_emptied(db), *map(str, gone)])
    _remove_folders(store)
    return [str(run) for run in gone]


def _refuse_open(run: Run) -> None:
    if run.is_open:
        raise StoreError(f"Run {run.id} is {run.state}; cancel it first, and delete it when it has ended.")


def _remove_rows(db: sqlite3.Connection, numbers: list[int]) -> None:
    """Delete the runs with all that only they use."""
    for table, column in (("metrics", "run"), ("confusions", "run"), ("runs", "id")):
        db.execute(f"DELETE FROM {table} WHERE {column} IN ({marks(numbers)})", numbers)
    data_folders.forget(db, numbers)
    db.execute("DELETE FROM trees WHERE hash NOT IN (SELECT tree FROM runs)")
    db.execute("DELETE FROM similarities WHERE hash NOT IN (SELECT similarity FROM runs WHERE similarity IS NOT NULL)")


def _remove_folders(store: Store) -> None:
    """Remove the folders of runs that were removed, also those that a killed process left."""
    with store.database.read() as db:
        left = _emptied(db)
    if not left:
        return
    folders = [store.folder / "runs" / run for run in left]
    for folder in folders:
        parts.remove(folder)
    still = [folder.name for folder in folders if folder.exists()]
    with store.database.write() as db:
        _set_emptied(db, still)


def _emptied(db: sqlite3.Connection) -> list[str]:
    row = db.execute("SELECT value FROM settings WHERE name = ?", (_EMPTIED,)).fetchone()
    return [] if row is None else list(json.loads(row["value"]))


def _set_emptied(db: sqlite3.Connection, runs: list[str]) -> None:
    if runs:
        db.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (_EMPTIED, json.dumps(runs)))
    else:
        db.execute("DELETE FROM settings WHERE name = ?", (_EMPTIED,))
