"""The process that trains the runs of a GPU together. Real processes, on the digits; the GPU is made up: they train on
the CPU, in the same threads."""

from __future__ import annotations

import io
import os
import signal
import time
from pathlib import Path

import pytest

from hierapp.errors import ConfigError
from hierapp.execution import gpu_worker, scheduler, settings
from hierapp.execution.scheduler import Scheduler
from hierapp.runs import Store
from hierapp.training import RunConfig
from hierapp.trees import library as tree_library
from hierapp.utils import devices, processes
from hierapp.utils.own_log import log_into, say

DIGITS = tree_library.load("digits")
PATIENCE = 600.0


def config(**values: object) -> RunConfig:
    return RunConfig.make(**{"data": "digits", "tree": "digits", "loss": "cross-entropy", "epochs": 2, **values})


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("HIERAPP_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HIERAPP_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("HIERAPP_SLOTS", "cuda=3,cpu=1")
    monkeypatch.setenv("HIERAPP_SHARE_GPU", "1")
    monkeypatch.delenv("HIERAPP_LAUNCHER", raising=False)
    monkeypatch.setattr(devices, "cards", lambda: ("0",))
    return Store()


@pytest.fixture
def spawned(store, monkeypatch):
    """What is really started, in order; nothing of it is left after the test."""
    begun = []
    really = processes.spawn

    def spawn(arguments, *others, **options):
        begun.append((arguments[0], really(arguments, *others, **options)))
        return begun[-1][1]

    monkeypatch.setattr(processes, "spawn", spawn)
    yield begun
    for _, process in begun:
        process.kill()
        process.wait()
        if process.stdin:
            process.stdin.close()


def step_until(launcher: Scheduler, condition, what: str) -> None:
    until = time.monotonic() + PATIENCE
    while not condition():
        launcher.step()
        assert time.monotonic() < until, f"waited in vain for {what}"
        time.sleep(0.05)


def states(store: Store, ids: list[str]) -> list[str]:
    return [run.state for run in store.runs(ids)]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, True),
        ({"deterministic": "on"}, False),
        ({"cuda_graphs": "off"}, False),
        ({"model": "torchvision.ops:MLP"}, False),
    ],
)
def test_only_runs_without_state_of_their_own_share_a_process(values, expected):
    assert gpu_worker.can_share(config(**values)) == expected


def test_sharing_is_a_setting_that_the_environment_overrides(store, monkeypatch):
    assert settings.shares_gpu(store)
    assert settings.is_sharing_fixed()
    monkeypatch.setenv("HIERAPP_SHARE_GPU", "yes")
    with pytest.raises(ConfigError, match="0 or 1"):
        settings.shares_gpu(store)
    monkeypatch.delenv("HIERAPP_SHARE_GPU")
    assert not settings.shares_gpu(store)
    settings.set_shares_gpu(store, True)
    assert settings.shares_gpu(store)
    assert not settings.is_sharing_fixed()


def test_without_sharing_a_gpu_run_has_a_process_of_its_own(store, spawned, monkeypatch):
    monkeypatch.setenv("HIERAPP_SHARE_GPU", "0")
    store.add([config()], DIGITS)
    Scheduler(store, scheduler.backends()).step()
    assert [name for name, _ in spawned] == ["hierapp.execution.worker"]


@pytest.mark.slow
def test_runs_share_a_process_and_the_next_one_starts_in_it(store, spawned):
    ids = store.add(
        [config(seed=seed, loss=loss) for seed, loss in ((0, "cross-entropy"), (1, "hierarchical"))], DIGITS
    )
    launcher = Scheduler(store, scheduler.backends())
    step_until(launcher, lambda: states(store, ids) == ["finished"] * 2, "two runs")
    (third,) = store.add([config(seed=2)], DIGITS)
    step_until(launcher, lambda: states(store, [third]) == ["finished"], "the third run")
    assert [name for name, _ in spawned] == ["hierapp.execution.gpu_worker"]
    for run in store.runs([*ids, third]):
        assert run.assigned_device == "cuda:0"
        log = run.log_file.read_text()
        assert f"run {run.id} starts" in log
        assert log.count("finished: test accuracy") == 1, "each run has its own log"
        assert run.test["accuracy"] > 0.3
    launcher.close()
    assert spawned[0][1].wait(timeout=PATIENCE) == 0


