"""The SQLite file behind the store: its tables, its connections, its errors."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hierapp.errors import StoreError

WAIT_SECONDS = 30.0  # for another writer

SCHEMA_VERSION = 1
SCHEMA = """
CREATE TABLE IF NOT EXISTS runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    state TEXT NOT NULL,
    config TEXT NOT NULL,
    tree TEXT NOT NULL,
    created REAL NOT NULL,
    started REAL,
    ended REAL,
    pid INTEGER,
    pid_started REAL,
    device TEXT,
    version TEXT,
    epoch INTEGER NOT NULL DEFAULT 0,
    progress REAL NOT NULL DEFAULT 0,
    cancel_requested REAL,
    error TEXT,
    test TEXT
);
CREATE TABLE IF NOT EXISTS metrics (
    run INTEGER NOT NULL, name TEXT NOT NULL, epoch REAL NOT NULL, value REAL, PRIMARY KEY (run, name, epoch)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS confusions (
    run INTEGER NOT NULL, part TEXT NOT NULL, epoch INTEGER NOT NULL, counts BLOB NOT NULL,
    PRIMARY KEY (run, part, epoch)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""


class Database:
    """One SQLite file in WAL mode; each thread has a connection of its own.

    Raises:
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
            db = self._connection()
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
            raise StoreError(
                f"The store in {self.folder} cannot be written ({_reason(error)}); make the folder writable or set"
                " HIERAPP_HOME to one that is."
            ) from error

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A connection to read from."""
        try:
            # What does not exist yet reads as empty, without leaving a file behind.
            empty = None if self.file.exists() else self._open(":memory:")
            yield empty.db if empty else self._connection()
        except (OSError, sqlite3.Error) as error:
            raise StoreError(
                f"The store in {self.folder} cannot be read ({_reason(error)}); check the folder, or set HIERAPP_HOME"
                " to another one."
            ) from error

    def _connection(self) -> sqlite3.Connection:
        """This thread's connection. It is kept: the last one to close makes SQLite write the whole file to disk."""
        kept: _Connection | None = getattr(self._threads, "kept", None)
        if kept is None or kept.identity != _identity(self.file):
            kept = self._threads.kept = self._open(str(self.file))
        return kept.db

    def _open(self, file: str) -> _Connection:
        opened = _Connection(sqlite3.connect(file, timeout=WAIT_SECONDS, isolation_level=None, check_same_thread=False))
        opened.db.row_factory = sqlite3.Row
        self._prepare(opened.db)
        opened.db.execute("PRAGMA synchronous = NORMAL")
        opened.identity = _identity(self.file)
        return opened

    def _prepare(self, db: sqlite3.Connection) -> None:
        """Make the tables of a new store; refuse one that a newer hierapp wrote."""
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            raise StoreError(
                f"The store in {self.folder} has version {version} and this hierapp reads {SCHEMA_VERSION}; update"
                " hierapp, or set HIERAPP_HOME to another folder."
            )
        if version == 0:
            _use_wal(db)
            db.executescript(f"BEGIN IMMEDIATE; {SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")


def _use_wal(db: sqlite3.Connection) -> None:
    """Turn on the write-ahead log. Where several make a store at once SQLite gives up here without waiting."""
    until = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > until:
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
