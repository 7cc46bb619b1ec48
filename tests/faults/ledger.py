"""What became of runs, noted by the store's file itself: triggers miss nothing that a look now and then would."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Any

from safetensors.numpy import load_file

from hierapp.runs import Store

NOW = "(julianday('now') - 2440587.5) * 86400.0"
# What a clock measured; everything else that a run records is the same whenever it is trained.
MEASURED = ("images_per_second", "epoch_seconds")


@dataclass(frozen=True)
class Change:
    """A run changed its state; `at` in seconds since 1970, to the millisecond."""

    run: str
    before: str
    after: str
    at: float


class Ledger:
    """Notes each change of a run's state, and from where each attempt began.

    Args:
        store: a store with its tables made.
    """

    def __init__(self, store: Store) -> None:
        self.file = store.folder / "store.sqlite"
        with self._open() as db:
            db.executescript(
                f"""
                CREATE TABLE test_changes (run, before, after, at);
                CREATE TRIGGER test_change AFTER UPDATE OF state ON runs BEGIN
                    INSERT INTO test_changes VALUES (new.id, old.state, new.state, {NOW});
                END;
                CREATE TABLE test_begins (run, epoch, at);
                CREATE TRIGGER test_begin AFTER UPDATE OF progress_before ON runs BEGIN
                    INSERT INTO test_begins VALUES
                        (new.id, new.progress_before * json_extract(new.config, '$.epochs'), {NOW});
                END;
                """
            )

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self.file, timeout=30)

    def changes(self) -> list[Change]:
        with self._open() as db:
            return [Change(str(run), *rest) for run, *rest in db.execute("SELECT * FROM test_changes ORDER BY rowid")]

    def begins(self) -> list[tuple[str, float, float]]:
        """(run, epoch, at): where training began or went on."""
        with self._open() as db:
            return [(str(run), *rest) for run, *rest in db.execute("SELECT * FROM test_begins ORDER BY rowid")]

    def reached(self, run: str) -> float:
        """The last epoch of which something is recorded."""
        with self._open() as db:
            return float(
                db.execute("SELECT coalesce(max(epoch), 0) FROM metrics WHERE run = ?", (int(run),)).fetchone()[0]
            )


def recorded(store: Store, run: str) -> dict[str, Any]:
    """All that is kept of a run and does not depend on how long it took."""
    with sqlite3.connect(store.folder / "store.sqlite", timeout=30) as db:
        rows = db.execute("SELECT name, epoch, value FROM metrics WHERE run = ? ORDER BY 1, 2", (int(run),)).fetchall()
        matrices = db.execute(
            "SELECT part, epoch, counts FROM confusions WHERE run = ? ORDER BY 1, 2", (int(run),)
        ).fetchall()
    kept = store.run(run)
    return {
        "config": kept.config,
        "metrics": [(name, epoch, None if name in MEASURED else value) for name, epoch, value in rows],
        "confusions": matrices,
        "test": kept.test,
        "epoch": kept.epoch,
        "last": {name: value for name, value in kept.last.items() if name not in MEASURED},
        # Not the file's bytes: safetensors writes the words about the tensors in any order.
        "weights": {name: weight.tobytes() for name, weight in load_file(kept.folder / "model.safetensors").items()},
    }
