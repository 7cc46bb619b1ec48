"""Backup and restore: all that is the user's comes back, from a store that is being written to, or nothing changes."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from hierapp import LabelTree
from hierapp.errors import ArchiveError, HierappError, StoreError
from hierapp.lab import saved_views, views
from hierapp.runs import Store, backup
from hierapp.runs.schema import SCHEMA_VERSION
from hierapp.similarities import Similarity, library as similarity_library
from hierapp.similarities.similarity import ordinal
from hierapp.training import RunConfig
from hierapp.trees import library as tree_library
from hierapp.trees.drafts import Draft
from hierapp.utils.archives import Limits
from tests.store_states import end, working

PROJECT = Path(__file__).resolve().parents[2]
DIGITS = tree_library.load("digits")
SIMILARITY = ",a,b\na,1,0.5\nb,0.5,1\n"
STATES = ("finished", "failed", "cancelled", "interrupted")


def configs(count: int) -> list[RunConfig]:
    return [RunConfig.make(data="digits", tree="digits", loss="hierarchical", seed=seed) for seed in range(count)]


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def told(call: Callable[[], object], kind: type[HierappError] = HierappError) -> str:
    with pytest.raises(kind) as caught:
        call()
    said = str(caught.value)
    assert "\n" not in said
    assert said.endswith(".")
    return said


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HIERAPP_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


@pytest.fixture
def new(tmp_path: Path) -> Path:
    """Where backups are brought back to."""
    return tmp_path / "far" / "new"


@pytest.fixture
def store(home: Path) -> Store:
    """A run of each state, each with what runs leave; two trees that differ by case, one with versions; a draft."""
    made = Store()
    ids = made.add(configs(6), DIGITS, similarities=[None, SIMILARITY, SIMILARITY, None, SIMILARITY, SIMILARITY])
    for run, state in zip(ids, (*STATES, "running"), strict=False):
        made.claim()
        working(made, run).end_epoch(1, {"val_accuracy": 0.5, "val_loss": float("nan")}, np.eye(10, dtype=np.int64))
        made.run(run).folder.mkdir(parents=True)
        (made.run(run).folder / "log.txt").write_text(f"epoch 1 of run {run}\n" * 1000)
        save_file({"w": np.zeros((400, 400), np.float32)}, made.run(run).folder / "checkpoint.safetensors")
        if state != "running":
            end(made, run, state, "It would not." if state == "failed" else None, {"accuracy": 0.75})
    made.writer("5").take(1, "of another machine")
    for leaf in ("a", "b"):
        tree_library.save(LabelTree.from_edges([("root", leaf), ("root", "c")]), "mine")
    tree_library.save(DIGITS, "Mine")
    similarity_library.keep(Similarity.of(DIGITS.leaves, ordinal(10, 0.5)), "mine")
    Draft.begin(DIGITS, "a draft")
    (home / "data").mkdir(exist_ok=True)
    (home / "data" / "large").write_bytes(b"of a data set")
    return made


def rows(home: Path) -> list[object]:
    at = Store(home)
    runs = at.runs()
    ids = [run.id for run in runs]
    told = [
        (run.id, run.state, run.config, run.tree_text, run.similarity_text, run.created, run.epoch, run.error, run.test)
        for run in runs
    ]
    return [told, repr(at.metrics(ids)), [at.confusion(run, "validation") is not None for run in ids]]


# There and back


def test_all_that_is_the_users_comes_back(store, home, new, tmp_path):
    before = rows(home)
    assert backup.backup(tmp_path / "b.zip") == 6
    assert rows(home) == before
    assert backup.restore(tmp_path / "b.zip", new) == 6
    after = rows(new)
    assert [run for run in after[0] if run[1] != "interrupted"] == [
        run for run in before[0] if run[1] not in ("interrupted", "running")
    ]
    assert after[1:] == before[1:]
    kept = {name: data for name, data in content(home).items() if not backup.is_excluded(name.split("/")[0])}
    assert len(kept) == 5 * 2 - 1 + 3 + 1 + 1  # the finished run has no checkpoint
    assert {name: data for name, data in content(new).items() if name in kept} == kept
    assert set(content(new)) - set(kept) <= {"store.sqlite", "store.sqlite-wal", "store.sqlite-shm"}
    assert {path.name for path in tmp_path.iterdir()} == {"home", "b.zip", "far"}


@pytest.mark.parametrize("results", ["paper", "report"])
def test_views_results_and_what_is_not_known_come_back(results, store, home, new, tmp_path, monkeypatch):
    (home / results).mkdir()
    (home / results / "quick.json").write_text("{}")
    saved_views.keep(views.start(), "mine")
    (home / "of-a-later-version" / "below").mkdir(parents=True)
    (home / "of-a-later-version" / "below" / "x.bin").write_bytes(b"x")
    (home / "my notes.txt").write_text("mine")
    (home / "small").mkdir()
    (home / "small" / "images.npy").write_bytes(b"of a data set")
    monkeypatch.setenv("HIERAPP_DATA", str(home / "small"))
    (home / "earlier.zip").write_bytes(b"an earlier backup")
    backup.backup(tmp_path / "b.zip")
    backup.restore(tmp_path / "b.zip", new)
    found = content(new)
    for name in (f"{results}/quick.json", "views/mine.json", "of-a-later-version/below/x.bin", "my notes.txt"):
        assert found[name] == content(home)[name]
    assert not {"earlier.zip", "small/images.npy", "data/large"} & set(found)


# All files and folders of a home that the code names: those that a backup contains, and those that it leaves out.
IN_A_BACKUP = {"trees", "similarities", "drafts", "views", "report", "paper", "runs", "searches", "studies", "trash"}
LEFT_OUT = {"data", "launcher.lock", "launcher.log", ".imports"}


def test_whoever_adds_a_folder_to_the_home_decides_whether_a_backup_has_it():
    """A literal name, or a constant in capitals, behind the home of `paths` or of a store."""
    found = set()
    for file in sorted((PROJECT / "hierapp").rglob("*.py")):
        home = r"home\(\)|store\.folder|_folder\(store\)" + (r"|self\.folder" if file.parent.name == "runs" else "")
        named = re.compile(rf"(?:{home}) / (?:f?\"([^\"{{]+)\"|([A-Z_]+)\b)")
        source = file.read_text(encoding="utf-8")
        constants = dict(re.findall(r"^([A-Z_]+) = \"([^\"]+)\"", source, re.MULTILINE))
        for literal, constant in named.findall(source):
            if constant in constants or literal:
                found.add(literal or constants[constant])
    found -= {"store.sqlite", "log.txt"}
    assert found >= {"trees", "drafts", "runs", "views", "data"}, "the pattern finds no folders any more"
    assert {name for name in found if backup.is_excluded(name)} <= LEFT_OUT
    assert {name for name in found if not backup.is_excluded(name)} <= IN_A_BACKUP


def test_runs_that_were_running_are_interrupted_as_of_the_backup_and_queued_ones_wait(store, home, new, tmp_path):
    begun = time.time()
    backup.backup(tmp_path / "b.zip")
    done = time.time()
    backup.restore(tmp_path / "b.zip", new)
    running, queued = Store(new).run("5"), Store(new).run("6")
    assert (running.state, running.pid, running.epoch) == ("interrupted", None, 1)
    assert begun <= running.ended <= done
    assert running.error.endswith(".")
    assert queued == replace(Store(home).run("6"), folder=queued.folder)
    assert Store(home).run("5").state == "running"
    assert Store(home).run("4").ended == Store(new).run("4").ended


def test_a_run_that_was_asked_to_stop_is_cancelled(store, new, tmp_path):
    store.request_cancel("5")
    backup.backup(tmp_path / "b.zip")
    backup.restore(tmp_path / "b.zip", new)
    assert (Store(new).run("5").state, Store(new).run("5").error) == ("cancelled", None)


def test_what_was_brought_back_can_be_worked_with(store, home, new, tmp_path, monkeypatch):
    backup.backup(tmp_path / "b.zip")
    backup.restore(tmp_path / "b.zip", new)
    monkeypatch.setenv("HIERAPP_HOME", str(new))
    again = Store()
    assert again.claim().id == "6"
    assert again.add(configs(1), DIGITS) == ["7"]
    assert [entry.name for entry in tree_library.entries() if not entry.shipped] == ["Mine", "mine"]
    assert len(tree_library.versions("mine")) == 1
    (draft,) = (new / "drafts").glob("*")
    assert Draft.load(draft.stem).tree == DIGITS
    db = sqlite3.connect(new / "store.sqlite")
    assert db.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    db.close()
    backup.backup(tmp_path / "again.zip")


def test_weights_may_be_left_out(store, home, new, tmp_path):
    (store.run("1").folder / "checkpoint.safetensors.broken").write_bytes(b"x")
    backup.backup(tmp_path / "with.zip")
    backup.backup(tmp_path / "without.zip", weights=False)
    assert (tmp_path / "without.zip").stat().st_size < 100_000 < (tmp_path / "with.zip").stat().st_size
    (store.run("1").folder / "log.txt").unlink()
    backup.backup(tmp_path / "nothing.zip", weights=False)
    backup.restore(tmp_path / "nothing.zip", new)
    assert {path.name for path in (new / "runs").rglob("*") if path.is_file()} == {"log.txt"}
    assert len(list((new / "runs").iterdir())) == 5


def test_trees_without_a_store_are_backed_up_as_well(home, new, tmp_path):
    tree_library.save(DIGITS, "mine")
    assert backup.backup(tmp_path / "b.zip") == 0
    assert not (home / "store.sqlite").exists()
    assert backup.restore(tmp_path / "b.zip", new) == 0
    assert Store(new).runs() == []
    assert content(new)["trees/mine.json"] == content(home)["trees/mine.json"]


def test_a_home_with_data_sets_takes_a_backup_and_keeps_them(store, home, new, tmp_path):
    backup.backup(tmp_path / "b.zip")
    shutil.copytree(home / "data", new / "data")
    (new / "trees").mkdir()
    (new / "launcher.log").write_text("mine")
    backup.restore(tmp_path / "b.zip", new)
    assert content(new)["data/large"] == b"of a data set"
    assert content(new)["launcher.log"] == b"mine"
    assert len(Store(new).runs()) == 6


def test_a_backup_while_others_write_is_of_one_moment(store, home, new, tmp_path):
    """Each epoch is one transaction of a metric, a matrix and the run's row: they agree in the copy, too."""
    stop, epochs = threading.Event(), [0, 0]
    ids = store.add(configs(2), DIGITS)
    while store.claim():
        pass

    def write(index: int) -> None:
        mine, run, epoch = Store(home), ids[index], 0
        folder = mine.run(run).folder
        folder.mkdir(parents=True, exist_ok=True)
        while not stop.is_set():
            epoch += 1
            working(mine, run).end_epoch(epoch, {"val_loss": float(epoch)}, np.full((10, 10), epoch))
            with (folder / "log.txt").open("a") as log:
                log.write(f"epoch {epoch}\n" * 50)
            save_file({"w": np.full((50, 50), epoch)}, folder / "model.part")
            (folder / "model.part").replace(folder / "model.safetensors")
            epochs[index] = epoch

    threads = [threading.Thread(target=write, args=(index,)) for index in range(2)]
    for thread in threads:
        thread.start()
    try:
        for number in range(5):
            before = list(epochs)
            while min(now - then for now, then in zip(epochs, before, strict=True)) < 2:
                time.sleep(0.01)
            backup.backup(tmp_path / f"{number}.zip")
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    seen = []
    for number in range(5):
        at = new / str(number)
        backup.restore(tmp_path / f"{number}.zip", at)
        for run in ids:
            read = Store(at)
            epoch = read.run(run).epoch
            losses = read.metrics([run])[run]["val_loss"]
            assert losses == [(step, step) for step in range(1, epoch + 1)]
            assert read.confusion(run, "validation")[0, 0] == epoch
            assert load_file(read.run(run).folder / "model.safetensors")["w"][0, 0] >= epoch - 1
            assert not list(read.run(run).folder.glob("*.part"))
            seen.append(epoch)
    assert seen[::2] == sorted(set(seen[::2]))