@pytest.mark.slow
def test_seeds_give_the_same_weights_together_as_alone(store, spawned, monkeypatch):
    pair = [config(seed=seed, epochs=1) for seed in (0, 1)]
    launcher = Scheduler(store, scheduler.backends())
    together = store.add(pair, DIGITS)
    step_until(launcher, lambda: states(store, together) == ["finished"] * 2, "two runs")
    monkeypatch.setenv("HIERAPP_SLOTS", "1")
    alone = store.add(pair, DIGITS)
    step_until(launcher, lambda: states(store, alone) == ["finished"] * 2, "two runs one after another")
    for one, other in zip(store.runs(together), store.runs(alone), strict=True):
        # Threads of the CPU may add up in another order.
        assert one.test["loss"] == pytest.approx(other.test["loss"], rel=1e-3)


@pytest.mark.slow
def test_one_is_cancelled_while_the_other_goes_on(store, spawned):
    long, short = store.add([config(epochs=5_000), config(epochs=3, seed=1)], DIGITS)
    launcher = Scheduler(store, scheduler.backends())
    step_until(launcher, lambda: store.run(long).epoch >= 1, "an epoch")
    store.request_cancel(long)
    step_until(launcher, lambda: states(store, [long, short]) == ["cancelled", "finished"], "the ends")
    assert len(spawned) == 1


@pytest.mark.slow
def test_sigterm_ends_all_with_checkpoints(store, spawned):
    ids = store.add([config(epochs=5_000, seed=seed) for seed in (0, 1)], DIGITS)
    launcher = Scheduler(store, scheduler.backends())
    step_until(launcher, lambda: all(run.epoch >= 1 for run in store.runs(ids)), "epochs")
    os.kill(spawned[0][1].pid, signal.SIGTERM)
    step_until(launcher, lambda: states(store, ids) == ["interrupted"] * 2, "the ends")
    for run in store.runs(ids):
        assert "checkpoint was saved" in run.error
        assert (run.folder / "checkpoint.safetensors").exists()


@pytest.mark.slow
def test_run_that_must_be_killed_takes_no_other_along(store, spawned, monkeypatch):
    ids = store.add([config(epochs=40, seed=seed) for seed in (0, 1)], DIGITS)
    launcher = Scheduler(store, scheduler.backends())
    step_until(launcher, lambda: all(run.epoch >= 1 for run in store.runs(ids)), "epochs")
    # It cannot hear: the process is stopped.
    os.kill(spawned[0][1].pid, signal.SIGSTOP)
    monkeypatch.setattr(scheduler, "GRACE_SECONDS", 0.3)
    store.request_cancel(ids[0])
    step_until(launcher, lambda: states(store, ids) == ["cancelled", "finished"], "the ends")
    other = store.run(ids[1])
    assert other.attempt == 2
    assert [name for name, _ in spawned] == ["hierapp.execution.gpu_worker"] * 2


@pytest.mark.slow
def test_run_handed_to_a_process_that_has_ended_waits_again(store, spawned):
    (first,) = store.add([config(epochs=1)], DIGITS)
    launcher = Scheduler(store, scheduler.backends())
    step_until(launcher, lambda: states(store, [first]) == ["finished"], "the first run")
    backend = launcher._backend("local")
    gone = spawned[0][1]
    gone.stdin.close()
    gone.wait(timeout=PATIENCE)
    (second,) = store.add([config(epochs=1, seed=1)], DIGITS)
    run = store.claim(("auto",), "local", "cuda:0")
    backend._workers[run.id, run.attempt] = gone
    backend._handed.add((run.id, run.attempt))
    assert backend.never_started(run)
    step_until(launcher, lambda: states(store, [second]) == ["finished"], "the second run")
    assert len(spawned) == 2


def test_run_that_ends_without_a_word_ends_the_process(store, monkeypatch, tmp_path, capfd):
    def work(writer, run, folder, started):
        raise MemoryError

    monkeypatch.setattr(gpu_worker, "work", work)
    (run,) = store.add([config()], DIGITS)
    store.claim()
    worker = gpu_worker.GpuWorker(store)
    assert worker.serve(io.StringIO(f"{run} 1\n")) == 1
    assert "MemoryError" in capfd.readouterr().err
    assert store.run(run).state == "running", "the launcher finds that its process is gone"


def test_broken_process_takes_no_run_any_more(store):
    (run,) = store.add([config()], DIGITS)
    store.claim()
    worker = gpu_worker.GpuWorker(store)
    worker._is_broken = True
    assert worker.serve(io.StringIO(f"{run} 1\n")) == 1
    assert store.run(run).process is None, "it returns to the queue"


def test_each_thread_has_its_own_log(tmp_path, capsys):
    with log_into(tmp_path / "a.log"):
        say("one")
    say("two")
    assert "one" in (tmp_path / "a.log").read_text()
    assert "two" in capsys.readouterr().out
