"""The SQLite file of the store: connections, migration, errors."""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hierapp.errors import DiskFull, HomeMovedError, StoreError
from hierapp.runs import schema
from hierapp.runs.schema import SCHEMA_VERSION
from hierapp.utils import files, private
from hierapp.utils.disk import is_full

_SHARED = "mode=ro"  # the URI query for a reader that sees what others write
WAIT_SECONDS = 30.0  # how long to wait for another writer
NO_ROOM = 1 << 20  # bytes; with less free, SQLite may report a misleading error


class Database:
    """An SQLite file in WAL mode. Each thread has its own connection for writing and its own read-only connection.

    Args:
        file: the file; it is created when first written.
        pinned: whether the folder must exist and stay the same one, as for background processes: a user may move it
            away while they work, and they must neither create another one at its old place nor write into one that is
            put there.

    Raises:
        DiskFull: from `write`, if the disk is full; nothing is changed.
        HomeMovedError: from `write` and `read`, if `pinned` and the folder is not there any more.
        StoreError: from `write` and `read`, if the folder cannot be read or written, the file is not a store, or it was
            written by a newer hierapp.
    """

    def __init__(self, file: Path, pinned: bool = False) -> None:
        self.file = file
        self.folder = file.parent
        self.pinned = pinned
        self._home = _identity(self.folder)
        self._was_there = False  # a search or an idle scheduler may start before the first run is added
        self._threads = threading.local()
        self._watching = threading.Lock()
        self._watched: _Connection | None = None  # all threads ask one connection for the version
        self._times_watched = 0

    def version(self) -> object | None:
        """Return a value that is another one after each commit, of any process; None if that cannot be known.

        Raises:
            HomeMovedError: as `read`.
        """
        self._check_place()
        with self._watching:
            try:
                if not self._holds_something() or self._reading() != _SHARED:
                    return None
                if self._watched is None or self._watched.identity != _identity(self.file):
                    self._watched = _Connection(self._open_reader())
                    self._watched.identity = _identity(self.file)
                    self._times_watched += 1
                return self._times_watched, self._watched.db.execute("PRAGMA data_version").fetchone()[0]
            except (OSError, sqlite3.Error):
                return None  # a read says what is wrong

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """Open a transaction and yield its connection; all changes are committed, or none."""
        self._check_place()
        try:
            private.make_folder(self.folder)
            db = self._connection("writer")
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                # SQLite may have rolled back already, for example on a full disk.
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise
        except (OSError, sqlite3.Error) as error:
            if self._is_full(error):
                raise DiskFull(
                    f"The disk with {self.folder} is full, so nothing can be stored; free some space, and the runs"
                    " continue."
                ) from error
            raise StoreError(
                f"The store in {self.folder} cannot be written ({_reason(error)}); make the folder writable or set"
                " HIERAPP_HOME to one that is."
            ) from error

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """Yield a read-only connection to a snapshot of the store."""
        self._check_place()
        try:
            # A store that does not exist reads as empty, and no file is created.
            db = self._connection("reader") if self._holds_something() else _empty()
            db.execute("BEGIN")
            try:
                yield db
            finally:
                db.execute("ROLLBACK")
        except (OSError, sqlite3.Error) as error:
            raise StoreError(
                f"The store in {self.folder} cannot be read ({_reason(error)}); check the folder, restore a backup with"
                " `python -m hierapp store restore`, or set HIERAPP_HOME to another folder."
            ) from error

    def _check_place(self) -> None:
        if not self.pinned:
            return
        is_there = self.file.exists()
        if self._home is not None and _identity(self.folder) == self._home and (is_there or not self._was_there):
            self._was_there |= is_there
            return
        raise HomeMovedError(
            f"The folder {self.folder} was moved, replaced or removed while this process worked for it; the process"
            " ends, and its runs can be resumed from their checkpoints where the folder is now."
        )

    def _holds_something(self) -> bool:
        try:
            return self.file.stat().st_size > 0
        except FileNotFoundError:
            return False

    def _connection(self, name: str) -> sqlite3.Connection:
        """Return this thread's connection. It stays open: closing the last one makes SQLite checkpoint the log."""
        kept: _Connection | None = getattr(self._threads, name, None)
        if kept is None or kept.identity != _identity(self.file):
            kept = _Connection(self._open_writer() if name == "writer" else self._open_reader())
            kept.identity = _identity(self.file)
            setattr(self._threads, name, kept)
        return kept.db

    def _open_writer(self) -> sqlite3.Connection:
        with suppress(FileExistsError):
            private.make_file(self.file)  # SQLite gives its other files the same mode
        db = _connect(str(self.file))
        self._prepare(db)
        db.execute("PRAGMA synchronous = NORMAL")
        return db

    def _open_reader(self) -> sqlite3.Connection:
        db = _connect(f"{self.file.as_uri()}?{self._reading()}")
        if self._version(db) < SCHEMA_VERSION:
            db.close()
            with self.write():  # creates or migrates the tables
                pass
            db = _connect(f"{self.file.as_uri()}?{_SHARED}")
        return db

    def _reading(self) -> str:
        """Return the URI query for a reader: "immutable" if the folder is read-only and has no log to read."""
        log = self.file.with_name(f"{self.file.name}-wal")
        still = not os.access(self.folder, os.W_OK) and not (log.exists() and log.stat().st_size)
        return "immutable=1" if still else _SHARED

    def _version(self, db: sqlite3.Connection) -> int:
        """Return the schema version of the file, 0 if it has no tables; refuse that of a newer hierapp."""
        version = int(db.execute("PRAGMA user_version").fetchone()[0])
        if version > SCHEMA_VERSION:
            raise StoreError(
                f"The store in {self.folder} has version {version} and this hierapp reads {SCHEMA_VERSION}; update"
                " hierapp, or set HIERAPP_HOME to another folder."
            )
        return version

    def _prepare(self, db: sqlite3.Connection) -> None:
        """Create the tables of a new store, or migrate an older one after saving a copy of it."""
        version = self._version(db)
        if version == SCHEMA_VERSION:
            return
        _use_wal(db)
        if version:
            self._keep_copy(db, version)
        db.execute("BEGIN IMMEDIATE")
        try:
            version = self._version(db)  # another process may have migrated it by now
            if version == 0:
                schema.create(db)
            for older in range(max(version, 1), SCHEMA_VERSION if version else 0):
                schema.MIGRATIONS[older](db)
            db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise

    def _keep_copy(self, db: sqlite3.Connection, version: int) -> None:
        copy = self.file.with_name(f"store.version-{version}.sqlite")
        if not copy.exists():
            with files.replacing(copy) as side:
                private.make_file(side)
                db.execute("VACUUM INTO ?", (str(side),))

    def _is_full(self, error: Exception) -> bool:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN):
            return self.folder.exists() and shutil.disk_usage(self.folder).free < NO_ROOM
        return is_full(error)


def _connect(file: str) -> sqlite3.Connection:
    db = sqlite3.connect(
        file, timeout=WAIT_SECONDS, isolation_level=None, check_same_thread=False, uri=file.startswith("file:")
    )
    db.row_factory = sqlite3.Row
    return db


def _empty() -> sqlite3.Connection:
    db = _connect(":memory:")
    schema.create(db)
    return db


def _use_wal(db: sqlite3.Connection) -> None:
    """Turn on the write-ahead log; retry, because SQLite does not wait here when several processes create a store."""
    until = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if time.monotonic() > until or error.sqlite_errorcode & 0xFF not in (
                sqlite3.SQLITE_BUSY,
                sqlite3.SQLITE_LOCKED,
            ):
                raise
            time.sleep(0.02)


class _Connection:
    """A connection that closes with its last reference, and the identity of its file."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self.db = db
        self.identity: tuple[int, int] | None = None

    def __del__(self) -> None:
        self.db.close()


def _identity(file: Path) -> tuple[int, int] | None:
    """Return the device and inode of a file or folder, which show that it was moved or replaced by a copy."""
    try:
        found = file.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_dev, found.st_ino


def _reason(error: Exception) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
