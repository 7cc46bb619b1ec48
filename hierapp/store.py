"""Runs, metrics and confusion matrices: one SQLite file (WAL) and one folder a run.

Each thread has its own connection, so that a Store can be shared; other processes open their own by the folder.
What a run's state may become is decided here and nowhere else:

    queued -> running -> finished | failed | cancelled | interrupted
    queued -> cancelled
"""

from __future__ import annotations

import json
import math
import sqlite3
import time
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hierapp import paths, tree_formats
from hierapp.config import RunConfig
from hierapp.database import Database
from hierapp.errors import StoreError
from hierapp.tree import LabelTree

State = Literal["queued", "running", "finished", "failed", "cancelled", "interrupted"]
Part = Literal["validation", "test"]
OPEN_STATES: tuple[State, ...] = ("queued", "running")


@dataclass(frozen=True)
class Run:
    """One row of the store as it stood when it was read; times in seconds since 1970, progress from 0 to 1."""

    id: str
    state: State
    config: RunConfig
    tree_text: str
    created: float
    started: float | None
    ended: float | None
    pid: int | None
    pid_started: float | None
    device: str | None
    version: str | None
    epoch: int
    progress: float
    cancel_requested: float | None
    error: str | None
    test: dict[str, Any] | None
    folder: Path

    @cached_property
    def tree(self) -> LabelTree:
        """The tree that the run was queued with."""
        return tree_formats.parse(self.tree_text, "json")

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_STATES

    @property
    def seconds_left(self) -> float | None:
        """What the run still takes if it goes on as so far; None until that can be told."""
        if self.state != "running" or self.started is None or self.progress <= 0:
            return None
        return (time.time() - self.started) * (1 - self.progress) / self.progress


