"""Write the progress of a run into the store, under the number of its attempt.

Each call is one transaction. It raises `StaleAttemptError` and writes nothing once the run has a newer attempt or has
ended: if two workers believe that they own a run, only one can write.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hierapp.errors import StaleAttemptError
from hierapp.runs import records
from hierapp.runs.database import Database
from hierapp.runs.states import ENDS, State, move


class SQLiteRunWriter:
    """The writer for one attempt of a run.

    Args:
        database: the database of the store.
        run: the number of the run.
        number: the number of the attempt.

    Raises:
        StaleAttemptError: from every call, if the run is no longer running or was claimed again, or the store is
            pinned and its folder was moved.
        StoreError: from every call, if the store cannot be written.
    """

    def __init__(self, database: Database, run: int, number: int) -> None:
        self.database, self.run, self.number = database, run, number

    def take(self, pid: int, process: str) -> None:
        """Record the process that works on the run (see `processes.identity`); the first to call this owns the run."""
        with self._transaction() as db:
            taken = db.execute(
                "UPDATE runs SET pid = ?, process = ?, heartbeat = ? WHERE id = ? AND coalesce(process, ?) = ?",
                (pid, process, time.time(), self.run, process, process),
            ).rowcount
            if not taken:
                raise StaleAttemptError

    def begin(self, device: str, version: str) -> None:
        """Record the start of training, the device and the code version; earlier imports are not training time."""
        with self._transaction() as db:
            self._set(db, started=time.time(), device=device, version=version)

    def restarted_at(self, epoch: float, progress: float, note: str | None = None) -> None:
        """Delete what an earlier attempt recorded after an epoch, because training continues from there."""
        with self._transaction() as db:
            records.drop_after(db, self.run, epoch)
            self._set(db, progress=progress, progress_before=progress, note=note)

    def heartbeat(self) -> bool:
        """Record that the worker is alive; return whether the run was asked to stop."""
        with self._transaction() as db:
            self._set(db, heartbeat=time.time())
            row = db.execute("SELECT cancel_requested FROM runs WHERE id = ?", (self.run,)).fetchone()
        return row["cancel_requested"] is not None

    def is_asked_to_stop(self) -> bool:
        """Return whether the run was asked to stop, without writing."""
        with self.database.read() as db:
            row = db.execute(
                "SELECT cancel_requested FROM runs WHERE id = ? AND state = 'running' AND attempt = ?",
                (self.run, self.number),
            ).fetchone()
        if row is None:
            raise StaleAttemptError
        return row["cancel_requested"] is not None

    def report(self, epoch: float, values: Mapping[str, float], progress: float) -> None:
        """Record values at a time in epochs (1.5 is the middle of the second epoch) and the progress of the run, from 0
        to 1; NaN is stored as NULL."""
        with self._transaction() as db:
            records.add_metrics(db, self.run, epoch, values)
            self._set(db, progress=progress)

    def end_epoch(self, epoch: int, values: Mapping[str, float], confusion: NDArray[np.int64]) -> None:
        """Record the values and the validation confusion matrix of an epoch, in one transaction."""
        with self._transaction() as db:
            records.add_metrics(db, self.run, epoch, values)
            records.add_confusion(db, self.run, "validation", epoch, confusion)
            self._set(db, epoch=epoch)

    def saved(self, file: Path) -> None:
        """Accept a complete file in the run's folder; there is nothing to do here, the folder is in the store."""

    def finish(self, epoch: int, test: Mapping[str, Any], confusion: NDArray[np.int64]) -> None:
        """Record the test metrics and that the run has finished."""
        with self._transaction() as db:
            records.add_confusion(db, self.run, "test", epoch, confusion)
            move(db, self.run, "finish", time.time(), error=None, test=json.dumps(test))

    def end(self, state: State, error: str | None = None) -> None:
        """Record that the run ended early, and why."""
        with self._transaction() as db:
            move(db, self.run, ENDS[state], time.time(), error=error)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self.database.write() as db:
            mine = db.execute(
                "SELECT 1 FROM runs WHERE id = ? AND state = 'running' AND attempt = ?", (self.run, self.number)
            ).fetchone()
            if mine is None:
                raise StaleAttemptError
            yield db

    def _set(self, db: sqlite3.Connection, **values: object) -> None:
        changes = ", ".join(f"{name} = ?" for name in values)
        db.execute(f"UPDATE runs SET {changes} WHERE id = ?", (*values.values(), self.run))
