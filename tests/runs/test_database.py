"""The store's file: an older one becomes today's with nothing lost, and a reader cannot write."""

from __future__ import annotations

import json
import math
import shutil
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from hierapp.errors import DiskFull, HomeMovedError, StoreError
from hierapp.runs import Store, database, notes, schema
from hierapp.runs.database import Database
from hierapp.runs.schema import SCHEMA_VERSION
from hierapp.training import RunConfig
from hierapp.trees import formats as tree_formats, library as tree_library

DIGITS = tree_library.load("digits")
CONFIG = RunConfig.make(data="digits", tree="digits", loss="cross-entropy")

# The first version's tables, as they were.
FIRST = """
CREATE TABLE runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT, state TEXT NOT NULL, config TEXT NOT NULL, tree TEXT NOT NULL,
    created REAL NOT NULL, started REAL, ended REAL, pid INTEGER, pid_started REAL, device TEXT, version TEXT,
    epoch INTEGER NOT NULL DEFAULT 0, progress REAL NOT NULL DEFAULT 0, cancel_requested REAL, error TEXT, test TEXT
);
CREATE TABLE metrics (
    run INTEGER NOT NULL, name TEXT NOT NULL, epoch REAL NOT NULL, value REAL, PRIMARY KEY (run, name, epoch)
) WITHOUT ROWID;
CREATE TABLE confusions (
    run INTEGER NOT NULL, part TEXT NOT NULL, epoch INTEGER NOT NULL, counts BLOB NOT NULL,
    PRIMARY KEY (run, part, epoch)
) WITHOUT ROWID;
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
PRAGMA user_version = 1;
"""

# The second version's, as they were.
SECOND = """
CREATE TABLE trees (hash TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID;
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
);
CREATE TABLE metrics (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    run INTEGER NOT NULL, name TEXT NOT NULL, epoch REAL NOT NULL, value REAL,
    UNIQUE (run, name, epoch)
);
CREATE TABLE confusions (
    run INTEGER NOT NULL, part TEXT NOT NULL, epoch INTEGER NOT NULL, counts BLOB NOT NULL,
    PRIMARY KEY (run, part, epoch)
) WITHOUT ROWID;
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX runs_by_state ON runs (state);
PRAGMA user_version = 2;
"""

# What the third and the fourth added to the second.
FOURTH = (
    SECOND
    + """
CREATE TABLE similarities (hash TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID;
ALTER TABLE runs ADD COLUMN similarity TEXT REFERENCES similarities;
ALTER TABLE runs ADD COLUMN tags TEXT NOT NULL DEFAULT '';
PRAGMA user_version = 4;
"""
)
SIMILARITY = ",a,b\na,1,0.5\nb,0.5,1\n"


@pytest.fixture
def first(tmp_path: Path) -> Path:
    """The folder of a store of the first version: a finished, a running and a waiting run."""
    db = sqlite3.connect(tmp_path / "store.sqlite")
    db.executescript(FIRST)
    text = tree_formats.render(DIGITS, "json")
    rows = [
        ("finished", 3.0, 4.0, 77, 1.0, 3, 1.0, None, None, json.dumps({"accuracy": 0.5})),
        ("running", 5.0, None, 78, 2.0, 1, 0.25, 9.0, None, None),
        ("queued", None, None, None, None, 0, 0.0, None, None, None),
        ("failed", 6.0, 7.0, 79, 3.0, 0, 0.1, None, "It would not.", None),
    ]
    for state, started, ended, pid, pid_started, epoch, progress, cancel, error, test in rows:
        db.execute(
            "INSERT INTO runs (state, config, tree, created, started, ended, pid, pid_started, device, version, epoch,"
            " progress, cancel_requested, error, test) VALUES (?, ?, ?, 1.5, ?, ?, ?, ?, 'cpu', '0.1', ?, ?, ?, ?, ?)",
            (state, CONFIG.model_dump_json(), text, started, ended, pid, pid_started, epoch, progress, cancel, error,
             test),
        )  # fmt: skip
    db.executemany(
        "INSERT INTO metrics VALUES (?, ?, ?, ?)",
        [(1, "val_loss", epoch, 3.0 - epoch) for epoch in (1, 2, 3)]
        + [(1, "train_loss", epoch / 10, epoch) for epoch in range(1, 31)]
        + [(2, "train_loss", 0.5, None)],
    )
    counts = sqlite3.Binary(__import__("zlib").compress(np.eye(10, dtype="<i4").tobytes()))
    db.execute("INSERT INTO confusions VALUES (1, 'validation', 3, ?)", (counts,))
    db.execute("INSERT INTO settings VALUES ('slots', '3')")
    db.commit()
    db.close()
    return tmp_path


