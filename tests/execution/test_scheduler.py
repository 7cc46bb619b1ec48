"""Submitting runs, the local launcher and the worker; a few tests start real processes, on the digits."""

from __future__ import annotations

import fcntl
import io
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from hierapp import LabelTree, execution
from hierapp.errors import ConfigError, DatasetError, StoreError, TreeError
from hierapp.execution import scheduler, slots, worker
from hierapp.execution.backend import Slot
from hierapp.execution.scheduler import Scheduler
from hierapp.runs import Run, Store
from hierapp.runs.writer import SQLiteRunWriter
from hierapp.training import RunConfig
from hierapp.trees import library as tree_library
from hierapp.utils import devices, locks, processes

DIGITS = tree_library.load("digits")
PATIENCE = 600.0


def configs(count: int = 1, **values: object) -> list[RunConfig]:
    rest = {"data": "digits", "tree": "digits", "loss": "cross-entropy", **values}
    return [RunConfig.make(seed=seed, **rest) for seed in range(count)]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("HIERAPP_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HIERAPP_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("HIERAPP_SLOTS", raising=False)
    monkeypatch.delenv("HIERAPP_LAUNCHER", raising=False)
    monkeypatch.delenv("HIERAPP_SHARE_GPU", raising=False)
    monkeypatch.setenv("HIERAPP_FORK_SERVER", "0")  # test_fork_server.py has the tests with it
    monkeypatch.setattr(devices, "cards", lambda: ())
    return Store()


@pytest.fixture
def spawned(store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[subprocess.Popen[bytes]]]:
    """The processes that hierapp really starts here, in order; none is left after the test."""
    begun: list[subprocess.Popen[bytes]] = []
    really = processes.spawn

    def spawn(*arguments, **options):
        begun.append(really(*arguments, **options))
        return begun[-1]

    monkeypatch.setattr(processes, "spawn", spawn)
    yield begun
    for launcher in begun:
        launcher.kill()
    for run in store.runs(states=("running",)):
        processes.kill(run.process)
    for child in begun:
        child.wait()


class FakeProcess:
    """Stands in for a worker; ends when the test says so."""

    def __init__(self, pid: int) -> None:
        self.pid, self.code, self.stdin = pid, None, io.BytesIO()

    def poll(self) -> int | None:
        return self.code


@pytest.fixture
def faked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], Path, dict[str, str], FakeProcess]]:
    """What would have been started; each such process seems alive until it is given a code."""
    begun: list[tuple[list[str], Path, dict[str, str], FakeProcess]] = []

    def spawn(arguments, log, environment=None, with_input=False, files=(), for_others=False):
        begun.append((list(arguments), log, dict(environment or {}), FakeProcess(1_000_000 + len(begun))))
        return begun[-1][3]

    monkeypatch.setattr(processes, "spawn", spawn)
    return begun


def wait_for(condition: Callable[[], object], what: str) -> None:
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until, f"waited in vain for {what}"
        time.sleep(0.05)


def ended(store: Store, ids: list[str]) -> list[Run]:
    wait_for(lambda: not any(run.is_open for run in store.runs(ids)), "the runs' end")
    return store.runs(ids)


def log_of(run: Run) -> str:
    return run.log_file.read_text()


# Submitting


def test_runs_on_data_that_is_not_there_are_refused(store, faked):
    both = [*configs(1), *configs(1, data="cifar10", tree="cifar10")]
    with pytest.raises(DatasetError, match="CIFAR-10 is not on this machine"):
        execution.submit(store, both, DIGITS)
    assert store.runs() == []
    assert faked == []


@pytest.mark.parametrize(
    "tree",
    [
        tree_library.load("cifar10"),
        LabelTree.from_edges([("root", name) for name in "012345678"]),
        LabelTree.from_edges([("root", name) for name in "0123456789X"]),
    ],
    ids=["other classes", "a class too few", "a leaf too many"],
)
def test_runs_over_a_tree_that_does_not_fit_are_refused(store, faked, tree):
    with pytest.raises(TreeError, match="does not fit the data set"):
        execution.submit(store, configs(2), tree)
    assert store.runs() == []
    assert faked == []


