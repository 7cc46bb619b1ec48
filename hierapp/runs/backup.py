"""Everything in HIERAPP_HOME that cannot be made again, as one zip, and the way back.

That is the store, the user's trees with their versions, the drafts, the user's similarities, the searches and the
runs' folders; data sets are not in it.
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
# Weights do not get smaller, and what takes no time to pack takes none to unpack.
PACKED = (".sqlite", ".json", ".jsonl", ".txt", ".log", ".csv")
INTERRUPTED = "The run was going on when the backup was made that was brought back; resume it to go on."


def backup(file: Path, weights: bool = True, home: Path | None = None) -> int:
    """Write a backup while runs go on: the store is as it was at one moment, files may be a little newer.

    Args:
        file: the zip; it must not be there yet.
        weights: with the runs' weights and checkpoints.
        home: by default `paths.home()`.

    Returns:
        The number of runs in it.

    Raises:
        StoreError: if there is nothing to back up, the store is broken, `file` is there or cannot be written; then no
            file is made.
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
    """Bring a backup back, once all of it is checked, into a folder that holds no store.

    Runs that were running are interrupted afterwards.

    Args:
        file: what `backup` wrote.
        home: by default `paths.home()`; it may hold data sets.

    Returns:
        The number of runs in it.

    Raises:
        ArchiveError, StoreError: if the backup is broken, newer than this hierapp or none at all, if the folder holds
            a store, or has no room; then the folder is as it was.
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
                # The user's own: trees may be named Cat and cat, and nothing in it is ever unpickled.
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


# Making one


def _copy_store(store: Path, copy: Path) -> list[str]:
    """Copy the store as it is at this moment; its runs."""
    if not store.exists():
        with Database(copy).write():  # makes an empty one
            return []
    with closing(open_readonly(store)) as live, closing(sqlite3.connect(copy)) as db:
        try:
            live.backup(db)
            found = faults(db)
        except sqlite3.OperationalError:  # no room, or no way to open it
            raise
        except sqlite3.DatabaseError as error:
            found = damaged([str(error)])
        if found:
            raise StoreError(f"No backup was made: {found[0]}")
        return [str(row[0]) for row in db.execute("SELECT id FROM runs ORDER BY id")]


def _add_folder(out: zipfile.ZipFile, home: Path, name: str, weights: bool) -> None:
    for folder, folders, files in os.walk(home / name):
        # What ends so is being written right now, this backup perhaps.
        folders[:] = sorted(each for each in folders if not each.endswith(".part"))
        within = Path(folder).relative_to(home).as_posix()
        out.mkdir(_checked(within))
        for each in sorted(files):
            if not each.endswith(".part") and (weights or ".safetensors" not in each):
                _add(out, Path(folder, each), f"{within}/{each}")


def _add(out: zipfile.ZipFile, file: Path, name: str) -> None:
    if not file.is_file():  # a pipe, say, which would never end, or it was replaced meanwhile
        return
    try:
        source = file.open("rb")
    except FileNotFoundError:
        return
    with source:
        info = zipfile.ZipInfo.from_file(file, _checked(name), strict_timestamps=False)
        info.compress_type = zipfile.ZIP_DEFLATED if file.suffix in PACKED else zipfile.ZIP_STORED
        with out.open(info, "w", force_zip64=True) as target:  # a log may grow beyond what it was
            shutil.copyfileobj(source, target, 1 << 20)


def _checked(name: str) -> str:
    """What could not be brought back is told when there is still something to be done about it."""
    try:
        archives.safe_parts(name)
    except Refused:
        raise StoreError(f"The file {name!a} has a name that a backup cannot hold; rename it.") from None
    return name


# Bringing one back


def _prepare(side: Path, name: str) -> int:
    """Check what was unpacked and end what was running; the number of its runs."""
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
    # A log beside the store would be taken for the rest of it.
    if not known or not {ABOUT, STORE} <= (inside := {path.name for path in side.iterdir()}):
        raise StoreError(f"The archive {name} is no backup of hierapp; choose a file that `store backup` wrote.")
    if about["format"] > FORMAT or inside - {ABOUT, STORE, RUNS, *KEPT}:
        raise StoreError(f"The backup {name} was made by a newer hierapp; update hierapp.")
    return dict(about)


def end_running(side: Path, at: float) -> None:
    """The processes of runs that were running are of another machine or another time: end those runs as of then, as the
    scheduler does that finds a process gone. A store of an older version is brought up to date on the way."""
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
    """The store comes last: without it there is nothing yet."""
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
