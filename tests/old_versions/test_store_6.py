"""A home of store version 6 opens: its runs do not know the content of their data set, and are treated as before.

A data set `swap` was imported, one run of it is finished and one was cancelled after 282 epochs.
"""

from __future__ import annotations

import sqlite3
import zipfile
from contextlib import closing
from pathlib import Path

import pytest

from hierapp import execution
from hierapp.analysis import groups, paired_runs
from hierapp.data import registry as datasets
from hierapp.data.content import UNKNOWN
from hierapp.lab import run_images
from hierapp.runs import Store, check
from tests.finished_runs import add_finished

HERE = Path(__file__).resolve().parent


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home as it was; no scheduler starts."""
    with zipfile.ZipFile(HERE / "home-store-6.zip") as archive:
        archive.extractall(tmp_path / "home")
    monkeypatch.setenv("HIERAPP_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("HIERAPP_DATA", raising=False)
    monkeypatch.syspath_prepend(HERE)  # tiny_nets, the network of these runs
    monkeypatch.setattr("hierapp.execution.scheduler.ensure_scheduler", lambda store: None)
    return tmp_path / "home"


def test_every_row_is_as_it_was(home):
    with closing(sqlite3.connect(home / "store.sqlite")) as db:
        before = {table: db.execute(f"SELECT * FROM {table}").fetchall() for table in ("runs", "metrics", "trees")}
    store = Store(home)
    finished, cancelled = store.runs()
    assert (finished.state, finished.epoch, finished.test["accuracy"]) == ("finished", 2, 1.0)
    assert (cancelled.state, cancelled.epoch) == ("cancelled", 282)
    assert finished.content == cancelled.content == UNKNOWN
    assert check.check(home).is_sound
    with closing(sqlite3.connect(home / "store.sqlite")) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (8,)
        assert [row[: len(before["runs"][0])] for row in db.execute("SELECT * FROM runs")] == before["runs"]
        for table in ("metrics", "trees"):
            assert db.execute(f"SELECT * FROM {table}").fetchall() == before[table]
    with closing(sqlite3.connect(home / "store.version-6.sqlite")) as kept:
        assert kept.execute("PRAGMA user_version").fetchone() == (6,)


def test_its_data_set_gets_its_hashes_and_new_runs_know_them(home):
    content = datasets.content_hashes("swap")
    assert None not in content
    store = Store(home)
    new = store.run(add_finished(store, data="swap", tree="swap", seed=1, model="tiny_nets:linear"))
    assert new.content == content


def test_its_runs_are_resumed_shown_and_compared(home):
    store = Store(home)
    assert execution.resume(store, "2").state == "queued"
    new = store.run(add_finished_alike(store))
    assert len(run_images.pictures(store.run("1"), [0, 1])) == 2
    assert paired_runs.compare_images(store.run("1"), new, folds=2).mcnemar.images == 6
    (group,) = groups.groups(store.runs())
    assert sorted(group.runs) == [0, 1]


def add_finished_alike(store: Store) -> str:
    """A finished run of the present version whose configuration differs from the old one's in the seed alone."""
    store.request_cancel("2")
    values = store.run("1").config.model_dump(exclude={"data", "tree", "loss", "seed", "epochs"})
    run = add_finished(store, data="swap", tree="swap", seed=1, **values)
    with store.database.write() as db:
        db.execute("UPDATE runs SET config = json_set(config, '$.epochs', 2) WHERE id = ?", (run,))
    return run