def test_runs_are_refused_where_no_launcher_could_start_them(store, faked, monkeypatch):
    for variable in ("HIERAPP_SLOTS", "HIERAPP_LAUNCHER"):
        with monkeypatch.context() as patch:
            patch.setenv(variable, "many")
            with pytest.raises(ConfigError, match="'many'"):
                execution.submit(store, configs(1), DIGITS)
    assert store.runs() == []
    assert faked == []


def test_a_submit_starts_a_launcher_for_this_store_and_this_data(store, faked, tmp_path):
    ids = execution.submit(store, configs(2), DIGITS)
    assert [run.id for run in store.runs()] == ids
    ((arguments, log, environment, _),) = faked
    assert arguments[0] == "hierapp.execution"
    assert log == store.folder / "launcher.log"
    assert environment == {"HIERAPP_HOME": str(store.folder), "HIERAPP_DATA": str(tmp_path / "data")}


def test_nothing_is_started_where_nothing_waits(store, faked):
    scheduler.ensure_scheduler(store)
    assert not store.folder.exists()
    (run,) = store.add(configs(1), DIGITS)
    store.request_cancel(run)
    scheduler.ensure_scheduler(store)
    assert faked == []


def test_no_second_launcher_starts_while_one_is_at_work(store, faked):
    store.add(configs(1), DIGITS)
    with scheduler._lock(store) as taken:
        assert taken is not None
        scheduler.ensure_scheduler(store)
        scheduler.run_scheduler(store)  # returns at once, and does not touch the queue
        assert faked == []
        assert [run.state for run in store.runs()] == ["queued"]
    scheduler.ensure_scheduler(store)
    assert len(faked) == 1


def test_whether_a_launcher_is_at_work_is_told_without_starting_one(store, faked):
    assert not scheduler.is_at_work(store)
    assert not store.folder.exists()
    store.add(configs(1), DIGITS)
    assert not scheduler.is_at_work(store)
    assert not (store.folder / "launcher.lock").exists()
    with scheduler._lock(store) as taken:
        assert taken is not None
        assert scheduler.is_at_work(store)
    assert not scheduler.is_at_work(store)
    assert faked == []


def test_one_scheduler_is_started_however_often_a_page_looks(store, monkeypatch):
    store.add(configs(1), DIGITS)
    inherited: list[int] = []
    monkeypatch.setattr(processes, "spawn", lambda *arguments, files, **named: inherited.extend(map(os.dup, files)))
    for _ in range(5):
        scheduler.ensure_scheduler(store)
        assert len(inherited) == 1, "it holds the lock from the start"
        assert scheduler.is_at_work(store)
    os.close(inherited[0])  # it died before it read its arguments
    scheduler.ensure_scheduler(store)
    assert len(inherited) == 2
    os.close(inherited[1])


def test_a_run_that_is_queued_while_the_scheduler_exits_starts_the_next_one(store, monkeypatch):
    """A scheduler that has found nothing left to do is of no use, though its process is still there."""
    store.add(configs(1), DIGITS)
    begun: list[list[str]] = []

    def spawn(arguments, log, environment, files, for_others):
        begun.append(arguments)
        lock = os.dup(files[0])
        monkeypatch.setattr(Scheduler, "step", lambda self: False)
        monkeypatch.setattr(Store, "is_work_left", lambda self, running=True: False)
        scheduler.run_scheduler(store, lock)
        monkeypatch.undo()
        monkeypatch.setattr(processes, "spawn", spawn)
        return FakeProcess(1_000_000)  # seems alive

    monkeypatch.setattr(processes, "spawn", spawn)
    for count in (1, 2, 3):
        scheduler.ensure_scheduler(store)
        assert len(begun) == count
        assert not scheduler.is_at_work(store)


def test_a_glance_at_the_lock_does_not_keep_a_scheduler_from_being_started(store, faked):
    store.add(configs(1), DIGITS)
    file = (store.folder / "launcher.lock").open("a")
    fcntl.flock(file, fcntl.LOCK_SH)  # as `is_at_work` does for an instant
    threading.Timer(locks.GLANCE_SECONDS / 4, file.close).start()
    scheduler.ensure_scheduler(store)
    assert len(faked) == 1


# A scheduler that is stopped (SIGSTOP) keeps its lock


