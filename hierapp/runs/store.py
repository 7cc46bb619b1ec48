"""The store of runs, metrics and confusion matrices: one SQLite file (WAL) and one folder per run.

Threads can share a Store, because each thread has its own connections; other processes open the folder themselves.
Transitions between states are in `states`; what a worker writes is in `writer`.
"""

from __future__ import annotations

import sqlite3
import time
import weakref
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from hierapp import paths
from hierapp.data.content import UNKNOWN, ContentHashes
from hierapp.errors import ConfigError, StoreError
from hierapp.runs import data_folders, records
from hierapp.runs.database import Database
from hierapp.runs.records import Part, Points, marks
from hierapp.runs.run import Run
from hierapp.runs.states import Event, State, move
from hierapp.runs.writer import SQLiteRunWriter
from hierapp.training import RunConfig
from hierapp.trees import LabelTree, formats as tree_formats
from hierapp.utils.recent import Recent

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Place = Literal["first", "earlier", "later", "last"]
HIGHEST_PRIORITY = 100
MOST_KEPT, LARGEST_KEPT = 4_000, 20_000  # runs that are kept in memory, and characters of their test metrics
SHORT = 200  # characters; of longer texts only the hash is kept
IN_ORDER = "priority DESC, place, id"


@dataclass(frozen=True)
class Changes:
    """What was recorded since a cursor: the next cursor; for each run that returned to a checkpoint, the epoch after
    which its earlier points are void; and the new rows (run, name, epoch, value)."""

    cursor: int
    cuts: dict[str, float]
    rows: list[tuple[str, str, float, float]]


