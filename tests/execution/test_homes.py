"""A home that is copied, moved or replaced while a run goes, with the processes that hierapp really starts."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hierapp import execution
from hierapp.errors import HomeMovedError
from hierapp.execution import scheduler, settings
from hierapp.execution.scheduler import Scheduler
from hierapp.paths import project_folder
from hierapp.runs import Run, Store
from hierapp.training import RunConfig
from hierapp.trees import library as tree_library
from hierapp.utils import devices, processes

DIGITS = tree_library.load("digits")
PATIENCE = 600.0
WORKERS: list[str] = []  # that are to be ended after a test
FOREVER = RunConfig.make(data="digits", tree="digits", loss="cross-entropy", epochs=10_000, device="cpu")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """HIERAPP_HOME of this test's own; nothing is left running in it, wherever it is then."""
    for variable in ("HIERAPP_SLOTS", "HIERAPP_LAUNCHER", "HIERAPP_SHARE_GPU"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HIERAPP_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HIERAPP_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(devices, "cards", lambda: ())
    return tmp_path / "home"


@pytest.fixture
def spawned(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[subprocess.Popen[bytes]]]:
    """The processes that hierapp starts from here, and those that `running` finds; none is left after the test."""
    begun: list[subprocess.Popen[bytes]] = []
    really = processes.spawn

    def spawn(*arguments, **options):
        begun.append(really(*arguments, **options))
        return begun[-1]

    monkeypatch.setattr(processes, "spawn", spawn)
    yield begun
    for child in begun:
        child.kill()
    while WORKERS:
        processes.kill(WORKERS.pop())
    for child in begun:
        child.wait()


def wait_for(condition: Callable[[], object], what: str) -> None:
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until, f"waited in vain for {what}"
        time.sleep(0.05)


def running(home: Path) -> Run:
    """A run that trains in a process of its own and has a checkpoint."""
    store = Store(home)
    (run,) = execution.submit(store, [FOREVER], DIGITS)
    checkpoint = store.run(run).folder / "checkpoint.safetensors"
    wait_for(lambda: (store.run(run).epoch and checkpoint.exists()) or not store.run(run).is_open, "a checkpoint")
    found = store.run(run)
    assert found.state == "running", found.error
    WORKERS.append(found.process)
    return found


def copied(home: Path, copy: Path) -> None:
    """Copy a home as `cp -r` does, while no worker writes: a copy of a store in the middle of a write may be broken."""
    with Store(home).database.write():
        shutil.copytree(home, copy)


def hierapp(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """A command for a home, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "hierapp", *words],
        env={**os.environ, "HIERAPP_HOME": str(home), "PYTHONPATH": str(project_folder())},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


def tracked(folder: Path) -> list[str]:
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*")) if folder.exists() else []


@pytest.mark.slow
def test_a_run_is_not_ended_by_its_copy(home, spawned, tmp_path):
    before, copy = running(home), tmp_path / "copy"
    copied(home, copy)
    done = hierapp(copy, "cancel", "1")
    assert done.returncode == 0, done.stderr
    wait_for(lambda: not Store(copy).run("1").is_open, "the end of the run in the copy")
    there = Store(copy).run("1")
    assert there.state in ("cancelled", "interrupted")
    assert there.error is None or "belongs to another folder, of which this one is a copy" in there.error
    epoch = Store(home).run("1").epoch
    wait_for(lambda: Store(home).run("1").epoch > epoch, "an epoch more of the original")
    here = Store(home).run("1")
    assert (here.state, here.process, here.attempt, here.cancel_requested) == ("running", before.process, 1, None)
    assert processes.alive(before.process, home)


@pytest.mark.slow
def test_a_run_that_is_deaf_is_not_killed_by_a_scheduler_of_a_copy(home, spawned, tmp_path, monkeypatch):
    before, copy = running(home), tmp_path / "copy"
    monkeypatch.setattr(scheduler, "GRACE_SECONDS", 0.0)
    Store(home).request_cancel("1")  # the request is in the copy, too
    copied(home, copy)
    looking = Scheduler(Store(copy), scheduler.backends())
    for _ in range(3):
        looking.ended(before)
        looking._backend("local").kill(before)
    assert Store(copy).run("1").state != "running"
    wait_for(lambda: Store(home).run("1").state == "cancelled", "the end that the worker writes itself")


@pytest.mark.slow
def test_a_copy_does_not_go_on_by_itself(home, spawned, tmp_path):
    before, copy = running(home), tmp_path / "copy"
    settings.set_retries(Store(home), 3)
    copied(home, copy)
    assert Scheduler(Store(copy), scheduler.backends()).ended(Store(copy).run("1"))
    assert Store(copy).run("1").state == "interrupted"
    assert processes.alive(before.process, home)
    assert Store(home).run("1").state == "running"


@pytest.mark.slow
def test_a_home_that_is_moved_leaves_nothing_behind_and_its_run_goes_on_there(home, spawned, tmp_path, monkeypatch):
    before, moved = running(home), tmp_path / "moved"
    home.rename(moved)
    wait_for(lambda: not processes.alive(before.process), "the worker's end")
    wait_for(lambda: spawned[0].poll() is not None, "the scheduler's end")
    assert spawned[0].returncode == 0
    assert not home.exists()
    for log in (moved / "launcher.log", moved / "runs" / "1" / "log.txt"):
        assert "Traceback" not in log.read_text()
        assert f"The folder {home} was moved" in log.read_text()
    monkeypatch.setenv("HIERAPP_HOME", str(moved))
    store = Store(moved)
    scheduler.reap_lost_runs(store)
    lost = store.run("1")
    assert lost.state == "interrupted"
    assert "its runs can be resumed from their checkpoints where the folder is now" in lost.error
    assert lost.epoch >= before.epoch
    execution.resume(store, "1")
    wait_for(lambda: store.run("1").epoch > lost.epoch or not store.run("1").is_open, "an epoch more")
    again = store.run("1")
    WORKERS.append(again.process)
    assert (again.state, again.attempt) == ("running", 2), again.error
    assert float(re.search(r"from epoch (\d+\.\d+)", again.note)[1]) >= 1, "from its checkpoint"
    assert not home.exists()


@pytest.mark.slow
def test_a_copy_that_takes_the_place_of_a_moved_home_is_left_alone(home, spawned, tmp_path):
    before, moved, copy = running(home), tmp_path / "moved", tmp_path / "copy"
    copied(home, copy)
    as_copied = tracked(copy)
    home.rename(moved)
    copy.rename(home)
    wait_for(lambda: not processes.alive(before.process), "the worker's end")
    wait_for(lambda: spawned[0].poll() is not None, "the scheduler's end")
    # A file of shared memory is all that reading a store may add.
    assert [name for name in tracked(home) if not name.startswith("store.sqlite-")] == [
        name for name in as_copied if not name.startswith("store.sqlite-")
    ]
    there = Store(home).run("1")
    assert (there.state, there.process, there.epoch) == ("running", before.process, there.epoch)
    assert there.epoch <= Store(moved).run("1").epoch
    scheduler.reap_lost_runs(Store(home))
    assert Store(home).run("1").state == "interrupted"


def test_pinned_store_may_begin_before_the_first_run_is_added(tmp_path):
    """As that of a search, or of a scheduler that waits for the first run of a new home."""
    home = tmp_path / "home"
    home.mkdir()
    pinned = Store(home, pinned=True)
    assert not pinned.is_work_left()
    Store(home).add([RunConfig.make(data="digits", tree="digits", loss="hxe")], tree_library.load("digits"))
    assert pinned.is_work_left()
    (home / "store.sqlite").unlink()
    with pytest.raises(HomeMovedError, match="was moved"):
        pinned.is_work_left()