def silent(store: Store, seconds: float) -> None:
    """Let the scheduler's last heartbeat have been so long ago."""
    file = store.folder / scheduler.LOCK
    file.write_text(f"{processes.machine()} {time.monotonic() - seconds:.1f}\n")


def test_a_scheduler_without_a_sign_of_life_is_told_and_replaced(store, faked):
    store.add(configs(1), DIGITS)
    assert scheduler.trouble(store) is None
    with scheduler._lock(store) as lock:
        lock.beat()
        assert scheduler.trouble(store) is None
        silent(store, 20.0)
        scheduler.ensure_scheduler(store)
        assert scheduler.trouble(store) == (
            "The scheduler has not responded for 20 seconds, as if it had been stopped; after 60 seconds another one"
            " takes over."
        )
        assert faked == []
        silent(store, 61.0)
        scheduler.ensure_scheduler(store)
        assert len(faked) == 1
        assert not lock.is_mine()
        assert scheduler.trouble(store) is None


def test_silence_does_not_matter_where_nothing_waits(store, faked):
    store.folder.mkdir()
    with scheduler._lock(store):
        silent(store, 100.0)
        assert scheduler.trouble(store) is None
        scheduler.ensure_scheduler(store)
    assert faked == []


class Inert:
    """A backend with room, which only counts."""

    def __init__(self, store: Store) -> None:
        self.begun: list[str] = []
        self.is_closed = False

    def free_slots(self, running: object) -> list[Slot]:
        return [Slot(("auto",), "cpu")]

    def start(self, run: Run) -> None:
        self.begun.append(run.id)

    def close(self) -> None:
        self.is_closed = True


def test_a_scheduler_that_hangs_in_a_step_has_no_heartbeat(store, monkeypatch):
    monkeypatch.setattr(locks, "BEAT_SECONDS", 0.01)
    monkeypatch.setattr(scheduler, "HANG_SECONDS", 0.1)
    store.add(configs(1), DIGITS)
    silent: list[float] = []

    class Hangs(Inert):
        def start(self, run: Run) -> None:
            wait_for(lambda: (locks.silent_for(store.folder / scheduler.LOCK) or 0) > 0.5, "the end of the heartbeat")
            silent.append(locks.silent_for(store.folder / scheduler.LOCK))
            raise scheduler.Superseded

    monkeypatch.setattr(scheduler, "backends", lambda: {"local": Hangs})
    with scheduler._lock(store) as lock:
        scheduler._process_queue(store, lock)
    assert silent


@pytest.mark.parametrize("checks", [0, 1, 2])
def test_a_scheduler_that_was_replaced_starts_nothing_and_closes_nothing(store, monkeypatch, capsys, checks):
    """Wherever in its work it was stopped."""
    store.add(configs(3), DIGITS)
    inert, looks = Inert(store), []

    def is_mine(self) -> bool:
        looks.append(True)
        return len(looks) <= checks

    monkeypatch.setattr(scheduler, "backends", lambda: {"local": lambda store: inert})
    monkeypatch.setattr(locks.Held, "is_mine", lambda self: True)
    with scheduler._lock(store) as lock:
        monkeypatch.setattr(locks.Held, "is_mine", is_mine)
        scheduler._process_queue(store, lock)
    assert len(looks) == checks + 1
    assert len(inert.begun) == max(0, checks - 1)
    assert [run.state for run in store.runs()].count("running") == len(inert.begun)
    assert not inert.is_closed
    assert "another process has taken over" in capsys.readouterr().out


def test_a_run_that_its_worker_has_taken_meanwhile_does_not_return_to_the_queue(store):
    """A scheduler that was stopped after it had looked at the run."""
    store.add(configs(1), DIGITS)
    before = store.claim()
    store.writer(before.id).take(os.getpid(), processes.identity(os.getpid()))
    assert not store.unclaim(before)
    assert store.run(before.id).state == "running"


