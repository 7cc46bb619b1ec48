"""Workers that are forked from a process with PyTorch, and the scheduler that waits for runs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from multiprocessing import forkserver
from pathlib import Path

import psutil
import pytest
import torch
from safetensors.torch import load_file

from hierapp.execution import fork_server, scheduler, settings
from hierapp.execution.local import LocalBackend
from hierapp.execution.scheduler import Scheduler
from hierapp.runs import Run, Store
from hierapp.training import RunConfig
from hierapp.trees import library as tree_library
from hierapp.utils import devices, processes

DIGITS = tree_library.load("digits")
PATIENCE = 300.0
COMMAND = [sys.executable, "-m", "hierapp.execution"]


def config(**values: object) -> RunConfig:
    return RunConfig.make(**{"data": "digits", "tree": "digits", "loss": "hierarchical", "epochs": 2, **values})


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    for variable in ("HIERAPP_SLOTS", "HIERAPP_LAUNCHER", "HIERAPP_FORK_SERVER"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HIERAPP_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HIERAPP_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(devices, "cards", lambda: ())
    return Store()


@pytest.fixture
def backend(store: Store) -> Iterator[LocalBackend]:
    """A backend in this process; none of its workers is left after the test."""
    yield LocalBackend(store)
    for run in store.runs():
        processes.kill(run.process)


def wait_for(condition: Callable[[], object], what: str) -> None:
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until, f"waited in vain for {what}"
        time.sleep(0.05)


def started(store: Store, backend: LocalBackend, **values: object) -> Run:
    """A run whose worker has taken it."""
    (name,) = store.add([config(**values)], DIGITS)
    backend.start(store.claim(None, "local", "cpu"))
    wait_for(lambda: store.run(name).process, "the worker")
    return store.run(name)


@pytest.mark.slow
def test_forked_and_spawned_workers_train_the_same_weights(store):
    weights, logs = [], []
    for value in ("1", "0"):
        (name,) = store.add([config()], DIGITS)
        subprocess.run(COMMAND, env={**os.environ, "HIERAPP_FORK_SERVER": value}, check=True, timeout=PATIENCE)
        run = store.run(name)
        assert run.state == "finished"
        weights.append(load_file(run.folder / "model.safetensors"))
        logs.append([line.split(" images_per_second")[0][9:] for line in run.log_file.read_text().splitlines()[1:]])
    assert weights[0].keys() == weights[1].keys()
    assert all(torch.equal(tensor, weights[1][name]) for name, tensor in weights[0].items())
    assert logs[0] == logs[1]


@pytest.mark.slow
def test_a_forked_worker_leads_a_session_and_bears_its_run_in_its_name(store, backend):
    run = started(store, backend, epochs=10_000)
    assert os.getsid(run.pid) == run.pid
    worker = psutil.Process(run.pid)
    assert worker.environ()["HIERAPP_HOME"] == str(store.folder)
    assert " ".join(worker.cmdline()).split()[1:] == ["-m", "hierapp.execution.worker", run.id, "1"]
    assert backend.lost_reason(run) is None
    os.kill(run.pid, signal.SIGKILL)
    wait_for(lambda: backend.lost_reason(run), "the notice")
    # The reason was read once, and the worker is forgotten.
    assert backend.lost_reason(run).startswith("The run's process is gone")


@pytest.mark.slow
def test_the_end_of_the_fork_server_does_not_end_its_workers(store, backend):
    run = started(store, backend, epochs=10_000)
    worker = backend._workers[run.id, 1]
    server = psutil.Process(forkserver._forkserver._forkserver_pid)
    server.kill()
    wait_for(lambda: not server.is_running() or server.status() == psutil.STATUS_ZOMBIE, "the server's end")
    assert worker.poll() is None
    assert backend.lost_reason(run) is None
    other = started(store, backend)  # by another server
    wait_for(lambda: not store.run(other.id).is_open, "its end")
    assert store.run(other.id).state == "finished"
    os.kill(run.pid, signal.SIGKILL)
    wait_for(lambda: worker.poll() == fork_server.WITHOUT_STATUS, "the worker's end")


@pytest.mark.parametrize("problem", ["off", "stale", "gone"])
def test_workers_are_spawned_where_none_can_be_forked(store, monkeypatch, problem):
    if problem == "off":
        monkeypatch.setenv("HIERAPP_FORK_SERVER", "0")
    monkeypatch.setattr(fork_server, "is_stale", lambda: problem == "stale")

    def fork(*arguments: object) -> None:
        assert problem == "gone"
        raise EOFError

    monkeypatch.setattr(fork_server, "fork", fork)
    spawned: list[list[str]] = []
    monkeypatch.setattr(processes, "spawn", lambda arguments, *others: spawned.append(arguments))
    (run,) = store.add([config()], DIGITS)
    LocalBackend(store).start(store.claim(None, "local", "cpu"))
    assert spawned == [["hierapp.execution.worker", run, "1"]]


def test_no_worker_for_a_gpu_is_forked(store, monkeypatch):
    monkeypatch.setattr(fork_server, "fork", None)
    spawned: list[list[str]] = []
    monkeypatch.setattr(processes, "spawn", lambda arguments, *others: spawned.append(arguments))
    store.add([config()], DIGITS)
    LocalBackend(store).start(store.claim(None, "local", "cuda:0"))
    assert len(spawned) == 1


def test_changed_code_makes_the_fork_server_stale(monkeypatch):
    monkeypatch.setattr(fork_server, "_code", None)
    assert not fork_server.is_stale()
    monkeypatch.setattr(fork_server, "_code", fork_server._changed_at())
    assert not fork_server.is_stale()
    monkeypatch.setattr(fork_server, "_code", fork_server._changed_at() - 1)
    assert fork_server.is_stale()


# The scheduler that waits


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """When an idle scheduler looked at the queue; it has nothing to do, and its fork server is not started."""
    looks: list[float] = []
    monkeypatch.setattr(fork_server, "begin", lambda: None)
    monkeypatch.setattr(Scheduler, "step", lambda self: looks.append(time.monotonic()))
    monkeypatch.setattr(scheduler, "POLL_SECONDS", 0.01)
    return looks


def test_scheduler_waits_for_the_next_run(store, steps):
    scheduler._step_until_idle(Scheduler(store, {}), idle=0.0)
    assert len(steps) == 1
    steps.clear()
    scheduler._step_until_idle(Scheduler(store, {}), idle=0.2)
    assert steps[-1] - steps[0] >= 0.2


def test_idle_scheduler_ends_with_the_process_that_started_it(store, steps, monkeypatch):
    monkeypatch.setattr(os, "getppid", iter([7, 7, 7, 1]).__next__)
    scheduler._step_until_idle(Scheduler(store, {}), idle=PATIENCE)
    assert len(steps) == 3


def test_idle_scheduler_ends_when_the_code_changes(store, steps, monkeypatch):
    monkeypatch.setattr(scheduler, "CODE_SECONDS", 0.0)
    monkeypatch.setattr(fork_server, "is_stale", lambda: len(steps) > 4)
    scheduler._step_until_idle(Scheduler(store, {}), idle=PATIENCE)
    assert len(steps) == 5


def test_warm_up_starts_one_scheduler_that_waits(store, monkeypatch):
    begun: list[tuple[list[str], int]] = []
    monkeypatch.setattr(
        processes, "spawn", lambda arguments, *others, files, **named: begun.append((arguments, os.dup(files[0])))
    )
    scheduler.warm_up(store)
    scheduler.warm_up(store)
    ((arguments, lock),) = begun
    assert arguments[0] == "hierapp.execution"
    assert float(arguments[2]) == scheduler.IDLE_SECONDS
    os.close(lock)


@pytest.mark.parametrize("reason", ["off", "ray", "gpu"])
def test_warm_up_starts_nothing_where_no_worker_can_be_forked(store, monkeypatch, reason):
    monkeypatch.setattr(processes, "spawn", None)
    if reason == "off":
        monkeypatch.setenv("HIERAPP_FORK_SERVER", "0")
    elif reason == "ray":
        settings.choose(store, "ray")
    else:
        monkeypatch.setattr(devices, "kind_of", lambda wanted: "cuda")
    scheduler.warm_up(store)
    assert not scheduler.is_at_work(store)


@pytest.mark.slow
def test_run_queued_to_an_idle_scheduler_is_trained(store):
    scheduler.warm_up(store)
    assert scheduler.is_at_work(store)
    (run,) = store.add([config()], DIGITS)
    wait_for(lambda: not store.run(run).is_open, "the run's end")
    assert store.run(run).state == "finished"
    assert scheduler.is_at_work(store)
    log = (store.folder / "launcher.log").read_text()
    os.kill(int(log.split("process ")[1].split()[0]), signal.SIGTERM)
    wait_for(lambda: not scheduler.is_at_work(store), "the scheduler's end")


def test_a_fork_server_that_does_not_answer_is_killed_and_replaced(store, monkeypatch, tmp_path):
    monkeypatch.setattr(fork_server, "ANSWER_SECONDS", 0.2)
    fork_server.begin()
    stopped = psutil.Process(forkserver._forkserver._forkserver_pid)
    stopped.suspend()
    with pytest.raises(TimeoutError):
        fork_server.fork("1", 1, tmp_path / "log.txt", {})
    wait_for(lambda: stopped.status() == psutil.STATUS_ZOMBIE, "the end of the fork server")
    fork_server.begin()
    assert forkserver._forkserver._forkserver_pid != stopped.pid