def test_a_store_of_the_first_version_becomes_todays_with_everything_in_it(first):
    store = Store(first)
    runs = store.runs()
    assert [(run.id, run.state) for run in runs] == [
        ("1", "finished"), ("2", "running"), ("3", "queued"), ("4", "failed"),
    ]  # fmt: skip
    done, running, _, failed = runs
    assert (done.config, done.tree, done.test) == (CONFIG, DIGITS, {"accuracy": 0.5})
    assert (done.created, done.started, done.ended, done.device, done.version) == (1.5, 3.0, 4.0, "cpu", "0.1")
    assert (done.epoch, done.progress, failed.error) == (3, 1.0, "It would not.")
    assert (running.pid, running.process, running.cancel_requested, running.progress) == (78, None, 9.0, 0.25)
    assert [run.attempt for run in runs] == [1, 1, 0, 1]
    points = store.metrics(["1", "2"])
    assert points["1"]["val_loss"] == [(1, 2), (2, 1), (3, 0)]
    assert [epoch for epoch, _ in points["1"]["train_loss"]] == [epoch / 10 for epoch in range(1, 31)]
    assert math.isnan(points["2"]["train_loss"][0][1])
    assert done.last == {"val_loss": 0, "train_loss": 30}
    assert np.array_equal(store.confusion("1", "validation").toarray(), np.eye(10))
    assert (store.setting("slots.cpu"), store.setting("slots.cuda"), store.setting("slots")) == ("3", "3", None)
    assert [run.id for run in store.queue()] == ["3"]
    assert store.add([CONFIG], DIGITS) == ["5"]
    assert store.claim().id == "3"
    # And what it was is kept beside it.
    kept = sqlite3.connect(first / "store.version-1.sqlite")
    assert kept.execute("PRAGMA user_version").fetchone() == (1,)
    assert kept.execute("SELECT count(*) FROM metrics").fetchone() == (34,)
    kept.close()


def test_a_store_of_the_second_version_becomes_todays_and_its_runs_have_the_trees_similarity(tmp_path):
    db = sqlite3.connect(tmp_path / "store.sqlite")
    db.executescript(SECOND)
    text = tree_formats.render(DIGITS, "json")
    db.execute("INSERT INTO trees VALUES ('abc', ?)", (text,))
    simloss = CONFIG.model_dump() | {"loss": "simloss", "options": {"lower_bound": 0.5}}
    # Of the time when there was no choice of these, and what runs did was not what is usual now.
    before = CONFIG.model_dump(exclude={"schedule", "select", "precision", "flip"})
    for config in (CONFIG.model_dump(), simloss, before):
        db.execute(
            "INSERT INTO runs (state, config, tree, created, place) VALUES ('queued', ?, 'abc', 1.5, 1)",
            (json.dumps(config),),
        )
    db.commit()
    db.close()
    store = Store(tmp_path)
    plain, alike, older = store.runs()
    assert (older.config.schedule, older.config.select, older.config.precision) == ("constant", "last", "float32")
    assert older.config.epochs == CONFIG.epochs
    assert (plain.config, plain.tree, plain.similarity, plain.tags) == (CONFIG, DIGITS, None, ())
    assert (alike.config.options, alike.similarity) == ({"similarity": "tree", "lower_bound": 0.5}, None)
    assert store.add([CONFIG], DIGITS, similarities=[SIMILARITY]) == ["4"]
    assert store.run("4").similarity_text == SIMILARITY
    kept = sqlite3.connect(tmp_path / "store.version-2.sqlite")
    assert kept.execute("PRAGMA user_version").fetchone() == (2,)
    assert kept.execute("SELECT count(*) FROM runs").fetchone() == (3,)
    kept.close()
    assert tables(tmp_path) == tables(tmp_path / "new")