@pytest.mark.slow
def test_a_stopped_scheduler_is_replaced_and_exits_when_it_continues(store, spawned, monkeypatch):
    slots.set_slots(store, "cpu", 2)
    (first,) = execution.submit(store, configs(1, epochs=10_000), DIGITS)
    wait_for(lambda: store.run(first).pid, "the worker")
    os.kill(spawned[0].pid, signal.SIGSTOP)
    monkeypatch.setattr(scheduler, "SILENCE_SECONDS", 3 * locks.BEAT_SECONDS)
    monkeypatch.setattr(scheduler, "SUSPICIOUS_SECONDS", 2 * locks.BEAT_SECONDS)
    (second,) = store.add(configs(1, epochs=2), DIGITS)
    wait_for(lambda: scheduler.trouble(store), "the sentence")
    wait_for(lambda: scheduler.ensure_scheduler(store) or len(spawned) == 2, "another scheduler")
    wait_for(lambda: store.run(second).pid or not store.run(second).is_open, "the second run's start")
    os.kill(spawned[0].pid, signal.SIGCONT)
    assert spawned[0].wait(PATIENCE) == 0
    assert store.run(first).state == "running", "it did not wait for its worker"
    store.request_cancel(first)
    for run, state in zip(ended(store, [first, second]), ("cancelled", "finished"), strict=True):
        assert (run.state, run.attempt) == (state, 1), log_of(run)
        assert log_of(run).count("starts on") == 1
    assert len(spawned) == 2
    assert spawned[1].wait(PATIENCE) == 0
    assert "another process has taken over" in (store.folder / "launcher.log").read_text()


def test_a_folder_that_is_a_file_is_told_in_one_sentence(store, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(StoreError, match=r"cannot be (read|written) \(.+\)"):
        execution.submit(Store(tmp_path / "file"), configs(1), DIGITS)


# The scheduler in this process, with processes that are none


def test_no_more_runs_start_than_there_are_slots(store, faked, monkeypatch):
    slots.set_slots(store, "cpu", 2)
    ids = store.add(configs(5), DIGITS)
    launcher = Scheduler(store, scheduler.backends())
    assert launcher.step()
    assert [arguments for arguments, *_ in faked] == [
        ["hierapp.execution.worker", ids[0], "1"],
        ["hierapp.execution.worker", ids[1], "1"],
    ]
    assert launcher.step()
    assert len(faked) == 2
    assert [run.state for run in store.runs()] == ["running"] * 2 + ["queued"] * 3
    # One ends: the next starts, and one only.
    store.writer(ids[0]).end("failed")
    faked[0][3].code = 0
    launcher.step()
    launcher.step()
    assert [arguments[1] for arguments, *_ in faked] == ids[:3]
    assert store.run(ids[0]).state == "failed"
    # More slots count from the next look on.
    slots.set_slots(store, "cpu", 4)
    launcher.step()
    assert len(faked) == 5


def test_the_launcher_is_done_when_every_run_has_ended(store, faked):
    (run,) = store.add(configs(1), DIGITS)
    launcher = Scheduler(store, scheduler.backends())
    assert launcher.step()
    store.writer(run).end("failed")
    faked[0][3].code = 0
    assert not launcher.step()
    scheduler.run_scheduler(store)
    assert len(faked) == 1


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (-9, r"terminated by signal 9 \(Killed\)"),
        (143, r"terminated by signal 15 \(Terminated\)"),
        (3, "exit code 3"),
        (0, "exit code 0 before the run was done"),
    ],
)
def test_a_worker_that_leaves_no_word_is_told_with_how_it_went(store, faked, code, message):
    (run,) = store.add(configs(1), DIGITS)
    launcher = Scheduler(store, scheduler.backends())
    launcher.step()
    faked[0][3].code = code
    assert not launcher.step()
    assert store.run(run).state == "interrupted"
    assert re.search(message, store.run(run).error)


def test_a_worker_that_the_system_ended_for_want_of_memory_is_told_as_such(store, faked, monkeypatch):
    store.add(configs(2), DIGITS)
    slots.set_slots(store, "cpu", 2)
    kills = 5
    monkeypatch.setattr(processes, "oom_kills", lambda: kills)
    launcher = Scheduler(store, scheduler.backends())
    launcher.step()
    faked[0][3].code = -9
    launcher.step()
    assert "terminated by signal 9" in store.run("1").error, "somebody else's doing"
    kills, faked[1][3].code = 6, -9
    launcher.step()
    assert store.run("2").error.startswith(
        "The machine ran out of memory, and the system terminated the run's process;"
    )


