"""Back up what cannot be recreated in HIERAPP_HOME to one zip, and restore it.

A backup contains all of the folder but what `is_excluded` names, such as the data sets: so nothing is forgotten that is
added later.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import time
import zipfile
from contextlib import closing, suppress
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from hierapp import paths
from hierapp.errors import StoreError, one_line
from hierapp.runs.check import RUNS, STORE, damaged, faults, open_readonly
from hierapp.runs.database import Database
from hierapp.runs.schema import ORIGIN_SINCE, SCHEMA_VERSION
from hierapp.runs.states import move
from hierapp.utils import archives, parts, private
from hierapp.utils.archive_readers import Refused
from hierapp.utils.files import as_store_error, commit, staging_dir

ABOUT = "hierapp-backup.json"
FORMAT = 1
# What a backup leaves out: data sets, which are downloaded or imported again; earlier backups; the scheduler's lock and
# log; copies of the store from before a migration. Names that begin with a dot are locks and files being written.
EXCLUDED = ("data", "*.zip", "launcher.lock", "launcher.log", "store.version-*.sqlite", ".*")
# Only these files are compressed: weights do not become smaller, and stored files are fast to read and write.
PACKED = (".sqlite", ".json", ".jsonl", ".txt", ".log", ".csv")
_FIRST_NAMES = ["trees", "drafts", "similarities", "searches"]  # of backups that do not list their names
INTERRUPTED = "The run was running when the restored backup was made; resume it to continue."


def backup(file: Path, weights: bool = True, home: Path | None = None) -> int:
    """Write a backup; runs may continue meanwhile. The store is a snapshot, other files may be slightly newer.

    The files and folders at the top of the home, and the folders of runs, may be links to another disk. A link within
    them is stored as a copy of what it leads to, which must be part of the backup.

    Args:
        file: the zip to write; it must not exist.
        weights: include the weights and checkpoints of the runs.
        home: the folder to back up; by default `paths.home()`.

    Returns:
        The number of runs in the backup.

    Raises:
        StoreError: if there is nothing to back up, the store is corrupt, a link leads elsewhere, or `file` exists or
            cannot be written. No file is created then.
    """
    home = home or paths.home()
    names = _included(home)
    if not names and not (home / STORE).exists():
        raise StoreError(f"There is nothing to back up in {home}; set HIERAPP_HOME to a folder with a store.")
    with as_store_error(f"The backup cannot be written to {file.parent}"), staging_dir(file) as folder:
        store, side = folder / STORE, folder / "backup.zip"
        runs, imported = _copy_store(home / STORE, store)
        about = {"format": FORMAT, "schema": SCHEMA_VERSION, "created": time.time(), "weights": weights, "names": names}
        with side.open("xb") as raw:
            with zipfile.ZipFile(raw, "w") as out:
                out.writestr(ABOUT, json.dumps(about))
                _add(out, store, STORE)
                tops = [*(name for name in names if name != RUNS), *(f"{RUNS}/{run}" for run in runs)]
                links = _Links(home, tops)
                for name in tops:
                    if (home / name).is_dir():
                        # Imported predictions have no weights, and their outputs cannot be computed again.
                        has_weights = weights or name.removeprefix(f"{RUNS}/") in imported
                        _add_folder(out, home / name, name, has_weights, links)
                    else:
                        _add(out, home / name, name)
            raw.flush()
            os.fsync(raw.fileno())
        commit(side, file)
    return len(runs)


def is_excluded(name: str) -> bool:
    """Return whether a backup leaves out the file or folder of this name in HIERAPP_HOME; the store is copied as a
    snapshot.

    >>> is_excluded("data"), is_excluded("trees")
    (True, False)
    """
    return name.startswith(STORE) or any(fnmatchcase(name, pattern) for pattern in EXCLUDED)


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
            private.make_folder(home)
            side = parts.beside(home / STORE)
            try:
                limits = archives.Limits(entries=10**7, size=shutil.disk_usage(home).free, ratio=2000)
                # The user's own files: trees may be named Cat and cat, and nothing in the backup is ever unpickled.
                archives.unpack(file, side, limits, check=lambda _: None, one_spelling=False)
                private.protect(side)
                runs = _prepare(side, one_line(file.name))
                _refuse_full(home)
                _move_in(side, home)
            finally:
                parts.remove(side)
    except BaseException:
        for folder in missing:
            with suppress(OSError):
                folder.rmdir()
        raise
    return runs


# Backup


def _included(home: Path) -> list[str]:
    """Return the names of the files and folders in a home that a backup contains, without the store."""
    data = Path(os.path.realpath(paths.data_folder()))
    try:
        found = sorted(home.iterdir())
    except OSError:
        return []
    return [
        path.name
        for path in found
        if not is_excluded(path.name) and (path.is_dir() or path.is_file()) and Path(os.path.realpath(path)) != data
    ]


def _copy_store(store: Path, copy: Path) -> tuple[list[str], set[str]]:
    """Copy a snapshot of the store; return the ids of its runs, and of those that are imported predictions."""
    if not store.exists():
        with Database(copy).write():  # creates an empty store
            return [], set()
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
        older = db.execute("PRAGMA user_version").fetchone()[0] < ORIGIN_SINCE
        imported = "" if older else "SELECT id FROM runs WHERE origin != 'trained'"
        return (
            [str(row[0]) for row in db.execute("SELECT id FROM runs ORDER BY id")],
            {str(row[0]) for row in db.execute(imported)} if imported else set(),
        )


class _Links:
    """Decides which links are followed, as tar's filter "data" does: those that stay within the backup.

    Args:
        home: the folder to back up.
        tops: the names of the files and folders in it that the backup contains, which may be links themselves.
    """

    def __init__(self, home: Path, tops: list[str]) -> None:
        self.home = home
        self.real = [Path(os.path.realpath(home / name)) for name in tops]

    def check(self, link: Path) -> None:
        """Raise a StoreError if a link leads out of the backup, or back to a folder that contains it."""
        target, depth = Path(os.path.realpath(link)), len(self.home.parents) + 1
        if not any(target.is_relative_to(real) for real in self.real):
            wrong = "which is not part of the backup"
        elif any(Path(os.path.realpath(above)).is_relative_to(target) for above in link.parents[:-depth]):
            wrong = "which contains the link"
        else:
            return
        name = one_line(link.relative_to(self.home).as_posix())
        raise StoreError(
            f"The link {name} leads to {one_line(str(target))}, {wrong}; replace it by what it leads to, or remove it."
        )


def _add_folder(out: zipfile.ZipFile, top: Path, name: str, weights: bool, links: _Links) -> None:
    for folder, folders, files in os.walk(top):
        # Files with this suffix are being written, possibly this backup.
        folders[:] = sorted(each for each in folders if not each.endswith(".part"))
        within = Path(name, Path(folder).relative_to(top)).as_posix()
        out.mkdir(_checked(within))
        for each in sorted(files):
            if not each.endswith(".part") and (weights or ".safetensors" not in each):
                if Path(folder, each).is_file() and Path(folder, each).is_symlink():
                    links.check(Path(folder, each))
                _add(out, Path(folder, each), f"{within}/{each}")
        for each in folders:
            if Path(folder, each).is_symlink():  # os.walk does not follow it
                links.check(Path(folder, each))
                _add_folder(out, Path(folder, each), f"{within}/{each}", weights, links)


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
        if "\\" in name:  # would be restored as a folder
            raise Refused("holds a backslash")
        archives.safe_parts(name)
    except Refused:
        raise StoreError(f"The file {name!a} has a name that a backup cannot store; rename it.") from None
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
        raise StoreError(f"The archive {name} is not a backup of hierapp; choose a file that `store backup` wrote.")
    names = about.get("names", _FIRST_NAMES)
    known = isinstance(names, list) and not any(map(is_excluded, map(str, names)))
    if about["format"] > FORMAT or not known or inside - {ABOUT, STORE, RUNS, *map(str, names)}:
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
    full = [*home.glob(f"{STORE}*"), *(home / name for name in _included(home) if _holds_something(home / name))]
    if full:
        raise StoreError(
            f"{full[0].name} already exists in {home}; move it away, or set HIERAPP_HOME to a folder without a store."
        )


def _holds_something(path: Path) -> bool:
    return not path.is_dir() or any(path.iterdir())


def _move_in(side: Path, home: Path) -> None:
    """Move the files into place, the store last: without it the folder counts as empty."""
    moved: list[str] = []
    try:
        for name in (*sorted(path.name for path in side.iterdir() if path.name not in (ABOUT, STORE)), STORE):
            (side / name).rename(home / name)
            moved.append(name)
    except BaseException:
        for name in reversed(moved):
            (home / name).rename(side / name)
        raise
