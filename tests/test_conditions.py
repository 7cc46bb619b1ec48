"""Bad conditions: a full disk, a folder that is read-only, broken files, a clock that jumps, machines that restart.

Each leaves a run in a clear state, with a sentence, and harms nothing else.
"""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from hierapp import checkpoints, launchers, processes, recorder, tree_library, worker
from hierapp.config import RunConfig
from hierapp.launchers import supervisor
from hierapp.launchers.local import LocalBackend
from hierapp.launchers.supervisor import Launcher
from hierapp.runs import Run
from hierapp.store import Store, number_of
from tests.faults import census
from tests.faults.ledger import recorded

DIGITS = tree_library.load("digits")
REPOSITORY = Path(__file__).resolve().parent.parent
PATIENCE = 120.0
EPOCHS = 6


def config(**values: object) -> RunConfig:
    return RunConfig.make(**{"data": "digits", "tree": "digits", "loss": "hierarchical", "epochs": EPOCHS, **values})


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for variable in ("HIERAPP_SLOTS", "HIERAPP_LAUNCHER", "HIERAPP_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HIERAPP_DATA", str(tmp_path / "data"))
    # So that training in this process computes as a worker's does, to the last bit.
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "home")


def hierapp(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command line, as a user calls it."""
    return subprocess.run(
        [sys.executable, "-m", "hierapp", *arguments],
        cwd=REPOSITORY,
        env={**os.environ, "HIERAPP_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


def sentence(refused: subprocess.CompletedProcess[str]) -> str:
    """What the command line said when it refused: one line on standard error, and nothing else."""
    assert refused.returncode == 2, refused
    assert refused.stdout == ""
    assert refused.stderr.startswith("hierapp: ")
    assert refused.stderr.count("\n") == 1, refused.stderr
    return refused.stderr


def wait_for(condition: Callable[[], object], what: str) -> None:
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until, f"waited in vain for {what}"
        time.sleep(0.05)


class Desk(worker.LocalDesk):
    """Does something when an epoch is recorded."""

    def __init__(self, store: Store, run: Run, at: dict[int, Callable[[], object]] | None = None) -> None:
        super().__init__(store.database, number_of(run.id), run.attempt)
        self.at = at or {}

    def end_epoch(self, epoch, values, confusion) -> None:
        super().end_epoch(epoch, values, confusion)
        self.at.get(epoch, lambda: None)()


def claimed(store: Store) -> Run:
    """The next run, with this process for its worker."""
    run = store.claim()
    store.attempt(run.id).take(os.getpid(), processes.identity(os.getpid()))
    return store.run(run.id)


def train(store: Store, at: dict[int, Callable[[], object]] | None = None) -> Run:
    """Work on the next run in this process."""
    run = claimed(store)
    worker.work(Desk(store, run, at), run, run.folder)
    return store.run(run.id)


def terminate() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """The run, with nothing in its way."""
    threads = torch.get_num_threads()
    calm = Store(tmp_path_factory.mktemp("calm"))
    calm.add([config()], DIGITS)
    assert train(calm).state == "finished"
    torch.set_num_threads(threads)
    return calm


def is_as_calm(store: Store, run: str, calm: Store) -> bool:
    """Whether all that is recorded of a run is what the undisturbed one recorded, the weights bit for bit."""
    ours, theirs = recorded(store, run), recorded(calm, "1")
    assert {name for name in theirs if ours[name] != theirs[name]} == set()
    return True


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


@pytest.fixture
def clean_up() -> Iterator[list[Path]]:
    """Homes whose processes are ended after the test."""
    homes: list[Path] = []
    yield homes
    for home in homes:
        for found in census.of_home(home).values():
            for process in found:
                process.kill()
                process.wait(PATIENCE)


def test_runs_wait_while_the_disk_is_full_and_finish_when_there_is_room(disk, tmp_path, clean_up):
    epochs = 60
    calm = Store(tmp_path / "calm")
    calm.add([config(epochs=epochs)], DIGITS)
    assert train(calm).state == "finished"
    home = disk / "home"
    clean_up.append(home)
    store = Store(home)
    first, second = launchers.submit(store, [config(epochs=epochs), config(epochs=2, seed=1)], DIGITS)
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
        (run,) = launchers.submit(store, [config()], DIGITS)
        log = folder / run / "log.txt"
        wait_for(lambda: log.exists() and "the disk is full; waiting for room" in log.read_text(), "the end")
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
    launcher = Launcher(store, {"local": NoRoom})
    monkeypatch.setattr(supervisor, "ROOM_SECONDS", 0.0)
    for _ in range(3):
        assert supervisor._step(launcher), "the launcher lives"
        assert store.run(run).state == "queued"


def test_a_run_whose_process_cannot_be_started_says_why(store, monkeypatch):
    monkeypatch.setattr(NoRoom, "error", OSError(errno.EAGAIN, "Resource temporarily unavailable"))
    (run,) = store.add([config()], DIGITS)
    Launcher(store, {"local": NoRoom}).step()
    assert store.run(run).state == "interrupted"
    assert store.run(run).error == (
        "The run's process could not be started (Resource temporarily unavailable); mend that and resume the run."
    )


def test_a_disk_that_was_slow_once_does_not_put_off_the_next_checkpoints(store, monkeypatch):
    clock = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: clock)
    store.add([config()], DIGITS)
    run = claimed(store)
    writing = recorder.RunRecorder(Desk(store, run), run)
    writing.went_back(0, [])

    def interval(seconds: float) -> float:
        """How long after the last checkpoint the next one is due, which takes so many seconds."""
        nonlocal clock
        before = clock
        while not writing.should_save():
            clock += 0.25
        after = clock - before
        clock += seconds
        writing.saved(run.folder / checkpoints.FILE)
        return after

    least = recorder.CHECKPOINT_SECONDS
    assert [interval(0.01), interval(2.0), interval(0.01), interval(0.01)] == [least, least, 0, least]
    # Where each takes that long, they become rare.
    for _ in range(3):
        interval(2.0)
    assert interval(2.0) == pytest.approx(2.0 / recorder.CHECKPOINT_SHARE - 2.0)


# A folder that cannot be written


def content(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize("left", ["closed", "with its log"])
def test_in_a_read_only_folder_runs_are_shown_and_nothing_changes(disk, left):
    home = disk / "home"
    assert hierapp(home, "run", "--data", "digits", "--loss", "conditional", "--epochs", "1").returncode == 0
    wait_for(lambda: not census.of_home(home), "the launcher's end")
    # Elsewhere, for a file that is open keeps a file system from becoming read-only.
    queue = (
        "import os, hierapp.store, hierapp.tree_library as trees; from hierapp.config import RunConfig;"
        "config = RunConfig.make(data='digits', tree='digits', loss='simloss');"
        "store = hierapp.store.Store(); store.add([config], trees.load('digits'))"
        + ("; os._exit(0)" if left == "with its log" else "")
    )
    environment = {**os.environ, "HIERAPP_HOME": str(home)}
    subprocess.run([sys.executable, "-c", queue], cwd=REPOSITORY, env=environment, check=True)
    assert (home / "store.sqlite-wal").exists() == (left == "with its log")
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


# Broken checkpoints


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint after every batch."""
    monkeypatch.setattr(recorder, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(recorder, "CHECKPOINT_SHARE", 1e9)


def truncated(file: Path, others: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def flipped(file: Path, others: Path) -> None:
    data = bytearray(file.read_bytes())
    data[-1000] ^= 1
    file.write_bytes(data)


def emptied(file: Path, others: Path) -> None:
    file.write_bytes(b"")


def of_another_run(file: Path, others: Path) -> None:
    shutil.copy(others, file)


@pytest.mark.parametrize("damage", [truncated, flipped, emptied, of_another_run])
@pytest.mark.parametrize("files", [1, 2], ids=["the last", "both"])
def test_a_broken_checkpoint_is_left_aside_and_said_so(store, calm, often, damage, files):
    store.add([config(), config(seed=7)], DIGITS)
    first, other = train(store, {3: terminate}), train(store, {2: terminate})
    assert (first.state, first.error) == (
        "interrupted",
        "The run's process was asked to end by signal 15 (Terminated). A checkpoint was kept.",
    )
    names = [checkpoints.FILE, checkpoints.PREVIOUS][:files]
    for name in names:
        # By another name first: the two may be one file.
        damaged = first.folder / "damaged"
        shutil.copy(first.folder / name, damaged)
        damage(damaged, other.folder / checkpoints.FILE)
        damaged.replace(first.folder / name)
    theirs = content(other.folder)
    store.resume(first.id)
    again = train(store)
    assert (again.state, again.error, again.attempt) == ("finished", None, 2)
    for name in names:
        assert f"The file {name} was broken and is left aside." in again.note
    assert ("Training begins anew." in again.note) == (files == 2)
    assert ("Training goes on from epoch" in again.note) == (files == 1)
    assert is_as_calm(store, first.id, calm)
    assert content(other.folder) == theirs
    assert store.run(other.id).state == "interrupted"


def test_no_byte_of_a_checkpoint_can_change_without_being_noticed(store, often):
    store.add([config()], DIGITS)
    run = train(store, {1: terminate})
    file = run.folder / checkpoints.FILE
    whole = file.read_bytes()
    header = 8 + int.from_bytes(whole[:8], "little")
    chance = random.Random(0)
    checkpoints._read(file, run.config)
    for place in [*range(8), *chance.sample(range(8, header), 400), *chance.sample(range(header, len(whole)), 30)]:
        data = bytearray(whole)
        data[place] ^= 1 << chance.randrange(8)
        file.write_bytes(data)
        with pytest.raises(checkpoints.BrokenCheckpoint):
            checkpoints._read(file, run.config)


# A broken store, and one of a newer hierapp


def cut_off(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:5000])


def overwritten(file: Path) -> None:
    file.write_text("My notes.\n" * 1000)


def damaged_inside(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[100:] = os.urandom(len(data) - 100)
    file.write_bytes(data)


def newer(file: Path) -> None:
    with sqlite3.connect(file) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (cut_off, "cannot be read"),
        (overwritten, "cannot be read"),
        (damaged_inside, "cannot be read"),
        (newer, "has version 99 and this hierapp reads"),
    ],
)
def test_a_store_that_cannot_be_understood_is_told_and_not_touched(tmp_path, change, says):
    home = tmp_path / "home"
    Store(home).add([config()], DIGITS)
    change(home / "store.sqlite")
    before = (home / "store.sqlite").read_bytes()
    for command in (["runs"], ["show", "1"], ["run", "--data", "digits", "--loss", "simloss", "--detach"]):
        assert says in sentence(hierapp(home, *command))
    assert (home / "store.sqlite").read_bytes() == before
    assert census.of_home(home) == {}


# Clocks and machines


def test_a_clock_that_is_set_back_harms_nothing(store, calm, monkeypatch):
    (run,) = store.add([config()], DIGITS)
    set_back, really = 0.0, time.time
    monkeypatch.setattr(time, "time", lambda: really() - set_back)
    me = processes.identity(os.getpid())
    launcher = Launcher(store, {"local": LocalBackend})
    seen: list[float | None] = []

    def look() -> None:
        nonlocal set_back
        set_back += 3600.0
        launcher.step()
        assert processes.identity(os.getpid()) == me
        seen.append(store.run(run).seconds_left)
        assert store.run(run).state == "running"

    end = train(store, {2: look, 4: look})
    assert len(seen) == 2
    assert all(left is not None and left >= 0 for left in seen)
    assert (end.state, end.attempt, end.error) == ("finished", 1, None)
    assert end.started <= end.ended
    seconds = dict(store.metrics([run])[run]["epoch_seconds"])
    assert all(0 < seconds[epoch] < 3600 for epoch in range(1, EPOCHS + 1))
    assert is_as_calm(store, run, calm)


def test_a_run_of_before_the_machine_was_restarted_is_interrupted_and_can_go_on(store, calm, often):
    (run,) = store.add([config()], DIGITS)
    train(store, {3: terminate})
    store.resume(run)
    # The same machine before its restart had a process of this very number and start.
    host, _, *rest = processes.identity(os.getpid()).split(" ")
    before = " ".join((host, "11111111-2222-3333-4444-555555555555", *rest))
    store.claim()
    store.attempt(run).take(os.getpid(), before)
    listed = json.loads(hierapp(store.folder, "runs", "--json").stdout)
    assert [(each["state"], each["pid"]) for each in listed] == [("interrupted", None)]
    assert store.run(run).error.startswith("The run's process is gone; the machine or the process was stopped")
    store.resume(run)
    assert train(store).state == "finished"
    assert is_as_calm(store, run, calm)


def test_a_run_whose_folder_is_deleted_while_it_goes_finishes(store, calm):
    (run,) = store.add([config()], DIGITS)
    end = train(store, {3: lambda: shutil.rmtree(store.run(run).folder, ignore_errors=True)})
    assert (end.state, end.error) == ("finished", None)
    assert is_as_calm(store, run, calm)


def test_a_run_whose_folder_is_deleted_before_it_goes_on_begins_anew_and_says_so(store, calm, often):
    (run,) = store.add([config()], DIGITS)
    shutil.rmtree(train(store, {3: terminate}).folder)
    store.resume(run)
    end = train(store)
    assert (end.state, end.error) == ("finished", None)
    assert end.note == "There was no checkpoint any more, or none yet; training begins anew."
    assert is_as_calm(store, run, calm)


def test_a_worker_that_is_asked_to_end_keeps_a_checkpoint_and_the_run_goes_on(store, tmp_path, clean_up):
    epochs = 40
    quiet = Store(tmp_path / "calm")
    quiet.add([config(epochs=epochs)], DIGITS)
    assert train(quiet).state == "finished"
    clean_up.append(store.folder)
    (run,) = launchers.submit(store, [config(epochs=epochs)], DIGITS)
    wait_for(lambda: store.run(run).epoch >= 2, "some epochs")
    os.kill(store.run(run).pid, signal.SIGTERM)
    wait_for(lambda: not store.run(run).is_open, "the run's end")
    stopped = store.run(run)
    assert (stopped.state, stopped.pid) == ("interrupted", None)
    assert stopped.error == "The run's process was asked to end by signal 15 (Terminated). A checkpoint was kept."
    assert load_file(stopped.folder / checkpoints.FILE)
    launchers.resume(store, run)
    wait_for(lambda: not store.run(run).is_open, "the run's end")
    end = store.run(run)
    assert (end.state, end.attempt) == ("finished", 2)
    # Not even a batch was done twice.
    assert end.note == f"Training goes on from epoch {stopped.progress * epochs:.2f}."
    assert is_as_calm(store, run, quiet)