def test_a_running_run_whose_process_is_gone_is_interrupted(store):
    mine = processes.identity(os.getpid())
    where, _, start = mine.rpartition(" ")
    runs = store.add(configs(3), DIGITS)
    for run, process in zip(
        runs,
        [
            f"{where.rpartition(' ')[0]} {2**22 + 5} {start}",  # nobody's
            f"{where} {int(start) - 1}",  # somebody else's by now
            mine,
        ],
        strict=True,
    ):
        store.claim()
        store.writer(run).take(int(process.split()[3]), process)
    Scheduler(store, scheduler.backends()).step()
    assert [run.state for run in store.runs()] == ["interrupted", "interrupted", "running"]
    assert store.run(runs[0]).error == ("The run's process is gone; the machine or the process was stopped externally.")


def test_a_run_that_was_to_stop_and_whose_process_is_gone_is_cancelled(store, faked):
    (run,) = store.add(configs(1), DIGITS)
    launcher = Scheduler(store, scheduler.backends())
    launcher.step()
    store.request_cancel(run)
    faked[0][3].code = -9
    launcher.step()
    assert store.run(run).state == "cancelled"
    assert store.run(run).error is None


def test_a_worker_that_does_not_stop_when_asked_is_ended(store, monkeypatch):
    (run,) = store.add(configs(1), DIGITS)
    store.claim()
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True) as deaf:
        try:
            store.writer(run).take(deaf.pid, processes.identity(deaf.pid))
            store.request_cancel(run)
            launcher = Scheduler(store, scheduler.backends())
            assert launcher.step()
            assert deaf.poll() is None, "it has some seconds to stop by itself"
            monkeypatch.setattr(scheduler, "GRACE_SECONDS", -1.0)
            launcher.step()
            assert deaf.wait(PATIENCE) == -signal.SIGKILL
        finally:
            deaf.kill()
    launcher.step()
    assert store.run(run).state == "cancelled"


def test_runs_side_by_side_share_the_cores(store, faked, monkeypatch):
    monkeypatch.setattr(slots, "cores", lambda: 8)
    store.add(configs(4), DIGITS)
    launcher = Scheduler(store, scheduler.backends())
    launcher.step()
    alone = {"HIERAPP_HOME": str(store.folder), "GOMP_SPINCOUNT": "1000"}
    assert faked[0][2] == alone, "a run alone has all cores"
    slots.set_slots(store, "cpu", 3)
    launcher.step()
    assert [environment["OMP_NUM_THREADS"] for _, _, environment, _ in faked[1:]] == ["2", "2"]
    monkeypatch.setattr(slots, "cores", lambda: 2)
    slots.set_slots(store, "cpu", 4)
    launcher.step()
    assert faked[3][2]["OMP_NUM_THREADS"] == "1"


def test_a_worker_reads_the_data_folder_that_its_run_was_queued_with(store, faked, monkeypatch, tmp_path):
    launcher = Scheduler(store, scheduler.backends())  # in the place of one that has run for a while
    slots.set_slots(store, "cpu", 2)
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        monkeypatch.setenv("HIERAPP_DATA", str(tmp_path / name))
        execution.submit(store, configs(1), DIGITS)
    launcher.step()
    workers = [environment for arguments, _, environment, _ in faked if "hierapp.execution.worker" in arguments]
    assert [each["HIERAPP_DATA"] for each in workers] == [str(tmp_path / "one"), str(tmp_path / "other")]