# Making one


def test_a_file_that_is_there_is_never_replaced(store, tmp_path, monkeypatch):
    (tmp_path / "b.zip").write_text("mine")
    (tmp_path / "link.zip").symlink_to(tmp_path / "nowhere")
    for name in ("b.zip", "link.zip"):
        assert "already exists" in told(lambda name=name: backup.backup(tmp_path / name), StoreError)

    really = backup._copy_store
    with monkeypatch.context() as patch:
        patch.setattr(backup, "_copy_store", None)  # is not even begun
        assert "already exists" in told(lambda: backup.backup(tmp_path / "b.zip"), StoreError)

    def slow(*arguments):
        (tmp_path / "late.zip").write_text("mine")
        return really(*arguments)

    monkeypatch.setattr(backup, "_copy_store", slow)
    assert "already exists" in told(lambda: backup.backup(tmp_path / "late.zip"), StoreError)

    def no_links(*arguments):
        raise OSError(errno.EPERM, "Operation not permitted")

    (tmp_path / "late.zip").unlink()
    monkeypatch.setattr(os, "link", no_links)
    assert "already exists" in told(lambda: backup.backup(tmp_path / "late.zip"), StoreError)
    assert (tmp_path / "late.zip").read_text() == (tmp_path / "b.zip").read_text() == "mine"
    assert {path.name for path in tmp_path.iterdir()} == {"home", "b.zip", "link.zip", "late.zip"}


