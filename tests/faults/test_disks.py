"""A full disk, a folder that is read-only: runs wait or are refused with a sentence, and nothing else is harmed."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hierapp import execution
from hierapp.errors import StoreError
from hierapp.execution import scheduler
from hierapp.execution.local import LocalBackend
from hierapp.execution.scheduler import Scheduler
from hierapp.runs import Run, Store
from tests.faults import census
from tests.faults.one_run import (
    DIGITS,
    EPOCHS,
    REPOSITORY,
    config,
    content,
    hierapp,
    is_as_calm,
    sentence,
    train,
    wait_for,
)

# A full disk


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, of some megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    with mounted(folder, "size=16m"):
        yield folder


class mounted:
    """A file system in memory on a folder."""

    def __init__(self, folder: Path, options: str) -> None:
        self.folder, self.options = folder, options

    def __enter__(self) -> None:
        command = ["mount", "-t", "tmpfs", "-o", self.options, "tmpfs", str(self.folder)]
        mount = shutil.which("mount")
        done = subprocess.run(command, capture_output=True, text=True) if mount else None
        if done is None or done.returncode:
            why = done.stderr.strip() if done else "there is no mount"
            pytest.skip(f"a small file system cannot be mounted here ({why}); root can in most places")

    def __exit__(self, *exception: object) -> None:
        subprocess.run(["umount", "--lazy", str(self.folder)], check=True)


def remount(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """A file that takes all the room there is."""
    file = folder / "filler"
    with file.open("wb", buffering=0) as filler:
        for size in (1 << 20, 4096):
            try:
                while True:
                    filler.write(b"x" * size)
            except OSError:
                continue
    assert shutil.disk_usage(folder).free == 0
    return file


def test_runs_wait_while_the_disk_is_full_and_finish_when_there_is_room(disk, tmp_path, clean_up):
    epochs = 60
    calm = Store(tmp_path / "calm")
    calm.add([config(epochs=epochs)], DIGITS)
    assert train(calm).state == "finished"
    home = disk / "home"
    clean_up.append(home)
    store = Store(home)
    first, second = execution.submit(store, [config(epochs=epochs), config(epochs=2, seed=1)], DIGITS)
    wait_for(lambda: store.run(first).epoch >= 3, "some epochs")
    filler = fill(disk)
    looked = store.run(first).progress

    def stands_still() -> bool:
        nonlocal looked
        before, looked = looked, store.run(first).progress
        time.sleep(3 if before == looked else 0.3)
        return before == looked == store.run(first).progress

    wait_for(stands_still, "the run to notice")
    before = census.of_home(home)
    assert sorted(before) == ["launcher", f"worker {first}"]
    assert [run.state for run in store.runs()] == ["running", "queued"]
    # Whoever asks for more is told why not; what is there can be seen.
    for refused in (
        hierapp(home, "run", "--data", "digits", "--loss", "conditional", "--detach"),
        hierapp(home, "cancel", second),
    ):
        assert "is full" in sentence(refused)
    listed = hierapp(home, "runs", "--json")
    assert [run["state"] for run in json.loads(listed.stdout)] == ["running", "queued"], listed
    assert census.of_home(home) == before, "the launcher and the worker live"
    filler.unlink()
    wait_for(lambda: not any(run.is_open for run in store.runs()), "the runs to go on")
    assert [(run.state, run.attempt, run.error) for run in store.runs()] == [("finished", 1, None)] * 2
    assert is_as_calm(store, first, calm)


def test_weights_wait_for_room_though_the_store_has_some(store, calm, clean_up):
    clean_up.append(store.folder)
    folder = store.folder / "runs"
    folder.mkdir(parents=True)
    with mounted(folder, "size=64k"):
        (run,) = execution.submit(store, [config()], DIGITS)
        log = folder / run / "log.txt"
        wait_for(lambda: log.exists() and "the disk is full; waiting for free space" in log.read_text(), "the end")
        assert (store.run(run).state, store.run(run).epoch) == ("running", EPOCHS)
        assert [file.name for file in (folder / run).iterdir()] == ["log.txt"], "no half of a file is left"
        remount(folder, "size=16m")
        wait_for(lambda: not store.run(run).is_open, "the run's end")
        assert store.run(run).state == "finished"
        assert is_as_calm(store, run, calm)
        wait_for(lambda: not census.of_home(store.folder), "its processes' end")


class NoRoom(LocalBackend):
    """Where not even a log can be begun."""

    error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def start(self, run: Run) -> None:
        raise self.error


def test_a_run_that_cannot_start_on_a_full_disk_waits_on(store, monkeypatch):
    (run,) = store.add([config()], DIGITS)
    launcher = Scheduler(store, {"local": NoRoom})
    monkeypatch.setattr(scheduler, "FULL_DISK_SECONDS", 0.0)
    for _ in range(3):
        assert scheduler._step(launcher), "the launcher lives"
        assert store.run(run).state == "queued"


def test_a_launcher_that_cannot_be_started_is_told_and_the_runs_wait(store, monkeypatch):
    def spawn(*arguments: object, **named: object) -> None:
        raise NoRoom.error

    monkeypatch.setattr("hierapp.utils.processes.spawn", spawn)
    with pytest.raises(StoreError, match=r"could not be started \(No space left on device\)"):
        execution.submit(store, [config()], DIGITS)
    assert [run.state for run in store.runs()] == ["queued"]


def test_a_run_whose_process_cannot_be_started_says_why(store, monkeypatch):
    monkeypatch.setattr(NoRoom, "error", OSError(errno.EAGAIN, "Resource temporarily unavailable"))
    (run,) = store.add([config()], DIGITS)
    Scheduler(store, {"local": NoRoom}).step()
    assert store.run(run).state == "interrupted"
    assert store.run(run).error == (
        "The run's process could not be started (Resource temporarily unavailable); fix the problem and resume the run."
    )


# A folder that cannot be written


@pytest.mark.parametrize("left", ["closed", "with its log"])
def test_in_a_read_only_folder_runs_are_shown_and_nothing_changes(disk, left):
    home = disk / "home"
    assert hierapp(home, "run", "--data", "digits", "--loss", "conditional", "--epochs", "1").returncode == 0
    wait_for(lambda: not census.of_home(home), "the launcher's end")
    # Elsewhere, for a file that is open keeps a file system from becoming read-only.
    queue = (
        "import os, hierapp.runs.store, hierapp.trees.library as trees; from hierapp.training import RunConfig;"
        "config = RunConfig.make(data='digits', tree='digits', loss='simloss');"
        "store = hierapp.runs.Store(); store.add([config], trees.load('digits'))"
        + ("; os._exit(0)" if left == "with its log" else "")
    )
    environment = {**os.environ, "HIERAPP_HOME": str(home)}
    subprocess.run([sys.executable, "-c", queue], cwd=REPOSITORY, env=environment, check=True)
    assert (home / "store.sqlite-wal").exists() == (left == "with its log")
    wait_for(lambda: not census.is_open_below(disk), "all files there are closed")
    remount(disk, "ro")
    before = content(disk)
    listed = hierapp(home, "runs", "--json")
    assert [run["state"] for run in json.loads(listed.stdout)] == ["finished", "queued"], listed
    assert json.loads(hierapp(home, "show", "1", "--json").stdout)["test"]["samples"] == 359
    for command in (["run", "--data", "digits", "--loss", "simloss"], ["resume", "1"], ["cancel", "2"], ["hold", "2"]):
        told = sentence(hierapp(home, *command))
        assert "cannot be written" in told or "can be resumed" in told
    assert content(disk) == before
    assert census.of_home(home) == {}
