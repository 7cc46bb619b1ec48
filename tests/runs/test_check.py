"""What `store check` finds, and that it only looks."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from hierapp.errors import StoreError
from hierapp.runs import Store, check as store_check
from hierapp.runs.schema import SCHEMA_VERSION
from hierapp.training import RunConfig
from hierapp.trees import library as tree_library
from tests.store_states import working

DIGITS = tree_library.load("digits")
CONFIG = RunConfig.make(data="digits", tree="digits", loss="simloss", options={"similarity": "mine"})


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HIERAPP_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def store(home: Path) -> Store:
    """Two runs that have trained, one that waits."""
    made = Store()
    ids = made.add(
        [RunConfig.make(data="digits", tree="digits", loss="simloss", seed=seed) for seed in range(3)], DIGITS
    )
    for run in ids[:2]:
        made.claim()
        working(made, run).end_epoch(1, {"val_loss": 1.0}, np.eye(10, dtype=np.int64))
        made.run(run).folder.mkdir(parents=True)
        save_file({"w": np.zeros(1000)}, made.run(run).folder / "model.safetensors")
    return made


def problems() -> tuple[str, ...]:
    found = store_check.check().problems
    for problem in found:
        assert "\n" not in problem
        assert problem.endswith(".")
    return found


def files(home: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in home.rglob("*") if path.is_file() and path.suffix != ".sqlite-shm"}


def execute(home: Path, *statements: str) -> None:
    db = sqlite3.connect(home / "store.sqlite", isolation_level=None)
    for statement in statements:
        db.execute(statement)
    db.close()


def test_a_sound_store_is_sound_while_it_is_used(store, home):
    before = {name: data for name, data in files(home).items() if "sqlite-" not in name}
    report = store_check.check()
    assert report == store_check.Report(str(home), runs=3, weights=2, problems=())
    assert report.is_sound
    assert {name: data for name, data in files(home).items() if "sqlite-" not in name} == before


def test_its_connection_can_change_nothing(store, home):
    with closing(store_check.open_readonly(home / "store.sqlite")) as db, pytest.raises(sqlite3.OperationalError):
        db.execute("DELETE FROM runs")


def test_no_store_is_told(home):
    with pytest.raises(StoreError, match="There is no store"):
        store_check.check()
    assert not home.exists()


def test_a_run_without_its_folder_and_a_folder_without_its_run_are_found(store, home):
    store.run("1").folder.rename(home / "runs" / "99")
    assert problems() == ("Run 1 has no folder.", f"The folder {home / 'runs' / '99'} belongs to no run.")


@pytest.mark.parametrize("cut", [0, 4, 100, 3000])
def test_weights_that_were_cut_short_are_found(store, cut):
    file = store.run("2").folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:cut])
    (found,) = problems()
    assert found.startswith(f"The weights {file} are broken (")


def test_weights_with_another_header_are_found(store):
    file = store.run("2").folder / "checkpoint.safetensors"
    file.write_bytes(b"\x10\0\0\0\0\0\0\0" + b"{no json at all}")
    assert len(problems()) == 1


def test_records_of_no_run_are_found(store, home):
    working(store, "1").end_epoch(2, {"val_loss": 0.5}, np.eye(10, dtype=np.int64))
    execute(home, "PRAGMA foreign_keys = OFF", "DELETE FROM runs WHERE id = 1")
    folder = home / "runs" / "1"
    assert problems() == (
        "Rows of metrics that belong to no run: 2.",
        "Rows of confusions that belong to no run: 2.",
        f"The folder {folder} belongs to no run.",
    )


def test_a_similarity_and_a_tree_that_are_not_there_are_found(store, home):
    (run,) = store.add([CONFIG], DIGITS, similarities=[",a\na,1\n"])
    assert problems() == ()
    execute(home, "PRAGMA foreign_keys = OFF", "DELETE FROM similarities")
    assert problems() == (f"Runs whose similarity is missing: {run}.",)
    execute(home, "PRAGMA foreign_keys = OFF", "DELETE FROM trees")
    assert problems() == ("Runs whose tree is missing: 1, 2, 3, 4.", f"Runs whose similarity is missing: {run}.")


def test_a_damaged_store_is_found_and_left_as_it_is(store, home, tmp_path, monkeypatch):
    execute(home, "PRAGMA wal_checkpoint(TRUNCATE)")
    home = home.rename(tmp_path / "other")  # where nobody has it open
    monkeypatch.setenv("HIERAPP_HOME", str(home))
    file = home / "store.sqlite"
    whole = bytearray(file.read_bytes())
    whole[4096 * 2 : 4096 * 5] = bytes(4096 * 3)
    file.write_bytes(bytes(whole))
    before = files(home)
    assert "is damaged" in problems()[0]
    assert files(home) == before
    file.write_bytes(b"a letter, no database" * 400)
    (found,) = problems()
    assert "is damaged (file is not a database)" in found


def test_a_newer_store_is_told(store, home):
    execute(home, f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    assert problems() == (
        f"The store has version {SCHEMA_VERSION + 1} and this hierapp reads {SCHEMA_VERSION}; update hierapp.",
    )


def test_a_database_of_something_else_is_told(home):
    home.mkdir()
    execute(home, "CREATE TABLE letters (text)")
    assert problems() == ("The file is not a store of hierapp; choose another one.",)
