"""What the worker of a run writes into the store, under the number of its attempt.

Every call is one transaction and raises `StaleAttemptError`, with nothing written, once the run is another attempt's or
has ended: of two workers that believe to have the same run only one can write.
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
    """One claim of one run.

    Args:
        database: where it is written.
        run: the run's number.
        number: which attempt this is.

    Raises:
        StaleAttemptError: from every call, if the run is not running any more or was claimed again.
        StoreError: from every call, if the store cannot be written.
    """

    def __init__(self, database: Database, run: int, number: int) -> None:
        self.database, self.run, self.number = database, run, number

    def take(self, pid: int, process: str) -> None:
        """Note which process works on it (see `processes.identity`). The first one to say so has it."""
        with self._transaction() as db:
            taken = db.execute(
                "UPDATE runs SET pid = ?, process = ?, heartbeat = ? WHERE id = ? AND coalesce(process, ?) = ?",
                (pid, process, time.time(), self.run, process, process),
            ).rowcount
            if not taken:
                raise StaleAttemptError

    def begin(self, device: str, version: str) -> None:
        """Note that training begins, where and by which code; time spent on imports before is not training."""
        with self._transaction() as db:
            self._set(db, started=time.time(), device=device, version=version)

    def restarted_at(self, epoch: float, progress: float, note: str | None = None) -> None:
        """Take back what an earlier attempt recorded after an epoch: training goes on from there."""
        with self._transaction() as db:
            records.drop_after(db, self.run, epoch)
            self._set(db, progress=progress, progress_before=progress, note=note)

    def heartbeat(self) -> bool:
        """Give a sign of life; whether the run is asked to stop."""
        with self._transaction() as db:
            self._set(db, heartbeat=time.time())
            row = db.execute("SELECT cancel_requested FROM runs WHERE id = ?", (self.run,)).fetchone()
        return row["cancel_requested"] is not None

    def is_asked_to_stop(self) -> bool:
        """The same without a sign of life, and without writing."""
        with self.database.read() as db:
            row = db.execute(
                "SELECT cancel_requested FROM runs WHERE id = ? AND state = 'running' AND attempt = ?",
                (self.run, self.number),
            ).fetchone()
        if row is None:
            raise StaleAttemptError
        return row["cancel_requested"] is not None

    def report(self, epoch: float, values: Mapping[str, float], progress: float) -> None:
        """Record values at a point in time, in epochs (1.5 = in the middle of the second), and the share of the run
        that is done; NaN is kept as NULL."""
        with self._transaction() as db:
            records.add_metrics(db, self.run, epoch, values)
            self._set(db, progress=progress)

    def end_epoch(self, epoch: int, values: Mapping[str, float], confusion: NDArray[np.int64]) -> None:
        """Record an epoch's values and its validation confusion matrix, all or none."""
        with self._transaction() as db:
            records.add_metrics(db, self.run, epoch, values)
            records.add_confusion(db, self.run, "validation", epoch, confusion)
            self._set(db, epoch=epoch)

    def saved(self, file: Path) -> None:
        """A file of the run's folder is whole; nothing is left to do where the folder is the store's own."""

    def finish(self, epoch: int, test: Mapping[str, Any], confusion: NDArray[np.int64]) -> None:
        """Record the test metrics and that the run is finished."""
        with self._transaction() as db:
            records.add_confusion(db, self.run, "test", epoch, confusion)
            move(db, self.run, "finish", time.time(), error=None, test=json.dumps(test))

    def end(self, state: State, error: str | None = None) -> None:
        """Record that the run ended before it was done, and why."""
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