class Store:
    """The runs under a folder, by default `hierapp.paths.home()`.

    Args:
        folder: the folder.
        pinned: whether it must stay the same one; see `Database`.

    Raises:
        StoreError: from any call, if the folder cannot be read or written or the file is not a store.
        DiskFull: from any call that writes, if the disk is full; a subclass of StoreError.
    """

    def __init__(self, folder: Path | None = None, pinned: bool = False) -> None:
        self.folder = (folder or paths.home()).absolute()
        self.database = Database(self.folder / "store.sqlite", pinned)
        # By number, what a run was made from, and the run while it is in memory.
        self._known: dict[int, tuple[tuple[object, ...], Callable[[], Run | None]]] = {}
        self._every: Recent[list[Callable[[], Run | None]]] = Recent(most=1)  # of the current version

    # Runs

    def add(
        self,
        configs: Sequence[RunConfig],
        tree: LabelTree,
        owner: str | None = None,
        priority: int = 0,
        similarities: Sequence[str | None] | None = None,
        tags: Sequence[str] = (),
        contents: Mapping[str, ContentHashes] | None = None,
        data_folder: Path | None = None,
    ) -> list[str]:
        """Queue runs with one tree and the same tags, all or none; return their ids in order. `similarities` holds the
        similarity matrix of each run as CSV; None, the default, stands for the similarity of the tree. `contents` holds
        the content of each data set by its name; that of others is unknown. `data_folder` is where the data sets
        are."""
        text = tree_formats.render(tree, "json")
        similarities = similarities or [None] * len(configs)
        _check_priority(priority)
        with self.database.write() as db:
            kept_tree = records.keep_text(db, "trees", text)
            alike = {csv: records.keep_text(db, "similarities", csv) for csv in set(similarities) if csv is not None}
            place = float(db.execute("SELECT coalesce(max(place), 0) FROM runs").fetchone()[0])
            ids = [
                db.execute(
                    "INSERT INTO runs (state, config, tree, similarity, train_hash, test_hash, owner, created,"
                    " priority, place, tags) VALUES ('queued', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        config.model_dump_json(),
                        kept_tree,
                        None if csv is None else alike[csv],
                        *(contents or {}).get(config.data, UNKNOWN),
                        owner,
                        time.time(),
                        priority,
                        place + number,
                        " ".join(tags),
                    ),
                ).lastrowid
                for number, (config, csv) in enumerate(zip(configs, similarities, strict=True), start=1)
            ]
            if data_folder is not None:
                data_folders.keep(db, ids, data_folder)
        return [str(run) for run in ids]

    def runs(
        self, ids: Iterable[str] | None = None, states: Iterable[State] | None = None, deleted: bool | None = False
    ) -> list[Run]:
        """Return all runs, or those with these ids or in these states, oldest first; without those in the trash, with
        `deleted` only those in the trash, with None both."""
        if ids is None and states is None and deleted is False:
            return self._all()
        where = {False: ["deleted IS NULL"], True: ["deleted IS NOT NULL"], None: list[str]()}[deleted]
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

    def _all(self) -> list[Run]:
        """Return all runs outside the trash; they are read only if something was committed since the last call, because
        the pages of all visitors ask for them each second."""

        just_read: list[Run] = []

        def read() -> list[Callable[[], Run | None]]:
            just_read[:] = self._select("WHERE deleted IS NULL ORDER BY id", [])
            # Large runs are held only while somebody uses them, as in `_run`.
            return [self._known.get(number_of(run.id), (None, weakref.ref(run)))[1] for run in just_read]

        version = self.database.version()
        found = None if version is None else [hold() for hold in self._every.get(version, read)]
        if just_read:
            return just_read
        known = [run for run in found or () if run is not None]
        if found is None or len(known) < len(found):
            read()
            return just_read
        return known

    def run(self, run: str) -> Run:
        """Return one run; raise a StoreError, which says what to do, if it does not exist or is in the trash."""
        found = self.runs([run], deleted=None)
        if not found:
            raise StoreError(f"There is no run {run!r}; list the runs with `python -m hierapp runs`.")
        if found[0].deleted is not None:
            raise StoreError(
                f"Run {found[0].id} is in the trash; restore it with `python -m hierapp restore {found[0].id}` or under"
                " Trash on the Runs page."
            )
        return found[0]

    def counts(self) -> dict[State, int]:
        """Return the number of runs in each state, without the trash; states without runs are left out."""
        with self.database.read() as db:
            rows = db.execute("SELECT state, count(*) FROM runs WHERE deleted IS NULL GROUP BY state").fetchall()
        return dict(rows)

    def is_work_left(self, running: bool = True) -> bool:
        """Return whether a run waits that is not held or, with `running`, a run is running; does not read the runs."""
        going = "state = 'running' OR " if running else ""
        with self.database.read() as db:
            found = db.execute(f"SELECT 1 FROM runs WHERE {going}(state = 'queued' AND NOT held) LIMIT 1").fetchone()
        return found is not None

    def request_cancel(self, run: str) -> Run:
        """Cancel a waiting run, or ask a running one to stop; a run that has ended does not change."""
        self.run(run)
        with self.database.write() as db:
            if not move(db, number_of(run), "cancel", time.time()):
                db.execute(
                    "UPDATE runs SET cancel_requested = coalesce(cancel_requested, ?)"
                    " WHERE id = ? AND state = 'running'",
                    (time.time(), number_of(run)),
                )
        return self.run(run)

    def resume(self, run: str, data_folder: Path | None = None) -> Run:
        """Queue a failed, cancelled or interrupted run again; it continues from its last checkpoint. `data_folder` is
        where the data set is, by default where it was.

        Raises:
            StoreError: if it is in another state.
        """
        before = self.run(run)
        with self.database.write() as db:
            moved = move(db, number_of(run), "resume", time.time(), lost_count=0, note=None)
            if moved and data_folder is not None:
                data_folders.keep(db, [before.id], data_folder)
        if not moved and before.origin != "trained":
            raise StoreError(f"Run {before.id} was not trained by hierapp, so it cannot be resumed; track a new run.")
        if not moved:
            raise StoreError(
                f"Run {before.id} is {before.state}; only a failed, cancelled or interrupted run can be resumed."
            )
        return self.run(run)

    # The queue

    def queue(self, limit: int = -1) -> list[Run]:
        """Return the waiting runs, including held ones, in the order of the queue; with `limit`, the first ones."""
        return self._select(f"WHERE state = 'queued' ORDER BY {IN_ORDER} LIMIT ?", [limit])

    def hold(self, run: str) -> None:
        """Hold a waiting run, so that it does not start."""
        self._set_waiting(run, held=1)

    def release(self, run: str) -> None:
        """Release a held run, so that it can start."""
        self._set_waiting(run, held=0)

    def set_priority(self, run: str, priority: int) -> None:
        """Set the priority of a waiting run; runs of higher priority start first."""
        self._set_waiting(run, priority=_check_priority(priority))

    def move(self, run: str, to: Place) -> None:
        """Move a waiting run among the runs of its priority."""
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
            # Reassign the same places, so that the other runs in the queue are not changed.
            places = sorted(place for _, place in order)
            db.executemany("UPDATE runs SET place = ? WHERE id = ?", list(zip(places, ids, strict=True)))

    def claim(
        self, devices: Sequence[str] | None = None, launcher: str = "local", assigned_device: str | None = None
    ) -> Run | None:
        """Claim the first waiting run that asks for one of these devices ("auto", "cpu", ...; by default any) and mark
        it as running, in one transaction; return None if no such run waits."""
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
        """Return a run whose process never started to the queue."""
        return self._move(run, "unclaim")

    def lose(self, run: Run, error: str, again: bool = False) -> bool:
        """Record that the process of a run is gone, and why; with `again`, queue it to continue from its checkpoint."""
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
                move(db, number_of(run.id), "resume", time.time(), note=f"Resumed after an interruption: {error}")
        return moved

    def stopped(self, run: Run) -> bool:
        """Record that the process of a run that was asked to stop is gone."""
        return self._move(run, "stop")

    def writer(self, run: str) -> SQLiteRunWriter:
        """Return the writer for the current attempt of a run."""
        return SQLiteRunWriter(self.database, number_of(run), self.run(run).attempt)

    # Recorded values

    def metrics(self, ids: Iterable[str], metric: str | None = None) -> dict[str, Points]:
        """Return the (epoch, value) pairs of each run and metric, in order; of all metrics, or of one."""
        with self.database.read() as db:
            return records.points(db, [number_of(run) for run in ids], None if metric is None else [metric])

    def metrics_since(self, cursor: int, ids: Iterable[str], names: Collection[str] | None = None) -> Changes:
        """Return what these runs recorded since the call that returned this cursor, of all metrics or of some; 0
        selects everything."""
        wanted = [number_of(run) for run in ids]
        with self.database.read() as db:
            if cursor:
                last, cuts, rows = records.new_points(db, cursor, wanted)
                return Changes(last, cuts, [row for row in rows if names is None or row[1] in names])
            last = records.last_number(db)
            every = records.points(db, wanted, names)
        rows = [(run, name, *at) for run, by_name in every.items() for name, ats in by_name.items() for at in ats]
        return Changes(last, {}, rows)

    def confusion(self, run: str, part: Part, epoch: int | None = None) -> csr_array | None:
        """Return the sparse confusion matrix [L, L] of an epoch, by default the last; None if there is none."""
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
        return [self._run(row, trees[row["tree"]], similarities.get(row["similarity"])) for row in rows]

    def _run(self, row: sqlite3.Row, tree: str, similarity: str | None) -> Run:
        """Return the run of a row; the same object as before if nothing of the row has changed.

        The pages of all visitors read all runs again and again, and most runs have ended. Large runs stay only while
        somebody uses them; but all who do have the same one, because each session holds the runs that it shows.
        """
        number, values = int(row["id"]), tuple(row)
        is_large = similarity is not None or len(row["test"] or "") > LARGEST_KEPT
        if is_large:
            values = tuple(hash(each) if isinstance(each, str) and len(each) > SHORT else each for each in values)
        made_from, kept = self._known.get(number, (None, None))
        if kept is not None and made_from == values and (known := kept()) is not None and known.tree_text == tree:
            return known
        run = Run.of_row(row, tree, similarity, self.folder / "runs")
        if len(self._known) >= MOST_KEPT:
            self._known.clear()
        self._known[number] = values, weakref.ref(run) if is_large else lambda: run
        return run

    def _move(self, run: Run, event: Event) -> bool:
        with self.database.write() as db:
            return move(db, number_of(run.id), event, time.time(), attempt=run.attempt)

    def _set_waiting(self, run: str, **values: int) -> None:
        """Set columns of a waiting run; a run in another state does not change."""
        self.run(run)
        changes = ", ".join(f"{name} = ?" for name in values)
        with self.database.write() as db:
            db.execute(
                f"UPDATE runs SET {changes} WHERE id = ? AND state = 'queued'", (*values.values(), number_of(run))
            )


def number_of(run: str) -> int:
    """Return the number of a run in the tables; -1, which no run has, for an invalid id."""
    try:
        number = int(run)
    except ValueError:
        return -1
    return number if abs(number) < 2**63 else -1  # the range of SQLite's integers


def _check_priority(priority: int) -> int:
    if not -HIGHEST_PRIORITY <= priority <= HIGHEST_PRIORITY:
        raise ConfigError(f"Expected a priority from {-HIGHEST_PRIORITY} to {HIGHEST_PRIORITY} but got {priority}.")
    return priority
