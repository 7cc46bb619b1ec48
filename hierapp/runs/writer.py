"""Write the progress of a run into the store, under the number of its attempt.

Each call is one transaction. It raises `StaleAttemptError` and writes nothing once the run has a newer attempt or has
ended: if two workers believe that they own a run, only one can write. A call may arrive twice, if it was sent from
another machine and the answer was lost: repeated by the same attempt, it changes nothing and succeeds.
"""

from __future__ import annotations

import json
import math
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from hierapp.errors import StaleAttemptError
from hierapp.metrics import counts
from hierapp.runs import records
from hierapp.runs.database import Database
from hierapp.runs.records import Part
from hierapp.runs.states import ENDS, State, move
from hierapp.training.recorder import Confusion, EarlyEnd, RunWriter
from hierapp.utils import files


class SQLiteRunWriter(RunWriter):
    """The writer for one attempt of a run in the store on this machine.

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
        self.folder = database.folder / "runs" / str(run)

    def take(self, pid: int, process: str) -> None:
        with self._transaction() as db:
            taken = db.execute(
                "UPDATE runs SET pid = ?, process = ?, heartbeat = ? WHERE id = ? AND coalesce(process, ?) = ?",
                (pid, process, time.time(), self.run, process, process),
            ).rowcount
            if not taken:
                raise StaleAttemptError

    def begin(self, device: str, version: str) -> None:
        with self._transaction() as db:
            self._set(db, started=time.time(), device=device, version=version)

    def restarted_at(self, epoch: float, progress: float, note: str | None = None) -> None:
        with self._transaction() as db:
            drop_after(db, self.run, epoch)
            self._set(db, progress=progress, progress_before=progress, note=note)

    def heartbeat(self) -> bool:
        with self._transaction() as db:
            self._set(db, heartbeat=time.time())
            row = db.execute("SELECT cancel_requested FROM runs WHERE id = ?", (self.run,)).fetchone()
        return row["cancel_requested"] is not None

    def is_asked_to_stop(self) -> bool:
        with self.database.read() as db:
            row = db.execute(
                "SELECT cancel_requested FROM runs WHERE id = ? AND state = 'running' AND attempt = ?",
                (self.run, self.number),
            ).fetchone()
        if row is None:
            raise StaleAttemptError
        return row["cancel_requested"] is not None

    def report(self, epoch: float, values: Mapping[str, float], progress: float) -> None:
        with self._transaction() as db:
            add_metrics(db, self.run, epoch, values)
            self._set(db, progress=progress)

    def end_epoch(self, epoch: int, values: Mapping[str, float], confusion: Confusion | None) -> None:
        with self._transaction() as db:
            add_metrics(db, self.run, epoch, values)
            if confusion is not None:
                add_confusion(db, self.run, "validation", epoch, confusion)
            self._set(db, epoch=epoch)

    def finish(self, epoch: int, test: Mapping[str, Any], confusion: Confusion | None) -> None:
        with self._end_as("finished") as db:
            if db is not None and confusion is not None:
                add_confusion(db, self.run, "test", epoch, confusion)
            if db is not None:
                move(db, self.run, "finish", time.time(), error=None, test=json.dumps(test))
        for file in self.folder.glob("checkpoint.*"):
            file.unlink(missing_ok=True)

    def end(self, state: EarlyEnd, error: str | None = None) -> None:
        with self._end_as(state) as db:
            if db is not None:
                move(db, self.run, ENDS[state], time.time(), error=error)

    # Files

    def saved(self, file: Path) -> None:
        """There is nothing to do here: the file is in the store's folder."""

    def save_file(self, name: str, content: bytes, before: str | None = None) -> None:
        """Write a file of the run atomically, for a worker on another machine.

        Args:
            name: the name of the file in the run's folder.
            content: the content of the file.
            before: the new name of an existing file of this name; by default it is replaced.
        """
        self.is_asked_to_stop()  # raises before anything is written
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.folder / Path(name).name
        with files.staged(file) as side:
            files.write_new(content, side)
            # Inside the transaction, so that no other attempt can start between the ownership check and the rename.
            with self._transaction():
                if before is not None and file.exists():
                    file.replace(file.with_name(Path(before).name))
                side.replace(file)

    def checkpoints(self) -> dict[str, bytes]:
        """Return the checkpoints of the run by file name, for a worker on another machine."""
        self.is_asked_to_stop()
        return {file.name: file.read_bytes() for file in sorted(self.folder.glob("checkpoint*.safetensors"))}

    def log(self, text: str) -> None:
        """Append to the run's log, even after the run has ended, unless a newer attempt writes there."""
        with self.database.read() as db:
            if self._place(db)[1] != self.number:
                return
        with suppress(OSError):  # errors while writing the log are ignored
            self.folder.mkdir(parents=True, exist_ok=True)
            with (self.folder / "log.txt").open("a") as log:
                log.write(text)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self.database.write() as db:
            if self._place(db) != ("running", self.number):
                raise StaleAttemptError
            yield db

    @contextmanager
    def _end_as(self, state: State) -> Iterator[sqlite3.Connection | None]:
        """A transaction to end the run in; None if this attempt has already ended it in this state."""
        with self.database.write() as db:
            found = self._place(db)
            if found not in (("running", self.number), (state, self.number)):
                raise StaleAttemptError
            yield db if found[0] == "running" else None

    def _place(self, db: sqlite3.Connection) -> tuple[State, int]:
        row = db.execute("SELECT state, attempt FROM runs WHERE id = ?", (self.run,)).fetchone()
        if row is None:
            raise StaleAttemptError
        return row["state"], row["attempt"]

    def _set(self, db: sqlite3.Connection, **values: object) -> None:
        changes = ", ".join(f"{name} = ?" for name in values)
        db.execute(f"UPDATE runs SET {changes} WHERE id = ?", (*values.values(), self.run))


