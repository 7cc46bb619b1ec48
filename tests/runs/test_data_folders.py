"""The data folder that a run was queued with."""

from __future__ import annotations

import pytest

from hierapp.runs import Store, data_folders, trash
from hierapp.training import RunConfig
from hierapp.trees import library as tree_library

CONFIG = RunConfig.make(data="digits", tree="digits", loss="cross-entropy")


@pytest.fixture
def store(tmp_path):
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    return Store(tmp_path / "home")


def test_a_run_keeps_its_folder_until_it_is_resumed_with_another(store, tmp_path):
    first, second, unknown = (
        store.add([CONFIG], tree_library.load("digits"), data_folder=folder)[0]
        for folder in (tmp_path / "first", tmp_path / "second", None)
    )
    kept = [data_folders.of(store, run) for run in (first, second, unknown)]
    assert kept == [tmp_path / "first", tmp_path / "second", None]
    store.request_cancel(first)
    store.resume(first)
    assert data_folders.of(store, first) == tmp_path / "first"
    store.request_cancel(first)
    store.resume(first, tmp_path / "second")
    assert data_folders.of(store, first) == tmp_path / "second"
    (tmp_path / "second").rmdir()
    assert data_folders.of(store, second) is None, "as in a restored backup"


def test_nothing_is_left_of_a_run_that_is_removed(store, tmp_path):
    (run,) = store.add([CONFIG], tree_library.load("digits"), data_folder=tmp_path / "first")
    store.request_cancel(run)
    trash.delete(store, [run])
    assert trash.empty(store) == [run]
    with store.database.read() as db:
        assert db.execute("SELECT count(*) FROM settings").fetchone()[0] == 0