def test_a_disk_without_hard_links_takes_a_backup(store, new, tmp_path, monkeypatch):
    def no_links(*arguments):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    backup.backup(tmp_path / "b.zip")
    assert backup.restore(tmp_path / "b.zip", new) == 6


def test_a_home_with_nothing_in_it_is_told(home, tmp_path):
    assert "nothing to back up" in told(lambda: backup.backup(tmp_path / "b.zip"), StoreError)
    assert not home.exists()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_told(store, tmp_path):
    assert "cannot be written" in told(lambda: backup.backup(tmp_path / "missing" / "b.zip"), StoreError)


def test_a_broken_store_gets_no_backup_that_could_not_be_restored(store, home, tmp_path):
    del store
    db = sqlite3.connect(home / "store.sqlite")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    file = home / "store.sqlite"
    whole = bytearray(file.read_bytes())
    whole[4096 * 2 : 4096 * 4] = bytes(4096 * 2)
    file.write_bytes(bytes(whole))
    assert "is damaged" in told(lambda: backup.backup(tmp_path / "b.zip"), StoreError)
    file.write_bytes(b"a letter, no database" * 400)
    assert "is damaged" in told(lambda: backup.backup(tmp_path / "b.zip"), StoreError)
    assert {path.name for path in tmp_path.iterdir()} == {"home"}