def add_metrics(db: sqlite3.Connection, run: int, epoch: float, values: Mapping[str, float]) -> None:
    """Record values at an epoch; earlier values of the same epoch are replaced. NaN is stored as NULL."""
    stored = {name: None if math.isnan(value) else value for name, value in values.items()}
    db.executemany(
        "INSERT OR REPLACE INTO metrics (run, name, epoch, value) VALUES (?, ?, ?, ?)",
        [(run, name, epoch, value) for name, value in stored.items()],
    )
    row = db.execute("SELECT last FROM runs WHERE id = ?", (run,)).fetchone()
    if row is not None:
        db.execute("UPDATE runs SET last = ? WHERE id = ?", (json.dumps(json.loads(row["last"]) | stored), run))


def add_confusion(db: sqlite3.Connection, run: int, part: Part, epoch: int, confusion: Confusion) -> None:
    """Record a confusion matrix [L, L]; an earlier one of the same part and epoch is replaced."""
    values = (run, part, epoch, counts.to_bytes(confusion))
    db.execute("INSERT OR REPLACE INTO confusions VALUES (?, ?, ?, ?)", values)


def drop_after(db: sqlite3.Connection, run: int, epoch: float) -> None:
    """Delete what was recorded after an epoch, because training continues from there."""
    latest = records.last_number(db)
    gone = db.execute("DELETE FROM metrics WHERE run = ? AND epoch > ?", (run, epoch)).rowcount
    gone += db.execute("DELETE FROM confusions WHERE run = ? AND epoch > ?", (run, epoch)).rowcount
    if gone:
        rows = db.execute("SELECT name, value, max(epoch) FROM metrics WHERE run = ? GROUP BY name", (run,)).fetchall()
        db.execute(
            "UPDATE runs SET last = ?, cut_seq = ?, cut_epoch = ? WHERE id = ?",
            (json.dumps({row["name"]: row["value"] for row in rows}), latest, epoch, run),
        )
    db.execute("UPDATE runs SET epoch = min(epoch, ?) WHERE id = ?", (int(epoch), run))