class Store:
    """The runs under a folder, by default `hierapp.paths.home()`.

    Raises:
        StoreError: from any call, if the folder cannot be read or written or the file is no store.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = (folder or paths.home()).absolute()
        self._database = Database(self.folder / "store.sqlite")

    # Runs

    def add(self, configs: Sequence[RunConfig], tree: LabelTree) -> list[str]:
        """Queue runs over one tree, all or none; their ids in order."""
        text = tree_formats.render(tree, "json")
        with self._database.write() as db:
            ids = [
                db.execute(
                    "INSERT INTO runs (state, config, tree, created) VALUES ('queued', ?, ?, ?)",
                    (config.model_dump_json(), text, time.time()),
                ).lastrowid
                for config in configs
            ]
        return [str(run) for run in ids]

    def runs(self, ids: Iterable[str] | None = None, states: Iterable[State] | None = None) -> list[Run]:
        """The runs, oldest first, all or those with these ids or in these states."""
        where: list[str] = []
        values: list[int | str] = []
        if ids is not None:
            wanted = list(ids)
            where.append(f"id IN ({_marks(wanted)})")
            values += [_number(run) for run in wanted]
        if states is not None:
            allowed = list(states)
            where.append(f"state IN ({_marks(allowed)})")
            values += allowed
        with self._database.read() as db:
            condition = f"WHERE {' AND '.join(where)}" if where else ""
            return [self._run(row) for row in db.execute(f"SELECT * FROM runs {condition} ORDER BY id", values)]

    def run(self, run: str) -> Run:
        """One run, or a StoreError that says how to list them."""
        found = self.runs([run])
        if not found:
            raise StoreError(f"There is no run {run!r}; list the runs with `python -m hierapp runs`.")
        return found[0]

    def claim(self) -> Run | None:
        """Take the oldest queued run: it is running from now on, in one transaction; None when none waits."""
        with self._database.write() as db:
            row = db.execute(
                "UPDATE runs SET state = 'running', started = ? WHERE id ="
                " (SELECT id FROM runs WHERE state = 'queued' ORDER BY id LIMIT 1) RETURNING *",
                (time.time(),),
            ).fetchone()
        return None if row is None else self._run(row)

    def set_process(self, run: str, pid: int, pid_started: float | None) -> None:
        """Note which process runs it."""
        with self._database.write() as db:
            db.execute("UPDATE runs SET pid = ?, pid_started = ? WHERE id = ?", (pid, pid_started, _number(run)))

    def set_start(self, run: str, device: str, version: str) -> None:
        """Note that training begins, where and by which code; time spent on imports before is not training."""
        with self._database.write() as db:
            db.execute(
                "UPDATE runs SET started = ?, device = ?, version = ? WHERE id = ?",
                (time.time(), device, version, _number(run)),
            )

    def end(self, run: str, state: State, error: str | None = None, test: Mapping[str, Any] | None = None) -> bool:
        """End a running run; False, and nothing changed, if it had ended already."""
        done = 1.0 if state == "finished" else None
        with self._database.write() as db:
            changed = db.execute(
                "UPDATE runs SET state = ?, error = ?, test = ?, ended = ?, progress = coalesce(?, progress)"
                " WHERE id = ? AND state = 'running'",
                (state, error, None if test is None else json.dumps(test), time.time(), done, _number(run)),
            ).rowcount
        return changed == 1

    def request_cancel(self, run: str) -> Run:
        """Cancel a waiting run at once and ask a running one to stop; an ended one stays as it is."""
        self.run(run)
        with self._database.write() as db:
            db.execute(
                "UPDATE runs SET state = 'cancelled', ended = ? WHERE id = ? AND state = 'queued'",
                (time.time(), _number(run)),
            )
            db.execute(
                "UPDATE runs SET cancel_requested = coalesce(cancel_requested, ?) WHERE id = ? AND state = 'running'",
                (time.time(), _number(run)),
            )
        return self.run(run)

    def is_cancel_requested(self, run: str) -> bool:
        with self._database.read() as db:
            row = db.execute("SELECT cancel_requested FROM runs WHERE id = ?", (_number(run),)).fetchone()
        return row is not None and row["cancel_requested"] is not None

    # What runs record

    def report(self, run: str, epoch: float, values: Mapping[str, float], progress: float) -> None:
        """Record values at a point in time, in epochs (1.5 = in the middle of the second), and the share of the run
        that is done; NaN is kept as NULL."""
        with self._database.write() as db:
            _insert_metrics(db, _number(run), epoch, values)
            db.execute("UPDATE runs SET progress = ? WHERE id = ?", (progress, _number(run)))

    def end_epoch(self, run: str, epoch: int, values: Mapping[str, float], confusion: NDArray[np.int64]) -> None:
        """Record an epoch's values and its validation confusion matrix, all or none."""
        with self._database.write() as db:
            _insert_metrics(db, _number(run), epoch, values)
            _insert_confusion(db, _number(run), "validation", epoch, confusion)
            db.execute("UPDATE runs SET epoch = ? WHERE id = ?", (epoch, _number(run)))

    def add_test_confusion(self, run: str, epoch: int, confusion: NDArray[np.int64]) -> None:
        with self._database.write() as db:
            _insert_confusion(db, _number(run), "test", epoch, confusion)

    def metrics(self, ids: Iterable[str]) -> dict[str, dict[str, list[tuple[float, float]]]]:
        """For each run and metric name the (epoch, value) pairs in order."""
        wanted = [_number(run) for run in ids]
        found: dict[str, dict[str, list[tuple[float, float]]]] = {str(run): {} for run in wanted}
        with self._database.read() as db:
            for row in db.execute(
                f"SELECT * FROM metrics WHERE run IN ({_marks(wanted)}) ORDER BY run, name, epoch",
                wanted,
            ):
                value = math.nan if row["value"] is None else row["value"]
                found[str(row["run"])].setdefault(row["name"], []).append((row["epoch"], value))
        return found

    def confusion(self, run: str, part: Part, epoch: int | None = None) -> NDArray[np.int64] | None:
        """The confusion matrix [L, L] of an epoch, by default the last one; None if there is none yet."""
        with self._database.read() as db:
            row = db.execute(
                "SELECT counts FROM confusions WHERE run = ? AND part = ? AND epoch = coalesce(?, epoch)"
                " ORDER BY epoch DESC LIMIT 1",
                (_number(run), part, epoch),
            ).fetchone()
        if row is None:
            return None
        flat = np.frombuffer(zlib.decompress(row["counts"]), "<i4").astype(np.int64)
        return flat.reshape(math.isqrt(len(flat)), -1)

    # Settings

    def setting(self, name: str) -> str | None:
        with self._database.read() as db:
            row = db.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row["value"])

    def set_setting(self, name: str, value: str) -> None:
        with self._database.write() as db:
            db.execute(
                "INSERT INTO settings VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                (name, value),
            )

    def _run(self, row: sqlite3.Row) -> Run:
        fields = dict(row)
        run = str(fields.pop("id"))
        fields["tree_text"] = fields.pop("tree")
        # Checked when it was queued; a registry that has changed since must not hide the run.
        fields["config"] = RunConfig.model_construct(**json.loads(fields["config"]))
        fields["test"] = json.loads(fields["test"]) if fields["test"] else None
        return Run(id=run, folder=self.folder / "runs" / run, **fields)


def _insert_metrics(db: sqlite3.Connection, run: int, epoch: float, values: Mapping[str, float]) -> None:
    db.executemany(
        "INSERT OR REPLACE INTO metrics VALUES (?, ?, ?, ?)",
        [(run, name, epoch, None if math.isnan(value) else value) for name, value in values.items()],
    )


def _insert_confusion(db: sqlite3.Connection, run: int, part: Part, epoch: int, confusion: NDArray[np.int64]) -> None:
    blob = zlib.compress(confusion.astype("<i4").tobytes())
    db.execute("INSERT OR REPLACE INTO confusions VALUES (?, ?, ?, ?)", (run, part, epoch, blob))


def _number(run: str) -> int:
    try:
        number = int(run)
    except ValueError:
        return -1  # the id of no run
    return number if abs(number) < 2**63 else -1  # SQLite takes no larger ones


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))