def test_a_worker_counts_gpus_as_the_driver_does_and_a_run_on_the_cpu_sees_none(store, faked, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(devices, "cards", lambda: ("0",))
    store.add([*configs(1, device="cuda"), *configs(1, device="cpu")], DIGITS)
    launcher = Scheduler(store, scheduler.backends())
    launcher.step()
    seen = [
        {name: value for name, value in environment.items() if name.startswith("CUDA_")}
        for _, _, environment, _ in faked
    ]
    assert seen == [{"CUDA_VISIBLE_DEVICES": "0", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}, {"CUDA_VISIBLE_DEVICES": ""}]


def test_a_gpu_that_the_user_names_is_counted_as_the_user_does(store, faked, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-8f6a")
    monkeypatch.setattr(devices, "cards", lambda: ("GPU-8f6a",))
    (run,) = store.add(configs(1), DIGITS)
    Scheduler(store, scheduler.backends()).step()
    assert store.run(run).assigned_device == "cuda:GPU-8f6a"
    assert faked[0][2]["CUDA_VISIBLE_DEVICES"] == "GPU-8f6a"
    assert "CUDA_DEVICE_ORDER" not in faked[0][2]


@pytest.mark.parametrize("shared", ["0", "1"])
def test_runs_are_spread_over_the_gpus(store, faked, monkeypatch, shared):
    monkeypatch.setenv("HIERAPP_SHARE_GPU", shared)
    monkeypatch.setattr(devices, "cards", lambda: ("4", "7"))
    ids = store.add(configs(5), DIGITS)
    launcher = Scheduler(store, scheduler.backends())
    launcher.step()
    assert [environment["CUDA_VISIBLE_DEVICES"] for _, _, environment, _ in faked] == ["4", "7"]
    store.writer(ids[1]).end("failed")
    faked[1][3].code = 0
    launcher.step()
    assert faked[2][2]["CUDA_VISIBLE_DEVICES"] == "7", "the one that became free"
    slots.set_slots(store, "cuda", 2)
    launcher.step()
    if shared == "0":
        assert sorted(environment["CUDA_VISIBLE_DEVICES"] for _, _, environment, _ in faked[3:]) == ["4", "7"]
        return
    first, again = (process.stdin.getvalue().decode().split("\n") for process in (faked[0][3], faked[2][3]))
    assert len(faked) == 3, "a GPU has one process for its runs"
    assert (len(first), len(again)) == (3, 3), "each was given one more"


# The worker in this process


@pytest.fixture
def claimed(store: Store) -> Iterator[Run]:
    store.add(configs(1), DIGITS)
    threads = torch.get_num_threads()
    yield store.claim()
    torch.set_num_threads(threads)


def work(store: Store, run: Run) -> bool:
    return worker.work(SQLiteRunWriter(store.database, int(run.id), run.attempt), run, run.folder)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ConfigError("The training loss became nan."), "The training loss became nan."),
        (MemoryError(), "The run needs more memory than the device has free; make the batch or the model smaller,"),
        (torch.OutOfMemoryError("CUDA out of memory"), "The run needs more memory than the device has free; make"),
        (ZeroDivisionError("first\nsecond"), "Training stopped on an unexpected ZeroDivisionError: first; the run's"),
        (KeyError(), "Training stopped on an unexpected KeyError: ; the run's log has the details."),
    ],
)
def test_a_run_that_fails_says_why_in_one_sentence(store, claimed, monkeypatch, capsys, error, message):
    def train(*arguments: object) -> None:
        raise error

    monkeypatch.setattr("hierapp.training.trainer.train", train)
    assert not work(store, claimed)
    run = store.run(claimed.id)
    assert (run.state, run.error[: len(message)]) == ("failed", message)
    assert "\n" not in run.error
    assert type(error).__name__ in capsys.readouterr().out, "the traceback goes into the log"


def test_a_run_that_is_asked_to_stop_ends_cancelled(store, claimed):
    store.request_cancel(claimed.id)
    assert not work(store, claimed)
    run = store.run(claimed.id)
    assert (run.state, run.error, run.epoch) == ("cancelled", None, 0)
    assert not (run.folder / "model.safetensors").exists()


def test_a_worker_takes_only_runs_that_were_claimed(store, monkeypatch, capsys):
    handler = signal.getsignal(signal.SIGTERM)
    (run,) = store.add(configs(1), DIGITS)
    monkeypatch.setattr(worker, "go_first_when_memory_is_short", lambda: None)  # nor should the tests be killed first
    try:
        assert worker.main(run) == 2
    finally:
        signal.signal(signal.SIGTERM, handler)
    assert "is queued" in capsys.readouterr().out
    assert store.run(run).state == "queued"


# Real processes