def test_what_no_backup_can_hold_is_told_before_it_is_too_late(store, home, tmp_path):
    for name in ("a\\b.json", "C:x.json", os.fsdecode(b"\xff.json")):
        (home / "trees" / name).write_text("{}")
        assert "rename it" in told(lambda: backup.backup(tmp_path / "b.zip"), StoreError)
        (home / "trees" / name).unlink()
    assert {path.name for path in tmp_path.iterdir()} == {"home"}


def test_pipes_side_files_and_the_backup_itself_are_not_in_it(store, home, new):
    os.mkfifo(home / "runs" / "1" / "pipe")
    (home / "trees" / "x.part").write_text("half")
    (home / "trees" / "gone").symlink_to(home / "nowhere")
    backup.backup(home / "trees" / "b.zip")
    with zipfile.ZipFile(home / "trees" / "b.zip") as opened:
        names = opened.namelist()
    assert not [name for name in names if name.endswith((".part", ".zip", "pipe", "gone", ".part/"))]
    assert len([name for name in names if not name.endswith("/")]) == 2 + 5 * 2 - 1 + 3 + 1 + 1


def test_folders_on_another_disk_come_back(store, home, new, tmp_path):
    (tmp_path / "disk").mkdir()
    for name in ("trees", "runs/1", "runs"):
        (home / name).rename(tmp_path / "disk" / name.replace("/", "-"))
        (home / name).symlink_to(tmp_path / "disk" / name.replace("/", "-"))
    before = content(home / "trees"), content(home / "runs" / "1"), content(home / "runs" / "2")
    backup.backup(tmp_path / "b.zip")
    backup.restore(tmp_path / "b.zip", new)
    assert (content(new / "trees"), content(new / "runs" / "1"), content(new / "runs" / "2")) == before
    assert not any(path.is_symlink() for path in new.rglob("*"))


