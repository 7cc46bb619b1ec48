"""Check the integrity of a store, read-only: its database, the folders of the runs and their weights."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from hierapp import paths
from hierapp.errors import StoreError, one_line
from hierapp.runs.database import WAIT_SECONDS
from hierapp.runs.schema import ORIGIN_SINCE, SCHEMA_VERSION
from hierapp.training.predictions import FILE as OUTPUTS

STORE = "store.sqlite"
RUNS = "runs"


@dataclass(frozen=True)
class Report:
    """The result of a check: the numbers of runs and weights files checked, and one sentence for each problem."""

    folder: str
    runs: int
    weights: int
    problems: tuple[str, ...]

    @property
    def is_sound(self) -> bool:
        return not self.problems


def check(home: Path | None = None) -> Report:
    """Check the store under a folder, by default `paths.home()`; runs may continue meanwhile.

    Raises:
        StoreError: if there is no store or the folder cannot be read.
    """
    home = home or paths.home()
    if not (home / STORE).is_file():
        raise StoreError(f"There is no store in {home}; set HIERAPP_HOME to a folder with a store.")
    try:
        # List the folders before reading the store: otherwise the folder of a new run would seem to have no run.
        folders = sorted(path for path in (home / RUNS).glob("*") if path.is_dir())
        problems: list[str] = []
        runs: dict[str, int] = {}
        try:
            with closing(open_readonly(home / STORE)) as db:
                problems += faults(db)
                runs = {str(run): epoch for run, epoch in db.execute("SELECT id, epoch FROM runs ORDER BY id")}
                problems += _strays(db)
                problems += _without_outputs(db, home)
        except sqlite3.Error as error:
            if not problems:
                problems.append(f"The store cannot be read ({error}); try again.")
        else:
            problems += _unmatched(home, runs, folders)
        weights = sorted(file for folder in folders for file in folder.rglob("*.safetensors"))
        problems += [problem for file in weights if (problem := _broken_weights(file))]
    except OSError as error:
        raise StoreError(f"The folder {home} cannot be read ({error.strerror}); make it readable.") from error
    return Report(str(home), len(runs), len(weights), tuple(problems))


def open_readonly(file: Path) -> sqlite3.Connection:
    """Return a read-only connection that sees what other processes have committed."""
    return sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=WAIT_SECONDS)


def faults(db: sqlite3.Connection) -> list[str]:
    """Return the problems, as sentences, that prevent this hierapp from reading a store; empty if there are none.

    Raises:
        sqlite3.OperationalError: if it cannot be opened; it may be intact.
    """
    try:
        version = int(db.execute("PRAGMA user_version").fetchone()[0])
        if version == 0:
            return ["The file is not a store of hierapp; choose another one."]
        if version > SCHEMA_VERSION:
            return [f"The store has version {version} and this hierapp reads {SCHEMA_VERSION}; update hierapp."]
        found = [one_line(row[0]) for row in db.execute("PRAGMA integrity_check(100)") if row[0] != "ok"]
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError as error:
        found = [str(error)]
    return damaged(found) if found else []


def damaged(found: list[str]) -> list[str]:
    """Return SQLite's report of a damaged file as a sentence."""
    more = f" and {len(found) - 1} more errors" if len(found) > 1 else ""
    return [f"The store's file is damaged ({found[0]}{more}); restore an older backup."]


def _strays(db: sqlite3.Connection) -> Iterator[str]:
    for table in ("metrics", "confusions"):
        count = db.execute(f"SELECT count(*) FROM {table} WHERE run NOT IN (SELECT id FROM runs)").fetchone()[0]
        if count:
            yield f"Rows of {table} that belong to no run: {count}."
    if db.execute("PRAGMA user_version").fetchone()[0] < SCHEMA_VERSION:
        return  # migrated the next time it is opened
    for column, table in (("tree", "trees"), ("similarity", "similarities")):
        lacking = [
            str(run)
            for (run,) in db.execute(
                f"SELECT id FROM runs WHERE {column} IS NOT NULL AND {column} NOT IN (SELECT hash FROM {table})"
                " ORDER BY id"
            )
        ]
        if lacking:
            yield f"Runs whose {column} is missing: {', '.join(lacking[:10])}{' and more' * (len(lacking) > 10)}."


def _without_outputs(db: sqlite3.Connection, home: Path) -> Iterator[str]:
    """Report imported predictions whose outputs are missing: they have nothing else."""
    if db.execute("PRAGMA user_version").fetchone()[0] < ORIGIN_SINCE:
        return
    for (run,) in db.execute("SELECT id FROM runs WHERE origin = 'imported' ORDER BY id"):
        if not (home / RUNS / str(run) / OUTPUTS).is_file():
            yield f"Run {run}, imported predictions, has no outputs."


def _unmatched(home: Path, runs: dict[str, int], folders: list[Path]) -> Iterator[str]:
    for run, epoch in runs.items():
        # A run that was never trained may have no folder.
        if epoch > 0 and not (home / RUNS / run).is_dir():
            yield f"Run {run} has no folder."
    for folder in folders:
        if folder.name not in runs:
            yield f"The folder {one_line(folder)} belongs to no run."


def _broken_weights(file: Path) -> str | None:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="numpy"):
            return None
    except FileNotFoundError:
        return None  # a checkpoint that was just replaced
    except (SafetensorError, OSError) as error:
        return f"The weights {one_line(file)} are broken ({one_line(error)})."
