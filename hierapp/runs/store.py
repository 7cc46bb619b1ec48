"""Runs, metrics and confusion matrices: one SQLite file (WAL) and one folder a run.

Each thread has its own connections, so that a Store can be shared; other processes open their own by the folder.
What a run's state may become is decided in `states`; what a worker writes stands in `writer`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hierapp import paths
from hierapp.errors import ConfigError, StoreError
from hierapp.runs import records
from hierapp.runs.database import Database
from hierapp.runs.records import Part, Points, marks
from hierapp.runs.run import Run
from hierapp.runs.states import Event, State, move
from hierapp.runs.writer import SQLiteRunWriter
from hierapp.training import RunConfig
from hierapp.trees import LabelTree, formats as tree_formats

Place = Literal["first", "earlier", "later", "last"]
HIGHEST_PRIORITY = 100
IN_ORDER = "priority DESC, place, id"


@dataclass(frozen=True)
class Changes:
    """What was recorded since a cursor: the next cursor; for runs that went back to a checkpoint the epoch after which
    their earlier points are void; and the new rows (run, name, epoch, value)."""

    cursor: int
    cuts: dict[str, float]
    rows: list[tuple[str, str, float, float]]


class Store:
    """The runs under a folder, by default `hierapp.paths.home()`.

    Raises:
        StoreError: from any call, if the folder cannot be read or written or the file is no store.
        DiskFull: a StoreError; from any call that writes.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = (folder or paths.home()).absolute()
        self.database = Database(self.folder / "store.sqlite")

    # Runs

    def add(
        self,
        configs: Sequence[RunConfig],
        tree: LabelTree,
        owner: str | None = None,
        priority: int = 0,
        similarities: Sequence[str | None] | None = None,
        tags: Sequence[str] = (),
    ) -> list[str]:
        """Queue runs over one tree, all or none, each with these tags; their ids in order. `similarities` says for each
        of them what its option `similarity` stands for, as CSV; None, for the tree's own, by default."""
        text = tree_formats.render(tree, "json")
        similarities = similarities or [None] * len(configs)
        _check_priority(priority)
        with self.database.write() as db:
            kept_tree = records.keep_text(db, "trees", text)
            alike = {csv: records.keep_text(db, "similarities", csv) for csv in set(similarities) if csv is not None}
            place = float(db.execute("SELECT coalesce(max(place), 0) FROM runs").fetchone()[0])
            ids = [
                db.execute(
                    "INSERT INTO runs (state, config, tree, similarity, owner, created, priority, place, tags)"
                    " VALUES ('queued', ?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        config.model_dump_json(),
                        kept_tree,
                        None if csv is None else alike[csv],
                        owner,
                        time.time(),
                        priority,
                        place + number,
                        " ".join(tags),
                    ),
                ).lastrowid
                for number, (config, csv) in enumerate(zip(configs, similarities, strict=True), start=1)
            ]
        return [str(run) for run in ids]

    def runs(self, ids: Iterable[str] | None = None, states: Iterable[State] | None = None) -> list[Run]:
        """The runs, oldest first, all or those with these ids or in these states."""
        where: list[str] = []
        values: list[int | str] = []
        if ids is not None:
            wanted = [number_of(run) for run in ids]
            where.append(f"id IN ({marks(wanted)})")
            values += wanted
        if states is not None:
            allowed = list(states)
            where.append(f"state IN ({marks(allowed)})")
            values += allowed
        return self._select(f"WHERE {' AND '.join(['TRUE', *where])} ORDER BY id", values)

    def run(self, run: str) -> Run:
        """One run, or a StoreError that says how to list them."""
        found = self.runs([run])
        if not found:
            raise StoreError(f"There is no run {run!r}; list the runs with `python -m hierapp runs`.")
        return found[0]

    def counts(self) -> dict[State, int]:
        """How many runs there are in each state that has any."""
        with self.database.read() as db:
            return dict(db.execute("SELECT state, count(*) FROM runs GROUP BY state").fetchall())

    def is_work_left(self, running: bool = True) -> bool:
        """Whether a run waits that is not held, or, if asked for, one is running; without reading the runs."""
        going = "state = 'running' OR " if running else ""
        with self.database.read() as db:
            found = db.execute(f"SELECT 1 FROM runs WHERE {going}(state = 'queued' AND NOT held) LIMIT 1").fetchone()
        return found is not None

    def request_cancel(self, run: str) -> Run:
        """Cancel a waiting run at once and ask a running one to stop; an ended one stays as it is."""
        self.run(run)
        with self.database.write() as db:
            if not move(db, number_of(run), "cancel", time.time()):
                db.execute(
                    "UPDATE runs SET cancel_requested = coalesce(cancel_requested, ?)"
                    " WHERE id = ? AND state = 'running'",
                    (time.time(), number_of(run)),
                )
        return self.run(run)

    def resume(self, run: str) -> Run:
        """Queue a failed, cancelled or interrupted run again: it goes on from its last checkpoint.

        Raises:
            StoreError: if it is in another state.
        """
        before = self.run(run)
        with self.database.write() as db:
            moved = move(db, number_of(run), "resume", time.time(), lost_count=0, note=None)
        if not moved:
            raise StoreError(
                f"Run {before.id} is {before.state}; only a failed, cancelled or interrupted run can be resumed."
            )
        return self.run(run)

    # The queue

    def queue(self, limit: int = -1) -> list[Run]:
        """The waiting runs in the order in which they start, held ones among them; all, or the first ones."""
        return self._select(f"WHERE state = 'queued' ORDER BY {IN_ORDER} LIMIT ?", [limit])

    def hold(self, run: str) -> None:
        """Keep a waiting run from starting."""
        self._set_waiting(run, held=1)

    def release(self, run: str) -> None:
        """Let a held run start."""
        self._set_waiting(run, held=0)

    def set_priority(self, run: str, priority: int) -> None:
        """Waiting runs of a higher priority start first."""
        self._set_waiting(run, priority=_check_priority(priority))

    def move(self, run: str, to: Place) -> None:
        """Move a waiting run among those of its priority."""
        with self.database.write() as db:
            order = [
                (int(row["id"]), float(row["place"]))
                for row in db.execute(
                    "SELECT id, place FROM runs WHERE state = 'queued' AND priority ="
                    f" (SELECT priority FROM runs WHERE id = ?) ORDER BY {IN_ORDER}",
                    (number_of(run),),
                )
            ]
            ids = [number for number, _ in order]
            if number_of(run) not in ids:
                return
            at = ids.index(number_of(run))
            ids.insert({"first": 0, "earlier": max(at - 1, 0), "later": at + 1, "last": len(ids)}[to], ids.pop(at))
            # The same places, dealt anew: those that stand elsewhere in the queue are not touched.
            places = sorted(place for _, place in order)
            db.executemany("UPDATE runs SET place = ? WHERE id = ?", list(zip(places, ids, strict=True)))

    def claim(
        self, devices: Sequence[str] | None = None, launcher: str = "local", assigned_device: str | None = None
    ) -> Run | None:
        """Take the first waiting run that asks for one of these devices ("auto", "cpu", ...; by default any): it is
        running from now on, in one transaction; None when none waits."""
        wanted = "" if devices is None else f" AND json_extract(config, '$.device') IN ({marks(devices)})"
        with self.database.write() as db:
            row = db.execute(
                f"SELECT id FROM runs WHERE state = 'queued' AND NOT held{wanted} ORDER BY {IN_ORDER} LIMIT 1",
                devices or [],
            ).fetchone()
            if row is not None:
                move(db, row["id"], "claim", time.time(), launcher=launcher, assigned_device=assigned_device)
        return None if row is None else self.run(str(row["id"]))

    def unclaim(self, run: Run) -> bool:
        """Put a run back whose process never came to be."""
        return self._move(run, "unclaim")

    def lose(self, run: Run, error: str, again: bool = False) -> bool:
        """Record that a run's process is gone and why; `again` queues it at once to go on from its checkpoint."""
        with self.database.write() as db:
            moved = move(
                db,
                number_of(run.id),
                "lose",
                time.time(),
                attempt=run.attempt,
                error=error,
                lost_count=run.lost_count + 1,
            )
            if moved and again:
                move(db, number_of(run.id), "resume", time.time(), note=f"Goes on after a loss: {error}")
        return moved

    def stopped(self, run: Run) -> bool:
        """Record that a run which was asked to stop is gone."""
        return self._move(run, "stop")

    def writer(self, run: str) -> SQLiteRunWriter:
        """What a worker writes of a run, under the number of its present attempt."""
        return SQLiteRunWriter(self.database, number_of(run), self.run(run).attempt)

    # What runs recorded

    def metrics(self, ids: Iterable[str], metric: str | None = None) -> dict[str, Points]:
        """For each run and metric name the (epoch, value) pairs in order; of every metric, or of one."""
        with self.database.read() as db:
            return records.points(db, [number_of(run) for run in ids], metric)

    def metrics_since(self, cursor: int, ids: Iterable[str]) -> Changes:
        """What these runs recorded since an earlier call gave this cursor; 0 for everything."""
        wanted = [number_of(run) for run in ids]
        with self.database.read() as db:
            if cursor:
                return Changes(*records.new_points(db, cursor, wanted))
            last = records.last_number(db)
            every = records.points(db, wanted)
        return Changes(
            last, {}, [(run, name, *at) for run, names in every.items() for name, ats in names.items() for at in ats]
        )

    def confusion(self, run: str, part: Part, epoch: int | None = None) -> NDArray[np.int64] | None:
        """The confusion matrix [L, L] of an epoch, by default the last one; None if there is none yet."""
        with self.database.read() as db:
            return records.confusion(db, number_of(run), part, epoch)

    # Settings

    def setting(self, name: str) -> str | None:
        with self.database.read() as db:
            row = db.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row["value"])

    def set_setting(self, name: str, value: str) -> None:
        with self.database.write() as db:
            db.execute(
                "INSERT INTO settings VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                (name, value),
            )

    def _select(self, condition: str, values: Sequence[int | str]) -> list[Run]:
        with self.database.read() as db:
            rows = db.execute(f"SELECT * FROM runs {condition}", values).fetchall()
            trees = records.kept_texts(db, "trees", {row["tree"] for row in rows})
            similarities = records.kept_texts(db, "similarities", {row["similarity"] for row in rows})
        folder = self.folder / "runs"
        return [Run.of_row(row, trees[row["tree"]], similarities.get(row["similarity"]), folder) for row in rows]

    def _move(self, run: Run, event: Event) -> bool:
        with self.database.write() as db:
            return move(db, number_of(run.id), event, time.time(), attempt=run.attempt)

    def _set_waiting(self, run: str, **values: int) -> None:
        """Set columns of a run that waits; one that does not wait any more stays as it is."""
        self.run(run)
        changes = ", ".join(f"{name} = ?" for name in values)
        with self.database.write() as db:
            db.execute(
                f"UPDATE runs SET {changes} WHERE id = ? AND state = 'queued'", (*values.values(), number_of(run))
            )


def number_of(run: str) -> int:
    """A run's number in the tables; -1, which no run has, for what is none."""
    try:
        number = int(run)
    except ValueError:
        return -1
    return number if abs(number) < 2**63 else -1  # SQLite takes no larger ones


def _check_priority(priority: int) -> int:
    if not -HIGHEST_PRIORITY <= priority <= HIGHEST_PRIORITY:
        raise ConfigError(f"Expected a priority from {-HIGHEST_PRIORITY} to {HIGHEST_PRIORITY} but got {priority}.")
    return priority