def test_links_within_a_backup_come_back_as_what_they_lead_to(store, home, new, tmp_path):
    (home / "trees" / "sub").mkdir()
    (home / "trees" / "sub" / "own.txt").write_text("kept")
    (home / "trees" / "file.txt").symlink_to("sub/own.txt")
    (home / "similarities" / "folder").symlink_to(home / "trees" / "sub")
    backup.backup(tmp_path / "b.zip")
    backup.restore(tmp_path / "b.zip", new)
    for name in ("trees/sub/own.txt", "trees/file.txt", "similarities/folder/own.txt"):
        assert (new / name).read_text() == "kept"
    assert not any(path.is_symlink() for path in new.rglob("*"))


@pytest.mark.parametrize(
    ("link", "target", "says"),
    [
        ("trees/mine.txt", "../../far.txt", "is not part of the backup"),
        ("runs/1/pictures", "../../data", "is not part of the backup"),
        ("runs/1/store.sqlite", "../../store.sqlite", "is not part of the backup"),
        ("runs/1/outside", "/", "is not part of the backup"),
        ("runs/1/itself", ".", "contains the link"),
        ("runs/1/other", "../2/back", "contains the link"),
    ],
)
def test_a_link_that_leads_elsewhere_is_named(store, home, tmp_path, link, target, says):
    (tmp_path / "far.txt").write_text("of someone else")
    (home / "data").mkdir(exist_ok=True)
    if target == "../2/back":  # a loop through two folders
        target = "../2"
        (home / "runs" / "2" / "back").symlink_to("../1")
    (home / link).symlink_to(target)
    said = told(lambda: backup.backup(tmp_path / "b.zip"), StoreError)
    assert says in said
    assert f"The link {link}" in said
    assert {path.name for path in tmp_path.iterdir()} == {"home", "far.txt"}


def test_whatever_was_put_beside_a_runs_files_comes_back(store, new, tmp_path):
    (store.run("1").folder / "mine.pkl").write_bytes(b"cos\nsystem\n(S'ls'\ntR.")
    backup.backup(tmp_path / "b.zip")
    backup.restore(tmp_path / "b.zip", new)
    assert (new / "runs" / "1" / "mine.pkl").exists()


def test_a_folder_without_a_run_is_not_in_it(store, home, new, tmp_path):
    (home / "runs" / "99").mkdir()
    backup.backup(tmp_path / "b.zip")
    backup.restore(tmp_path / "b.zip", new)
    assert sorted(path.name for path in (new / "runs").iterdir()) == ["1", "2", "3", "4", "5"]


# Bringing one back: what is refused


@pytest.fixture
def made(store: Store, tmp_path: Path) -> Path:
    backup.backup(tmp_path / "b.zip")
    return tmp_path / "b.zip"


def rewrite(file: Path, change: Callable[[dict[str, bytes]], None]) -> None:
    with zipfile.ZipFile(file) as opened:
        inside = {name: opened.read(name) for name in opened.namelist()}
    change(inside)
    with zipfile.ZipFile(file, "w") as out:
        for name, data in inside.items():
            out.writestr(name, data)


def changed_store(tmp_path: Path, inside: dict[str, bytes], statement: str) -> None:
    file = tmp_path / "changed.sqlite"
    file.write_bytes(inside["store.sqlite"])
    db = sqlite3.connect(file)
    db.executescript(statement)
    db.close()
    inside["store.sqlite"] = file.read_bytes()
    file.unlink()


