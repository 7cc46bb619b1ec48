"""Read metrics, confusion matrices and shared texts of runs, inside a transaction of the store."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Literal

from hierapp.metrics import counts
from hierapp.runs import schema

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Part = Literal["validation", "test"]
TextTable = Literal["trees", "similarities"]
Points = dict[str, list[tuple[float, float]]]  # (epoch, value) pairs of each metric, in order


def points(db: sqlite3.Connection, runs: Sequence[int], metrics: Collection[str] | None = None) -> dict[str, Points]:
    """Return all points of the given runs, of all metrics or of some."""
    found: dict[str, Points] = {str(run): {} for run in runs}
    some = () if metrics is None else tuple(metrics)
    only = "" if metrics is None else f" AND name IN ({marks(some)})"
    for run, name, epoch, value in db.execute(
        f"SELECT run, name, epoch, value FROM metrics WHERE run IN ({marks(runs)}){only} ORDER BY run, name, epoch",
        (*runs, *some),
    ):
        found[str(run)].setdefault(name, []).append((epoch, math.nan if value is None else float(value)))
    return found


def confusion(db: sqlite3.Connection, run: int, part: Part, epoch: int | None) -> csr_array | None:
    """Return the sparse confusion matrix [L, L] of an epoch, by default the last; None if there is none."""
    row = db.execute(
        "SELECT counts FROM confusions WHERE run = ? AND part = ? AND epoch = coalesce(?, epoch)"
        " ORDER BY epoch DESC LIMIT 1",
        (run, part, epoch),
    ).fetchone()
    return None if row is None else counts.of_bytes(row["counts"])


def last_number(db: sqlite3.Connection) -> int:
    """Return the highest number ever assigned to a row of metrics.

    The number of the last row is no substitute: it decreases when rows are deleted, and a reader whose cursor is past
    it would miss the next cut.
    """
    row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'metrics'").fetchone()
    return 0 if row is None else int(row["seq"])


def new_points(
    db: sqlite3.Connection, cursor: int, runs: Sequence[int]
) -> tuple[int, dict[str, float], list[tuple[str, str, float, float]]]:
    """Return what was recorded since the cursor: the new cursor, the epochs after which points are void, and the rows.

    Rows are selected by number, so that the cost depends only on the number of new rows.
    """
    last = last_number(db)
    cuts = {
        str(row["id"]): float(row["cut_epoch"])
        for row in db.execute(
            f"SELECT id, cut_epoch FROM runs WHERE id IN ({marks(runs)}) AND cut_seq >= ?", [*runs, cursor]
        )
    }
    wanted = set(runs)
    rows = [
        (str(row["run"]), str(row["name"]), float(row["epoch"]), _value(row))
        for row in db.execute("SELECT run, name, epoch, value FROM metrics WHERE seq > ? ORDER BY seq", (cursor,))
        if row["run"] in wanted
    ]
    return last, cuts, rows


def _value(row: sqlite3.Row) -> float:
    return math.nan if row["value"] is None else float(row["value"])


def keep_text(db: sqlite3.Connection, table: TextTable, text: str) -> str:
    """Store a text that many runs share, once; return the hash that identifies it."""
    key = schema.tree_hash(text)
    db.execute(f"INSERT OR IGNORE INTO {table} VALUES (?, ?)", (key, text))
    return key


def kept_texts(db: sqlite3.Connection, table: TextTable, hashes: Collection[str | None]) -> dict[str, str]:
    """Return the texts by hash; None values are ignored."""
    wanted = [key for key in hashes if key is not None]
    return dict(db.execute(f"SELECT hash, text FROM {table} WHERE hash IN ({marks(wanted)})", wanted).fetchall())


def marks(values: Sequence[object]) -> str:
    """Return the SQL placeholders for a list of values."""
    return ", ".join("?" * len(values))
