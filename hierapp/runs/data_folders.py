"""The data folder that each run was queued with: a scheduler may have been started with another HIERAPP_DATA."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hierapp.runs.store import Store

_NAME = "data folder of run "  # and the run's number: a setting of the store


def keep(db: sqlite3.Connection, runs: Iterable[object], folder: Path) -> None:
    """Record the data folder of runs."""
    db.executemany("INSERT OR REPLACE INTO settings VALUES (?, ?)", [(f"{_NAME}{run}", str(folder)) for run in runs])


def of(store: Store, run: str) -> Path | None:
    """Return the data folder of a run; None where it is unknown, or no longer there."""
    found = store.setting(f"{_NAME}{run}")
    return Path(found) if found is not None and Path(found).is_dir() else None


def forget(db: sqlite3.Connection, runs: Iterable[object]) -> None:
    """Remove what is recorded of runs."""
    db.executemany("DELETE FROM settings WHERE name = ?", [(f"{_NAME}{run}",) for run in runs])