def about(inside: dict[str, bytes], **changes: object) -> None:
    told = {**json.loads(inside["hierapp-backup.json"]), **changes}
    inside["hierapp-backup.json"] = json.dumps({key: value for key, value in told.items() if value is not ...}).encode()


@pytest.mark.slow
@pytest.mark.parametrize("there", ["nothing", "data"])
@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda inside, at: inside.pop("hierapp-backup.json"), "is not a backup of hierapp"),
        (lambda inside, at: inside.pop("store.sqlite"), "is not a backup of hierapp"),
        (lambda inside, at: inside.update({"hierapp-backup.json": b"[]"}), "is not a backup of hierapp"),
        (lambda inside, at: inside.update({"hierapp-backup.json": b"\xff{"}), "is not a backup of hierapp"),
        (lambda inside, at: about(inside, created=...), "is not a backup of hierapp"),
        (lambda inside, at: about(inside, created="today"), "is not a backup of hierapp"),
        (lambda inside, at: about(inside, format=2), "newer hierapp"),
        (lambda inside, at: inside.update({"secrets/x": b""}), "newer hierapp"),
        (lambda inside, at: inside.update({"store.sqlite-wal": b"x"}), "newer hierapp"),
        (
            lambda inside, at: changed_store(at, inside, f"PRAGMA user_version = {SCHEMA_VERSION + 1}"),
            f"version {SCHEMA_VERSION + 1} and this hierapp reads {SCHEMA_VERSION}; update",
        ),
        (lambda inside, at: changed_store(at, inside, "PRAGMA user_version = 0"), "not a store of hierapp"),
        (lambda inside, at: changed_store(at, inside, "DROP TABLE runs"), "cannot be read"),
        (lambda inside, at: inside.update({"store.sqlite": b"a letter, no database" * 400}), "is damaged"),
        (lambda inside, at: inside.update({"store.sqlite": inside["store.sqlite"][:9000]}), "cannot be restored"),
        (
            lambda inside, at: inside.update(
                {"store.sqlite": inside["store.sqlite"][:4096] + bytes(4096) + inside["store.sqlite"][8192:]}
            ),
            "cannot be restored",
        ),
        (lambda inside, at: inside.update({"../evil": b""}), "points outside its folder"),
    ],
)
def test_what_is_no_sound_backup_leaves_everything_as_it_was(made, new, tmp_path, change, says, there):
    rewrite(made, lambda inside: change(inside, tmp_path))
    if there == "data":
        (new / "data").mkdir(parents=True)
        (new / "data" / "x").write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    assert says in told(lambda: backup.restore(made, new))
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_a_backup_that_was_cut_short_leaves_everything_as_it_was(made, new, tmp_path, share):
    made.write_bytes(made.read_bytes()[: int(made.stat().st_size * share)])
    before = sorted(tmp_path.rglob("*"))
    told(lambda: backup.restore(made, new), ArchiveError)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_backup_that_is_not_there_is_told(home, new, tmp_path):
    told(lambda: backup.restore(tmp_path / "missing.zip", new), ArchiveError)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "there", ["store.sqlite", "store.sqlite-wal", "trees/x.json", "drafts/x.jsonl", "runs/1/log.txt"]
)
def test_a_home_that_holds_something_already_is_not_touched(made, new, there):
    (new / there).parent.mkdir(parents=True)
    (new / there).write_text("mine")
    for file in (made, made.with_name("missing.zip")):  # nothing is unpacked for nothing
        assert "move it away, or set HIERAPP_HOME" in told(lambda file=file: backup.restore(file, new), StoreError)
    assert content(new) == {there: b"mine"}
    assert {path.name for path in new.iterdir()} == {there.split("/")[0]}


def test_a_store_that_comes_meanwhile_is_not_touched(made, new, monkeypatch):
    really = backup._prepare

    def slow(*arguments):
        Store(new).add(configs(1), DIGITS)
        return really(*arguments)

    monkeypatch.setattr(backup, "_prepare", slow)
    told(lambda: backup.restore(made, new), StoreError)
    assert len(Store(new).runs()) == 1
    assert not (new / "trees").exists()


