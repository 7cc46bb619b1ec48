"""The SQLite file behind the store: its connections, its migration, its errors."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hierapp.errors import DiskFull, StoreError
from hierapp.runs import schema
from hierapp.runs.schema import SCHEMA_VERSION

WAIT_SECONDS = 30.0  # for another writer
NO_ROOM = 1 << 20  # bytes; with less SQLite may fail for other reasons than the one it gives


class Database:
    """One SQLite file in WAL mode; each thread has a connection of its own to write, and one that can only read.

    Raises:
        DiskFull: from `write`, if there is no room; nothing is changed.
        StoreError: from `write` and `read`, if the folder cannot be read or written, the file is no store, or a newer
            hierapp wrote it.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self.folder = file.parent
        self._threads = threading.local()

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A connection inside a transaction, which is kept as a whole or not at all."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            db = self._connection("writer")
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                # SQLite has rolled back by itself where the disk is full, say.
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise
        except (OSError, sqlite3.Error) as error:
            if self._is_full(error):
                raise DiskFull(
                    f"The disk with {self.folder} is full, so that nothing can be stored; make room, and runs go on by"
                    " themselves."
                ) from error
            raise StoreError(
                f"The store in {self.folder} cannot be written ({_reason(error)}); make the folder writable or set"
                " HIERAPP_HOME to one that is."
            ) from error

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A connection that can only read, at one moment of the store."""
        try:
            # What does not exist yet reads as empty, without leaving a file behind.
            db = self._connection("reader") if self._holds_something() else _empty()
            db.execute("BEGIN")
            try:
                yield db
            finally:
                db.execute("ROLLBACK")
        except (OSError, sqlite3.Error) as error:
            raise StoreError(
                f"The store in {self.folder} cannot be read ({_reason(error)}); check the folder, bring back a backup"
                " with `python -m hierapp store restore`, or set HIERAPP_HOME to another folder."
            ) from error

    def _holds_something(self) -> bool:
        try:
            return self.file.stat().st_size > 0
        except FileNotFoundError:
            return False

    def _connection(self, name: str) -> sqlite3.Connection:
        """This thread's connection. It is kept: the last one to close makes SQLite write the whole file to disk."""
        kept: _Connection | None = getattr(self._threads, name, None)
        if kept is None or kept.identity != _identity(self.file):
            kept = _Connection(self._open_writer() if name == "writer" else self._open_reader())
            kept.identity = _identity(self.file)
            setattr(self._threads, name, kept)
        return kept.db

    def _open_writer(self) -> sqlite3.Connection:
        db = _connect(str(self.file))
        self._prepare(db)
        db.execute("PRAGMA synchronous = NORMAL")
        return db

    def _open_reader(self) -> sqlite3.Connection:
        db = _connect(f"{self.file.as_uri()}?{self._reading()}")
        if self._version(db) < SCHEMA_VERSION:
            db.close()
            with self.write():  # makes or migrates the tables
                pass
            db = _connect(f"{self.file.as_uri()}?mode=ro")
        return db

    def _reading(self) -> str:
        """How a reader opens the file. Where nobody can write, it lies still, and SQLite must not look for its log."""
        log = self.file.with_name(f"{self.file.name}-wal")
        still = not os.access(self.folder, os.W_OK) and not (log.exists() and log.stat().st_size)
        return "immutable=1" if still else "mode=ro"

    def _version(self, db: sqlite3.Connection) -> int:
        """The version of the file's tables, 0 if it has none; that of a newer hierapp is refused."""
        version = int(db.execute("PRAGMA user_version").fetchone()[0])
        if version > SCHEMA_VERSION:
            raise StoreError(
                f"The store in {self.folder} has version {version} and this hierapp reads {SCHEMA_VERSION}; update"
                " hierapp, or set HIERAPP_HOME to another folder."
            )
        return version

    def _prepare(self, db: sqlite3.Connection) -> None:
        """Make the tables of a new store, or bring those of an older one up to date; a copy of that is kept."""
        version = self._version(db)
        if version == SCHEMA_VERSION:
            return
        _use_wal(db)
        if version:
            self._keep_copy(db, version)
        db.execute("BEGIN IMMEDIATE")
        try:
            version = self._version(db)  # another process may have been faster
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
        side = copy.with_suffix(f".{os.getpid()}-{threading.get_ident()}.part")
        if not copy.exists():
            side.unlink(missing_ok=True)
            db.execute("VACUUM INTO ?", (str(side),))
            side.replace(copy)

    def _is_full(self, error: Exception) -> bool:
        if isinstance(error, OSError):
            return error.errno in (errno.ENOSPC, errno.EDQUOT)
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN):
            return self.folder.exists() and shutil.disk_usage(self.folder).free < NO_ROOM
        return code == sqlite3.SQLITE_FULL


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
    """Turn on the write-ahead log. Where several make a store at once SQLite gives up here without waiting."""
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
    """A connection that is closed with its last reference, and which file it is open on."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self.db = db
        self.identity: tuple[int, int] | None = None

    def __del__(self) -> None:
        self.db.close()


def _identity(file: Path) -> tuple[int, int] | None:
    """Device and number of the file, to notice that it was moved away or put back from a copy."""
    try:
        found = file.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _reason(error: Exception) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
