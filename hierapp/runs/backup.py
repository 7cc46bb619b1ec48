"""Back up what cannot be recreated in HIERAPP_HOME to one zip, and restore it.

A backup contains the store, the user's trees with their versions, the drafts, the user's similarities, the searches
and the folders of the runs. It does not contain data sets.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import sqlite3
import time
import zipfile
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from hierapp import paths
from hierapp.errors import StoreError, one_line
from hierapp.runs.check import RUNS, STORE, damaged, faults, open_readonly
from hierapp.runs.database import Database
from hierapp.runs.schema import SCHEMA_VERSION
from hierapp.runs.states import move
from hierapp.utils import archives
from hierapp.utils.archive_readers import Refused
from hierapp.utils.files import as_store_error, commit, staging_dir

ABOUT = "hierapp-backup.json"
FORMAT = 1
KEPT = ("trees", "drafts", "similarities", "searches")
# Only these files are compressed: weights do not become smaller, and stored files are fast to read and write.
PACKED = (".sqlite", ".json", ".jsonl", ".txt", ".log", ".csv")
INTERRUPTED = "The run was going on when the backup was made that was brought back; resume it to go on."


def backup(file: Path, weights: bool = True, home: Path | None = None) -> int:
    """Write a backup; runs may continue meanwhile. The store is a snapshot, other files may be slightly newer.

    Args:
        file: the zip to write; it must not exist.
        weights: include the weights and checkpoints of the runs.
        home: the folder to back up; by default `paths.home()`.

    Returns:
        The number of runs in the backup.

    Raises:
        StoreError: if there is nothing to back up, the store is corrupt, or `file` exists or cannot be written. No
            file is created then.
    """
    home = home or paths.home()
    if not any((home / name).exists() for name in (STORE, *KEPT)):
        raise StoreError(f"There is nothing to back up in {home}; set HIERAPP_HOME to the folder that has a store.")
    with as_store_error(f"The backup cannot be written to {file.parent}"), staging_dir(file) as folder:
        store, side = folder / STORE, folder / "backup.zip"
        runs = _copy_store(home / STORE, store)
        about = {"format": FORMAT, "schema": SCHEMA_VERSION, "created": time.time(), "weights": weights}
        with side.open("xb") as raw:
            with zipfile.ZipFile(raw, "w") as out:
                out.writestr(ABOUT, json.dumps(about))
                _add(out, store, STORE)
                for name in (*KEPT, *(f"{RUNS}/{run}" for run in runs)):
                    _add_folder(out, home, name, weights)
            raw.flush()
            os.fsync(raw.fileno())
        commit(side, file)
    return len(runs)


def restore(file: Path, home: Path | None = None) -> int:
    """Check a backup completely, then restore it into a folder without a store.

    Runs that were running become interrupted.

    Args:
        file: a zip written by `backup`.
        home: the folder to restore into, which may contain data sets; by default `paths.home()`.

    Returns:
        The number of runs in the backup.

    Raises:
        ArchiveError, StoreError: if the file is corrupt, not a backup, or from a newer hierapp, or if the folder has a
            store or not enough room. The folder is unchanged then.
    """
    home = (home or paths.home()).absolute()
    _refuse_full(home)
    missing = [folder for folder in (home, *home.parents) if not folder.exists()]
    try:
        with as_store_error(f"The backup cannot be restored into {home}"):
            home.mkdir(parents=True, exist_ok=True)
            side = home / f".{secrets.token_hex(8)}.part"
            try:
                limits = archives.Limits(entries=10**7, size=shutil.disk_usage(home).free, ratio=2000)
                # The user's own files: trees may be named Cat and cat, and nothing in the backup is ever unpickled.
                archives.unpack(file, side, limits, check=lambda _: None, one_spelling=False)
                runs = _prepare(side, one_line(file.name))
                _refuse_full(home)
                _move_in(side, home)
            finally:
                shutil.rmtree(side, ignore_errors=True)
    except BaseException:
        for folder in missing:
            with suppress(OSError):
                folder.rmdir()
        raise
    return runs


# Backup


def _copy_store(store: Path, copy: Path) -> list[str]:
    """Copy a snapshot of the store; return the ids of its runs."""
    if not store.exists():
        with Database(copy).write():  # creates an empty store
            return []
    with closing(open_readonly(store)) as live, closing(sqlite3.connect(copy)) as db:
        try:
            live.backup(db)
            found = faults(db)
        except sqlite3.OperationalError:  # the disk is full, or the file cannot be opened
            raise
        except sqlite3.DatabaseError as error:
            found = damaged([str(error)])
        if found:
            raise StoreError(f"No backup was made: {found[0]}")
        return [str(row[0]) for row in db.execute("SELECT id FROM runs ORDER BY id")]


def _add_folder(out: zipfile.ZipFile, home: Path, name: str, weights: bool) -> None:
    for folder, folders, files in os.walk(home / name):
        # Files with this suffix are being written, possibly this backup.
        folders[:] = sorted(each for each in folders if not each.endswith(".part"))
        within = Path(folder).relative_to(home).as_posix()
        out.mkdir(_checked(within))
        for each in sorted(files):
            if not each.endswith(".part") and (weights or ".safetensors" not in each):
                _add(out, Path(folder, each), f"{within}/{each}")


def _add(out: zipfile.ZipFile, file: Path, name: str) -> None:
    if not file.is_file():  # for example a pipe, which would never end, or a file that was just replaced
        return
    try:
        source = file.open("rb")
    except FileNotFoundError:
        return
    with source:
        info = zipfile.ZipInfo.from_file(file, _checked(name), strict_timestamps=False)
        info.compress_type = zipfile.ZIP_DEFLATED if file.suffix in PACKED else zipfile.ZIP_STORED
        with out.open(info, "w", force_zip64=True) as target:  # a log may still be growing
            shutil.copyfileobj(source, target, 1 << 20)


def _checked(name: str) -> str:
    """Return the name if it can be restored; raise now, while you can still rename the file, if it cannot."""
    try:
        archives.safe_parts(name)
    except Refused:
        raise StoreError(f"The file {name!a} has a name that a backup cannot hold; rename it.") from None
    return name


# Restore


def _prepare(side: Path, name: str) -> int:
    """Check the unpacked files and end the runs that were running; return the number of runs."""
    created = _about(side, name)["created"]
    with closing(sqlite3.connect(side / STORE)) as db:
        try:
            found = faults(db)
            if not found:
                runs = int(db.execute("SELECT count(*) FROM runs").fetchone()[0])
                end_running(side, created)
                return runs
        except sqlite3.DatabaseError as error:
            found = [f"Its store cannot be read ({error})."]
    raise StoreError(f"The backup {name} cannot be restored: {found[0]}")


def _about(side: Path, name: str) -> dict[str, Any]:
    try:
        about = json.loads((side / ABOUT).read_bytes())
        known = isinstance(about["format"], int) and isinstance(about["created"], int | float)
    except (OSError, ValueError, LookupError, TypeError):
        known = False
    # SQLite would read a write-ahead log next to the store as part of it.
    if not known or not {ABOUT, STORE} <= (inside := {path.name for path in side.iterdir()}):
        raise StoreError(f"The archive {name} is no backup of hierapp; choose a file that `store backup` wrote.")
    if about["format"] > FORMAT or inside - {ABOUT, STORE, RUNS, *KEPT}:
        raise StoreError(f"The backup {name} was made by a newer hierapp; update hierapp.")
    return dict(about)


def end_running(side: Path, at: float) -> None:
    """Record the running runs of a backup as interrupted at time `at`: their processes no longer exist here.

    The scheduler does the same for a lost process. A store of an older version is migrated.
    """
    with Database(side / STORE).write() as db:
        for row in db.execute("SELECT id, cancel_requested FROM runs WHERE state = 'running'").fetchall():
            asked = row["cancel_requested"] is not None
            move(db, row["id"], "stop" if asked else "lose", at, error=None if asked else INTERRUPTED)


def _refuse_full(home: Path) -> None:
    full = [*home.glob(f"{STORE}*"), *(home / name for name in (*KEPT, RUNS) if any((home / name).glob("*")))]
    if full:
        raise StoreError(
            f"There is {full[0].name} in {home} already; move it away, or set HIERAPP_HOME to a folder without a store."
        )


def _move_in(side: Path, home: Path) -> None:
    """Move the files into place, the store last: without it the folder counts as empty."""
    moved: list[str] = []
    try:
        for name in (*KEPT, RUNS, STORE):
            if (side / name).exists():
                (side / name).rename(home / name)
                moved.append(name)
    except BaseException:
        for name in reversed(moved):
            (home / name).rename(side / name)
        raise