@pytest.mark.parametrize("fails_at", ["trees", "drafts", "runs", "store.sqlite"])
def test_a_move_that_fails_is_taken_back(made, new, tmp_path, monkeypatch, fails_at):
    really = Path.rename

    def rename(path, target):
        if path.name == fails_at and Path(target).parent == new:
            raise OSError(errno.EIO, "Input/output error")
        return really(path, target)

    monkeypatch.setattr(Path, "rename", rename)
    before = sorted(tmp_path.rglob("*"))
    assert "Input/output error" in told(lambda: backup.restore(made, new), StoreError)
    assert sorted(tmp_path.rglob("*")) == before


# A disk without room


def test_a_disk_that_is_full_is_told_and_nothing_is_left(store, new, tmp_path, monkeypatch):
    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copyfileobj", full)
        assert "make room" in told(lambda: backup.backup(tmp_path / "b.zip"), StoreError)
    assert {path.name for path in tmp_path.iterdir()} == {"home"}
    backup.backup(tmp_path / "b.zip")
    before = sorted(tmp_path.rglob("*"))
    free = shutil.disk_usage(tmp_path)._replace(free=1_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: free)
    assert "more than the 1 MB" in told(lambda: backup.restore(tmp_path / "b.zip", new))
    assert sorted(tmp_path.rglob("*")) == before


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 1 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True)
    except OSError as error:
        pytest.skip(f"nothing can be mounted here: {error}")
    if done.returncode:
        pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_real_disk_that_is_full_is_told_and_nothing_is_left(store, small_disk, tmp_path, monkeypatch):
    assert "make room" in told(lambda: backup.backup(small_disk / "b.zip"), StoreError)
    assert list(small_disk.iterdir()) == []
    backup.backup(tmp_path / "b.zip")
    told(lambda: backup.restore(tmp_path / "b.zip", small_disk / "new"))
    assert list(small_disk.iterdir()) == []
    # Also where the disk fills up only meanwhile.
    monkeypatch.setattr(shutil, "disk_usage", lambda _: type("Usage", (), {"free": 10**12}))
    assert "No space left" in told(lambda: backup.restore(tmp_path / "b.zip", small_disk / "new"))
    assert list(small_disk.iterdir()) == []


@pytest.mark.slow
def test_a_backup_may_pack_far_better_than_an_archive_of_strangers(store, new, tmp_path):
    """A log of the same line again and again, as a warning in a loop writes it."""
    (store.run("1").folder / "log.txt").write_text("warning\n" * 8_000_000)
    backup.backup(tmp_path / "b.zip", weights=False)
    assert Limits().ratio * (tmp_path / "b.zip").stat().st_size + 10 * 2**20 < 64_000_000
    backup.restore(tmp_path / "b.zip", new)


# The command line


def call(*arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hierapp", "store", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(PROJECT), "HIERAPP_HOME": str(home)},
    )


@pytest.mark.slow
def test_the_command_line_backs_up_restores_and_checks(store, home, new, tmp_path):
    done = call("backup", "b.zip", "--without-weights", home=home)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("b.zip: 6 runs, 0.")
    done = call("restore", "b.zip", home=new)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{new}: 6 runs restored\n", "")
    done = call("check", "--json", home=new)
    assert json.loads(done.stdout) == {
        "folder": str(new),
        "runs": 6,
        "weights": 0,
        "problems": [],
        "is_sound": True,
    }
    assert done.returncode == 0
    (new / "runs" / "1").rename(new / "runs" / "100")
    done = call("check", home=new)
    assert done.returncode == 2
    assert done.stdout.splitlines() == [
        "Run 1 has no folder.",
        f"The folder {new / 'runs' / '100'} belongs to no run.",
    ]


@pytest.mark.slow
@pytest.mark.parametrize("command", [("backup", "b.zip"), ("restore", "missing.zip"), ("check",)])
def test_bad_input_costs_one_line(home, command):
    done = call(*command, home=home)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert not home.exists()