def test_a_store_of_the_fourth_version_becomes_todays_with_every_row_as_it_was(tmp_path):
    db = sqlite3.connect(tmp_path / "store.sqlite")
    db.executescript(FOURTH)
    db.execute("INSERT INTO trees VALUES ('abc', ?)", (tree_formats.render(DIGITS, "json"),))
    db.execute("INSERT INTO similarities VALUES ('def', ?)", (SIMILARITY,))
    for tags, similarity in (("paper baseline", None), ("", "def")):
        db.execute(
            "INSERT INTO runs (state, config, tree, created, place, note, tags, similarity, last)"
            " VALUES ('finished', ?, 'abc', 1.5, 1, 'Training begins anew.', ?, ?, '{\"val_loss\": 2.0}')",
            (CONFIG.model_dump_json(), tags, similarity),
        )
    db.execute("INSERT INTO metrics (run, name, epoch, value) VALUES (1, 'val_loss', 1.0, 2.0)")
    db.execute("INSERT INTO settings VALUES ('slots.cpu', '3')")
    db.commit()
    before = rows(db)
    db.close()
    store = Store(tmp_path)
    assert [run.own_note for run in store.runs()] == ["", ""]
    notes.put(store, "2", "Mine.")
    assert [(run.note, run.own_note, run.tags) for run in store.runs()] == [
        ("Training begins anew.", "", ("paper", "baseline")),
        ("Training begins anew.", "Mine.", ()),
    ]
    assert store.run("2").similarity_text == SIMILARITY
    db = sqlite3.connect(tmp_path / "store.sqlite")
    for column in ("own_note", "train_hash", "test_hash", "origin", "deleted"):
        db.execute(f"ALTER TABLE runs DROP COLUMN {column}")
    assert rows(db) == before
    db.rollback()
    db.close()
    kept = sqlite3.connect(tmp_path / "store.version-4.sqlite")
    assert rows(kept) == before
    kept.close()


def test_columns_renamed_in_version_6_keep_their_values(tmp_path):
    db = sqlite3.connect(tmp_path / "store.sqlite")
    db.executescript(FOURTH)
    db.execute("ALTER TABLE runs ADD COLUMN own_note TEXT NOT NULL DEFAULT ''")
    db.execute("PRAGMA user_version = 5")
    db.execute("INSERT INTO trees VALUES ('abc', ?)", (tree_formats.render(DIGITS, "json"),))
    db.execute(
        "INSERT INTO runs (state, config, tree, created, placed, beat, lost, device)"
        " VALUES ('running', ?, 'abc', 1.5, 'cuda:1', 7.5, 2, 'cuda')",
        (CONFIG.model_dump_json(),),
    )
    db.commit()
    db.close()
    store = Store(tmp_path)
    run = store.run("1")
    assert (run.assigned_device, run.heartbeat, run.lost_count, run.device) == ("cuda:1", 7.5, 2, "cuda")
    assert store.lose(run, "gone", again=True)
    assert (store.run("1").assigned_device, store.run("1").lost_count) == (None, 3)


def rows(db: sqlite3.Connection) -> dict[str, list[tuple[object, ...]]]:
    """All that is in the tables."""
    names = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
    return {name: db.execute(f"SELECT * FROM {name} ORDER BY 1").fetchall() for name in names}


def tables(folder: Path) -> dict[str, str]:
    Store(folder).set_setting("x", "1")
    db = sqlite3.connect(folder / "store.sqlite")
    found = dict(db.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall())
    db.close()
    return {name: " ".join(sql.replace('"', "").split()) for name, sql in found.items()}


def test_the_migrated_tables_are_those_of_a_new_store(first, tmp_path_factory):
    assert tables(first) == tables(tmp_path_factory.mktemp("new"))


def test_many_may_migrate_at_once(first):
    begin = threading.Barrier(8)

    def read() -> list[str]:
        begin.wait()
        return [run.id for run in Store(first).runs()]

    with ThreadPoolExecutor(8) as pool:
        assert [future.result() for future in [pool.submit(read) for _ in range(8)]] == [["1", "2", "3", "4"]] * 8


def test_a_migration_that_fails_leaves_the_store_as_it_was(first, monkeypatch):
    def fail(db: sqlite3.Connection) -> None:
        schema._from_1(db)
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(schema, "MIGRATIONS", {**schema.MIGRATIONS, 1: fail})
    with pytest.raises(StoreError, match="cannot be"):
        Store(first).runs()
    monkeypatch.undo()
    assert len(Store(first).runs()) == 4


def test_there_is_a_way_from_every_older_version():
    assert set(schema.MIGRATIONS) == set(range(1, SCHEMA_VERSION))


@pytest.fixture(params=["moved", "replaced", "emptied", "removed"])
def away(request, tmp_path):
    """The database of a background process whose folder is not there any more, and what is left at its place."""
    home = tmp_path / "home"
    Store(home).set_setting("a", "1")
    database = Store(home, pinned=True).database
    with database.write() as db:
        db.execute("INSERT INTO settings VALUES ('b', '2')")
    if request.param == "removed":
        shutil.rmtree(home)
    elif request.param == "emptied":
        for file in home.iterdir():
            file.unlink()
    else:
        home.rename(tmp_path / "moved")
    if request.param == "replaced":
        shutil.copytree(tmp_path / "moved", home)
    return database, sorted(file.relative_to(tmp_path) for file in home.rglob("*"))


