"""What workers report: calls that come twice, come too late, or bring files."""

from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
import pytest

from hierapp.errors import StaleAttemptError
from hierapp.runs import Store
from hierapp.runs.writer import SQLiteRunWriter
from hierapp.training import RunConfig
from hierapp.trees import library as tree_library

CONFUSION = np.eye(10, dtype=np.int64)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path)
    config = RunConfig.make(data="digits", tree="digits", loss="cross-entropy")
    store.add([config], tree_library.load("digits"))
    return store


@pytest.fixture
def attempt(store: Store) -> SQLiteRunWriter:
    run = store.claim(launcher="ray")
    return store.writer(run.id)


def test_what_is_told_twice_is_there_once_and_succeeds_both_times(store, attempt):
    for _ in range(2):
        attempt.end_epoch(1, {"val_accuracy": 0.5}, CONFUSION)
    for _ in range(2):
        attempt.finish(1, {"accuracy": 0.5}, CONFUSION)
    run = store.run("1")
    assert (run.state, run.test) == ("finished", {"accuracy": 0.5})
    assert store.metrics(["1"])["1"]["val_accuracy"] == [(1.0, 0.5)]
    with pytest.raises(StaleAttemptError):
        attempt.end("failed", "it had finished")
    assert store.run("1").error is None


def test_an_end_told_twice_succeeds_but_not_that_of_an_earlier_attempt(store, attempt):
    for _ in range(2):
        attempt.end("failed", "the first time")
    store.resume("1")
    again = store.claim(launcher="ray")
    later = store.writer(again.id)
    later.end("failed", "the second time")
    with pytest.raises(StaleAttemptError):
        attempt.end("failed", "the first time")
    assert store.run("1").error == "the second time"


def test_files_are_kept_and_given_back_until_the_run_is_finished(store, attempt):
    attempt.save_file("checkpoint.safetensors", b"one", "checkpoint.previous.safetensors")
    attempt.save_file("checkpoint.safetensors", b"two", "checkpoint.previous.safetensors")
    attempt.save_file("model.safetensors", b"model")
    assert attempt.checkpoints() == {"checkpoint.previous.safetensors": b"one", "checkpoint.safetensors": b"two"}
    attempt.finish(1, {}, CONFUSION)
    assert [file.name for file in store.run("1").folder.iterdir()] == ["model.safetensors"]


def test_a_file_stays_in_the_runs_folder_whatever_it_is_called(store, attempt):
    attempt.save_file("../../elsewhere", b"x", "../before")
    assert [file.name for file in store.run("1").folder.iterdir()] == ["elsewhere"]


def test_a_worker_that_is_late_leaves_no_file(store, attempt):
    store.lose(store.run("1"), "its node was cut off", again=True)
    store.claim(launcher="ray")
    attempt.log("late\n")
    with pytest.raises(StaleAttemptError):
        attempt.save_file("checkpoint.safetensors", b"late")
    assert not store.run("1").folder.exists()


def test_a_worker_that_is_late_while_it_writes_leaves_the_file_as_it_was(store, attempt, monkeypatch):
    attempt.save_file("checkpoint.safetensors", b"before")

    def meanwhile() -> bool:
        monkeypatch.undo()
        store.lose(store.run("1"), "its node was cut off")
        return False

    monkeypatch.setattr(attempt, "is_asked_to_stop", meanwhile)
    with pytest.raises(StaleAttemptError):
        attempt.save_file("checkpoint.safetensors", b"late")
    assert {file.name: file.read_bytes() for file in store.run("1").folder.iterdir()} == {
        "checkpoint.safetensors": b"before"
    }


def test_a_disk_without_room_is_told_and_leaves_what_was_there(store, attempt, monkeypatch):
    attempt.save_file("checkpoint.safetensors", b"before")

    def full(file: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left") as told:
        attempt.save_file("checkpoint.safetensors", b"after")
    assert told.value.errno == errno.ENOSPC
    monkeypatch.undo()
    assert attempt.checkpoints() == {"checkpoint.safetensors": b"before"}
    assert len(list(store.run("1").folder.iterdir())) == 1