@pytest.mark.slow
def test_submitted_runs_are_trained_to_the_end(store, spawned):
    slots.set_slots(store, "cpu", 2)
    both = [*configs(1, epochs=2), *configs(1, epochs=2, loss="hierarchical")]
    ids = execution.submit(store, both, DIGITS)
    runs = ended(store, ids)
    assert [(run.state, run.error) for run in runs] == [("finished", None)] * 2, [log_of(run) for run in runs]
    for run in runs:
        assert (run.epoch, run.progress, run.pid is not None) == (2, 1.0, False)
        assert run.device
        assert run.version
        assert run.created <= run.started <= run.ended
        points = store.metrics([run.id])[run.id]
        for name in ("val_loss", "val_accuracy", "images_per_second", "epoch_seconds"):
            assert [epoch for epoch, _ in points[name]] == [1, 2]
        assert points["train_loss"][-1][0] == 2
        assert len(points["train_loss"]) > 4
        for epoch in (1, 2):
            validation = store.confusion(run.id, "validation", epoch)
            assert validation.trace() / validation.sum() == pytest.approx(points["val_accuracy"][epoch - 1][1])
        test = store.confusion(run.id, "test")
        assert test.sum() == run.test["samples"] == 359
        assert test.trace() / 359 == pytest.approx(run.test["accuracy"])
        assert len(run.test["recall"]) == 10
        assert "epoch 2 of 2" in log_of(run)
        wait_for(lambda run=run: "finished: test accuracy" in log_of(run), "the log's last line")
        with safe_open(run.folder / "model.safetensors", "pt") as weights:
            assert RunConfig.model_validate_json(weights.metadata()["config"]) == run.config
            tensors = {name: weights.get_tensor(name) for name in weights.keys()}  # noqa: SIM118 - it is no dict
        outputs = len(DIGITS.leaves) if run.config.loss == "cross-entropy" else len(DIGITS.nodes) - 1
        assert outputs in {tensor.shape[0] for tensor in tensors.values() if tensor.ndim == 2}
        assert all(bool(tensor.isfinite().all()) for tensor in tensors.values())
    assert len(spawned) == 1, "one scheduler did it"
    assert spawned[0].wait(PATIENCE) == 0, "and it ends when nothing is left"


def test_a_worker_that_is_killed_leaves_an_interrupted_run(store, spawned):
    (run,) = store.add(configs(1, epochs=10_000), DIGITS)
    launcher = Scheduler(store, scheduler.backends())
    assert launcher.step()
    wait_for(lambda: launcher.step() and store.run(run).pid, "the worker")
    os.kill(store.run(run).pid, signal.SIGKILL)
    wait_for(lambda: not launcher.step(), "the scheduler's notice")
    assert store.run(run).state == "interrupted"
    assert store.run(run).error.startswith("The run's process was terminated by signal 9 (Killed).")


@pytest.mark.slow
def test_a_run_in_training_stops_when_it_is_cancelled(store, spawned):
    (run,) = execution.submit(store, configs(1, epochs=10_000), DIGITS)
    wait_for(lambda: store.run(run).epoch or not store.run(run).is_open, "the first epoch")
    assert store.run(run).state == "running", log_of(store.run(run))
    scheduler.run_scheduler(store)  # another is at work: it returns, while the run goes on
    assert store.run(run).state == "running"
    scheduler.ensure_scheduler(store)
    assert len(spawned) == 1
    before = store.request_cancel(run)
    (end,) = ended(store, [run])
    assert (end.state, end.error, end.test) == ("cancelled", None, None)
    assert 0 < end.progress < 1
    assert log_of(end).splitlines()[-1].endswith("cancelled")
    assert store.metrics([run])[run]["val_accuracy"]
    wait_for(lambda: not processes.alive(before.process), "the worker's end")


@pytest.mark.slow
def test_a_run_outlives_its_launcher_and_the_next_one_takes_it_over(store, spawned):
    run, waiting = execution.submit(store, configs(2, epochs=2), DIGITS)
    store.request_cancel(waiting)
    wait_for(lambda: store.run(run).pid, "the worker")
    spawned[0].kill()
    spawned[0].wait()
    before = store.run(run)
    assert before.state == "running"
    assert processes.alive(before.process)
    scheduler.ensure_scheduler(store)
    assert len(spawned) == 2, "a scheduler, and another one"
    (end,) = ended(store, [run])
    assert (end.state, end.attempt, end.epoch) == ("finished", 1, 2), log_of(end)
    assert log_of(end).count("starts on") == 1
    assert spawned[1].wait(PATIENCE) == 0