def test_a_background_process_makes_no_store_where_its_folder_was(away, tmp_path):
    database, before = away
    for use in (database.read, database.write):
        with pytest.raises(HomeMovedError, match=r"home was moved, replaced or removed while this process"), use():
            pass
    assert sorted(file.relative_to(tmp_path) for file in (tmp_path / "home").rglob("*")) == before
    if Path("home/store.sqlite") in before:
        assert Store(tmp_path / "home").setting("b") == "2", "the copy is as it was made"


def test_a_background_process_does_not_begin_without_a_store(tmp_path):
    with pytest.raises(HomeMovedError):
        Store(tmp_path / "home", pinned=True).runs()
    assert not (tmp_path / "home").exists()


def test_a_store_that_is_restored_in_its_folder_is_used(tmp_path):
    Store(tmp_path).set_setting("a", "1")
    pinned = Store(tmp_path, pinned=True)
    assert pinned.setting("a") == "1"
    other = tmp_path / "other"
    Store(other).set_setting("a", "2")
    for file in tmp_path.glob("store.sqlite*"):
        file.unlink()
    (other / "store.sqlite").rename(tmp_path / "store.sqlite")
    assert pinned.setting("a") == "2"


def test_a_reader_cannot_write(tmp_path):
    db = Database(tmp_path / "store.sqlite")
    with db.write() as writer:
        writer.execute("INSERT INTO settings VALUES ('a', '1')")
    with pytest.raises(StoreError, match="readonly"), db.read() as reader:
        reader.execute("INSERT INTO settings VALUES ('b', '2')")
    with db.read() as reader:
        assert reader.execute("SELECT count(*) FROM settings").fetchone()[0] == 1


def test_a_reader_sees_one_moment(tmp_path):
    db = Database(tmp_path / "store.sqlite")
    with db.write() as writer:
        writer.execute("INSERT INTO settings VALUES ('a', '1')")
    with db.read() as reader:
        assert reader.execute("SELECT value FROM settings").fetchone()[0] == "1"
        with db.write() as writer:
            writer.execute("UPDATE settings SET value = '2'")
        assert reader.execute("SELECT value FROM settings").fetchone()[0] == "1"
    with db.read() as reader:
        assert reader.execute("SELECT value FROM settings").fetchone()[0] == "2"


def test_the_version_changes_with_each_commit_and_each_file(tmp_path):
    db, other = Database(tmp_path / "store.sqlite"), Database(tmp_path / "store.sqlite")
    assert db.version() is None  # there is no file
    seen = []
    for writer in (db, other, db):
        with writer.write() as opened:
            opened.execute("INSERT OR REPLACE INTO settings VALUES ('a', '1')")
        seen.append(db.version())
        assert db.version() == seen[-1]
    shutil.copy(tmp_path / "store.sqlite", tmp_path / "copy")
    (tmp_path / "copy").replace(tmp_path / "store.sqlite")
    seen.append(db.version())
    assert len(set(seen)) == 4
    assert None not in seen


def test_the_version_of_a_broken_file_is_unknown(tmp_path):
    (tmp_path / "store.sqlite").write_bytes(b"no database" * 1000)
    assert Database(tmp_path / "store.sqlite").version() is None


@pytest.mark.parametrize("name", ["with space", "per%20cent", "question?mode=rw", "hash#mark", "ümläut"])
def test_a_folder_may_have_any_name(tmp_path, name):
    store = Store(tmp_path / name)
    assert store.add([CONFIG], DIGITS) == ["1"]
    assert len(store.runs()) == 1
    assert (tmp_path / name / "store.sqlite").exists()


def test_a_full_disk_is_told_as_such_and_nothing_is_half_written(tmp_path, monkeypatch):
    store = Store(tmp_path)
    store.add([CONFIG], DIGITS)
    with store.database.write() as db:
        db.execute(f"PRAGMA max_page_count = {db.execute('PRAGMA page_count').fetchone()[0]}")
    with pytest.raises(DiskFull, match="is full, so nothing can be stored"):
        store.add([CONFIG] * 500, DIGITS)
    assert len(store.runs()) == 1
    with store.database.write() as db:
        db.execute("PRAGMA max_page_count = 1000000")
    assert len(store.add([CONFIG] * 500, DIGITS)) == 500


def test_an_error_of_a_disk_without_room_is_a_full_disk(tmp_path, monkeypatch):
    db = Database(tmp_path / "store.sqlite")
    error = sqlite3.OperationalError("unable to open database file")
    error.sqlite_errorcode = sqlite3.SQLITE_CANTOPEN
    assert not db._is_full(error)
    monkeypatch.setattr(database, "NO_ROOM", 1 << 62)
    assert db._is_full(error)
    assert db._is_full(OSError(28, "No space left on device"))
    assert not db._is_full(OSError(13, "Permission denied"))
