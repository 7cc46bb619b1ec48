"""Bad conditions: broken files, a slow disk, a clock that jumps, machines that restart, folders that go.

Each leaves a run in a clear state, with a sentence, and harms nothing else.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sqlite3
import time
from pathlib import Path

import pytest
from safetensors.torch import load_file

from hierapp import execution
from hierapp.execution.local import LocalBackend
from hierapp.execution.scheduler import Scheduler
from hierapp.runs import Store
from hierapp.training import checkpoints, recorder
from hierapp.utils import processes
from tests.faults import census
from tests.faults.one_run import (
    DIGITS,
    EPOCHS,
    WatchingRunWriter,
    claimed,
    config,
    content,
    hierapp,
    is_as_calm,
    sentence,
    terminate,
    train,
    wait_for,
)

# Broken checkpoints, and a slow disk


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
        "The run's process was asked to stop by signal 15 (Terminated). A checkpoint was saved.",
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
        assert f"The file {name} was broken and has been set aside." in again.note
    assert ("Training starts again." in again.note) == (files == 2)
    assert ("Training resumes from epoch" in again.note) == (files == 1)
    assert is_as_calm(store, first.id, calm)
    assert content(other.folder) == theirs
    assert store.run(other.id).state == "interrupted"


def test_a_checkpoint_of_a_loss_with_weights_is_that_of_its_run(store, often):
    """Weights are a tuple in a configuration and a list in JSON."""
    store.add([config(loss="level-wise", options={"weights": (1.0, 0.5)})], DIGITS)
    run = train(store, {3: terminate})
    store.resume(run.id)
    again = train(store)
    assert again.state == "finished"
    assert again.note.startswith("Training resumes from epoch 3.")
    assert run.config.options == {"weights": (1.0, 0.5)}


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


def test_a_disk_that_was_slow_once_does_not_put_off_the_next_checkpoints(store, monkeypatch):
    clock = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: clock)
    store.add([config()], DIGITS)
    run = claimed(store)
    writing = recorder.Recorder(WatchingRunWriter(store, run), run.config.epochs)
    writing.restarted_at(0, [])

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
    launcher = Scheduler(store, {"local": LocalBackend})
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
    store.writer(run).take(os.getpid(), before)
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
    assert end.note == "There was no checkpoint; training starts again."
    assert is_as_calm(store, run, calm)


def test_a_worker_that_is_asked_to_end_keeps_a_checkpoint_and_the_run_goes_on(store, tmp_path, clean_up):
    epochs = 40
    quiet = Store(tmp_path / "calm")
    quiet.add([config(epochs=epochs)], DIGITS)
    assert train(quiet).state == "finished"
    clean_up.append(store.folder)
    (run,) = execution.submit(store, [config(epochs=epochs)], DIGITS)
    wait_for(lambda: store.run(run).epoch >= 2, "some epochs")
    os.kill(store.run(run).pid, signal.SIGTERM)
    wait_for(lambda: not store.run(run).is_open, "the run's end")
    stopped = store.run(run)
    assert (stopped.state, stopped.pid) == ("interrupted", None)
    assert stopped.error == "The run's process was asked to stop by signal 15 (Terminated). A checkpoint was saved."
    assert load_file(stopped.folder / checkpoints.FILE)
    execution.resume(store, run)
    wait_for(lambda: not store.run(run).is_open, "the run's end")
    end = store.run(run)
    assert (end.state, end.attempt) == ("finished", 2)
    # Not even a batch was done twice.
    assert end.note == f"Training resumes from epoch {stopped.progress * epochs:.2f}."
    assert is_as_calm(store, run, quiet)
