"""The trash: runs are moved into it, restored from it, and removed with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from hierapp.cli import main as cli
from hierapp.errors import StoreError
from hierapp.runs import Store, backup, check, selectors, tags, trash
from tests.finished_runs import add_finished
from tests.store_states import end


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Three finished runs, numbered 1 to 3; run 3 is the only one with its tree."""
    monkeypatch.setenv("HIERAPP_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HIERAPP_DATA", str(tmp_path / "data"))
    made = Store()
    for seed in (0, 1):
        add_finished(made, seed=seed)
    add_finished(made, tree="digits-flat", loss="hierarchical")
    return made


def ids(store: Store, deleted: bool = False) -> list[str]:
    return [run.id for run in store.runs(deleted=deleted)]


def test_a_deleted_run_is_in_the_trash_only_until_it_is_restored(store):
    before = store.run("2")
    assert trash.delete(store, ["2", "2"]) == ["2"]
    assert (ids(store), ids(store, deleted=True)) == (["1", "3"], ["2"])
    assert store.counts() == {"finished": 2}
    with pytest.raises(StoreError, match="Run 2 is in the trash; restore it"):
        store.run("2")
    assert trash.restore(store, ["2"]) == ["2"]
    assert store.run("2") == before
    assert trash.contents(store) == []


def test_deleting_frees_nothing_and_emptying_removes_rows_texts_and_folder(store):
    folder = store.run("3").folder
    trash.delete(store, ["3"])
    assert folder.is_dir()
    assert trash.empty(store) == ["3"]
    assert not folder.exists()
    assert store.runs(deleted=None) == store.runs()
    with store.database.read() as db:
        for table in ("metrics", "confusions"):
            assert db.execute(f"SELECT count(*) FROM {table} WHERE run = 3").fetchone()[0] == 0
        assert db.execute("SELECT count(*) FROM trees").fetchone()[0] == 1
    assert check.check(store.folder).is_sound
    assert add_finished(store) == "4"  # a number is never used again


def test_folders_left_by_a_killed_process_are_removed_the_next_time(store, monkeypatch):
    folder = store.run("1").folder
    trash.delete(store, ["1"])
    with monkeypatch.context() as patch:
        patch.setattr(trash.parts, "remove", lambda path: None)
        trash.empty(store)
    assert folder.is_dir()
    assert trash.empty(store) == []
    assert not folder.exists()


def test_runs_that_may_not_be_removed_stay_in_the_trash(store):
    trash.delete(store, ["1", "2"])
    assert trash.empty(store, lambda run: run.id == "1") == ["1"]
    assert ids(store, deleted=True) == ["2"]


@pytest.mark.parametrize("state", ["queued", "running"])
def test_an_open_run_is_not_deleted_and_neither_are_the_others(state, store):
    (run,) = store.add([store.run("1").config], store.run("1").tree)
    if state == "running":
        assert store.claim().id == run
    with pytest.raises(StoreError, match=f"Run 4 is {state}; cancel it first"):
        trash.delete(store, ["1", run])
    assert ids(store, deleted=True) == []


def test_a_run_in_the_trash_is_not_resumed(store):
    (run,) = store.add([store.run("1").config], store.run("1").tree)
    end(store, run, "failed", error="It failed.")
    trash.delete(store, [run])
    with pytest.raises(StoreError, match="Run 4 is in the trash"):
        store.resume(run)


def test_what_is_not_in_the_trash_is_not_restored(store):
    trash.delete(store, ["1"])
    with pytest.raises(StoreError, match="Run 2 is not in the trash"):
        trash.restore(store, ["1", "2"])
    assert ids(store, deleted=True) == ["1"]


def test_selectors_select_outside_or_inside_the_trash(store):
    for run in "123":
        tags.put(store, run, ["all"])
    trash.delete(store, ["2"])
    assert selectors.chosen(store, ["tag:all"]) == ["1", "3"]
    assert selectors.chosen(store, ["1-3"], deleted=True) == ["2"]
    with pytest.raises(StoreError, match="No run in the trash matches '3'"):
        selectors.chosen(store, ["3"], deleted=True)


def test_a_backup_contains_the_trash(store, tmp_path, monkeypatch):
    trash.delete(store, ["1"])
    assert backup.backup(tmp_path / "all.zip") == 3
    backup.restore(tmp_path / "all.zip", tmp_path / "other")
    there = Store(tmp_path / "other")
    trash.restore(there, ["1"])
    assert (there.run("1").folder / "outputs.safetensors").is_file()


def test_the_commands_delete_list_restore_and_empty(store, capsys):
    assert cli.main(["delete", "1", "2-3"]) == 0
    assert cli.main(["trash"]) == 0
    assert "cross-entropy" in capsys.readouterr().out
    assert cli.main(["restore", "3"]) == 0
    assert cli.main(["trash", "--empty", "--json"]) == 0
    assert capsys.readouterr().out.endswith('run 3 is restored\n["1", "2"]\n')
    assert ids(store) == ["3"]
    assert cli.main(["trash"]) == 0
    assert cli.main(["restore", "3"]) == 2
    out, error = capsys.readouterr()
    assert out == "The trash is empty.\n"
    assert error.count("\n") == 1
