"""The tables of the store and their migrations from older versions."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Mapping

SCHEMA_VERSION = 8
ORIGIN_SINCE = 8  # the version that added the column `origin`

_TREES = "CREATE TABLE trees (hash TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID"

_RUNS = """
CREATE TABLE runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    state TEXT NOT NULL,
    config TEXT NOT NULL,
    tree TEXT NOT NULL REFERENCES trees,
    owner TEXT,
    created REAL NOT NULL,
    priority INTEGER NOT NULL DEFAULT 0,
    place REAL NOT NULL DEFAULT 0,         -- within its priority
    held INTEGER NOT NULL DEFAULT 0,
    attempt INTEGER NOT NULL DEFAULT 0,    -- how often it was claimed
    lost INTEGER NOT NULL DEFAULT 0,       -- how often its process was lost since somebody queued it
    launcher TEXT,                         -- which one claimed it
    placed TEXT,                           -- on which device
    claimed REAL,
    started REAL,
    ended REAL,
    pid INTEGER,
    process TEXT,                          -- see processes.identity
    beat REAL,
    device TEXT,
    version TEXT,
    epoch INTEGER NOT NULL DEFAULT 0,
    progress REAL NOT NULL DEFAULT 0,
    progress_before REAL NOT NULL DEFAULT 0, -- what was done when this attempt began
    cancel_requested REAL,
    error TEXT,
    note TEXT,
    test TEXT,
    last TEXT NOT NULL DEFAULT '{}',       -- the last value of each metric
    cut_seq INTEGER,                       -- rows of metrics up to here ...
    cut_epoch REAL                         -- ... and after this epoch were taken back
)
"""

# Row numbers are assigned inside the write transaction and never reused: a reader can use one as a cursor.
_METRICS = """
CREATE TABLE metrics (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    run INTEGER NOT NULL, name TEXT NOT NULL, epoch REAL NOT NULL, value REAL,
    UNIQUE (run, name, epoch)
)
"""

_CONFUSIONS = """
CREATE TABLE confusions (
    run INTEGER NOT NULL, part TEXT NOT NULL, epoch INTEGER NOT NULL, counts BLOB NOT NULL,
    PRIMARY KEY (run, part, epoch)
) WITHOUT ROWID
"""

_SETTINGS = "CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID"

# Version 3: the similarity matrices of SimLoss as CSV, each stored once; a run without one uses that of its tree.
_SIMILARITIES = "CREATE TABLE similarities (hash TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID"
_SIMILARITY_OF_RUN = "ALTER TABLE runs ADD COLUMN similarity TEXT REFERENCES similarities"

# Version 4: tags of a run, separated by spaces.
_TAGS_OF_RUN = "ALTER TABLE runs ADD COLUMN tags TEXT NOT NULL DEFAULT ''"

# Version 5: the user's note about a run; `note` is written by hierapp.
_OWN_NOTE_OF_RUN = "ALTER TABLE runs ADD COLUMN own_note TEXT NOT NULL DEFAULT ''"

# Version 6: three columns are renamed to the names in the code.
_RENAMED_OF_RUN = (
    "ALTER TABLE runs RENAME COLUMN placed TO assigned_device",  # by the scheduler; `device` is the actual one
    "ALTER TABLE runs RENAME COLUMN beat TO heartbeat",
    "ALTER TABLE runs RENAME COLUMN lost TO lost_count",
)

# Version 7: the content of the data set when the run was queued; see hierapp.data.content. NULL where it is unknown.
_CONTENT_OF_RUN = (
    "ALTER TABLE runs ADD COLUMN train_hash TEXT",
    "ALTER TABLE runs ADD COLUMN test_hash TEXT",
)

# Version 8: where a run comes from, see `hierapp.runs.run.Origin`; the time at which it was moved to the trash.
_ORIGIN_AND_TRASH_OF_RUN = (
    "ALTER TABLE runs ADD COLUMN origin TEXT NOT NULL DEFAULT 'trained'",
    "ALTER TABLE runs ADD COLUMN deleted REAL",
)

_BY_STATE = "CREATE INDEX runs_by_state ON runs (state)"


def create(db: sqlite3.Connection) -> None:
    """Create the tables of a new store, inside a transaction."""
    for statement in (
        _TREES,
        _RUNS,
        _METRICS,
        _CONFUSIONS,
        _SETTINGS,
        _BY_STATE,
        _SIMILARITIES,
        _SIMILARITY_OF_RUN,
        _TAGS_OF_RUN,
        _OWN_NOTE_OF_RUN,
        *_RENAMED_OF_RUN,
        *_CONTENT_OF_RUN,
        *_ORIGIN_AND_TRASH_OF_RUN,
    ):
        db.execute(statement)


def _from_1(db: sqlite3.Connection) -> None:
    """Store each tree once; number the metrics; add the order of the queue, owners and attempts."""
    db.create_function("tree_hash", 1, tree_hash, deterministic=True)
    db.execute("ALTER TABLE runs RENAME TO old_runs")
    db.execute("ALTER TABLE metrics RENAME TO old_metrics")
    for statement in (_TREES, _RUNS, _METRICS, _BY_STATE):
        db.execute(statement)
    db.execute("INSERT OR IGNORE INTO trees SELECT tree_hash(tree), tree FROM old_runs")
    db.execute(
        "INSERT INTO metrics (run, name, epoch, value) SELECT run, name, epoch, value FROM old_metrics"
        " ORDER BY run, epoch, name"
    )
    same = (
        "id, state, config, created, started, ended, pid, device, version, epoch, progress, cancel_requested, error,"
        " test"
    )
    db.execute(
        f"INSERT INTO runs ({same}, tree, place, claimed, attempt, last) SELECT {same}, tree_hash(tree), id, started,"
        " state != 'queued', coalesce((SELECT json_group_object(name, value) FROM"
        " (SELECT name, value, max(epoch) FROM old_metrics WHERE run = old_runs.id GROUP BY name)), '{}')"
        " FROM old_runs"
    )
    db.execute("DROP TABLE old_runs")
    db.execute("DROP TABLE old_metrics")
    db.execute("INSERT OR IGNORE INTO settings SELECT 'slots.cpu', value FROM settings WHERE name = 'slots'")
    db.execute("UPDATE settings SET name = 'slots.cuda' WHERE name = 'slots'")


def _from_2(db: sqlite3.Connection) -> None:
    """Add similarities, each stored once, and write the options that older runs used into their configurations."""
    db.execute(_SIMILARITIES)
    db.execute(_SIMILARITY_OF_RUN)
    db.execute(
        'UPDATE runs SET config = json_patch(\'{"schedule":"constant","select":"last","precision":"float32"}\', config)'
    )


def _from_3(db: sqlite3.Connection) -> None:
    """Add tags."""
    db.execute(_TAGS_OF_RUN)


def _from_4(db: sqlite3.Connection) -> None:
    """Add the user's note."""
    db.execute(_OWN_NOTE_OF_RUN)


def _from_5(db: sqlite3.Connection) -> None:
    """Rename three columns of `runs`."""
    for statement in _RENAMED_OF_RUN:
        db.execute(statement)


def _from_6(db: sqlite3.Connection) -> None:
    """Add the content hashes of the data set; those of earlier runs are unknown."""
    for statement in _CONTENT_OF_RUN:
        db.execute(statement)


def _from_7(db: sqlite3.Connection) -> None:
    """Add the origin, "trained" for all earlier runs, and the trash, which is empty."""
    for statement in _ORIGIN_AND_TRASH_OF_RUN:
        db.execute(statement)


# By source version: the migration to the next version.
MIGRATIONS: Mapping[int, Callable[[sqlite3.Connection], None]] = {
    1: _from_1,
    2: _from_2,
    3: _from_3,
    4: _from_4,
    5: _from_5,
    6: _from_6,
    7: _from_7,
}


def tree_hash(text: str) -> str:
    """Return the key of a text that is stored once: a tree or a similarity."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]
