"""The default launcher: processes of this machine, one a run.

`python -m hierapp.launchers` works on the queue of the store and ends when nothing is left. It holds a lock
while it does, so that there is one at a time; whoever submits or looks calls `wake`. Workers outlive it, and the next
one takes them over.
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from hierapp import paths, processes
from hierapp.errors import ConfigError, StoreError
from hierapp.store import Run, Store

POLL_SECONDS = 0.2
GRACE_SECONDS = 10.0
SLOTS = "slots"


def log_file(run: Run) -> Path:
    """Where the output of a run's worker goes."""
    return run.folder / "log.txt"


def slots(store: Store) -> int:
    """How many runs go at once: HIERAPP_SLOTS, else what `set_slots` kept, else one a GPU, else one."""
    given = os.environ.get("HIERAPP_SLOTS") or store.setting(SLOTS)
    if given:
        return _checked_slots(given)
    return max(1, gpus())


def set_slots(store: Store, count: int) -> None:
    """Keep how many runs go at once."""
    store.set_setting(SLOTS, str(_checked_slots(str(count))))


def gpus() -> int:
    """NVIDIA GPUs of this machine, counted without torch."""
    return len(list(Path("/proc/driver/nvidia/gpus").glob("*")))


def wake(store: Store) -> None:
    """Start the launcher if runs are open and none is at work."""
    if not store.runs(states=("queued", "running")):
        return
    with _lock(store) as free:
        pass
    if free:
        environment = {"HIERAPP_HOME": str(store.folder), "HIERAPP_DATA": str(paths.data_folder().absolute())}
        processes.spawn(["hierapp.launchers"], store.folder / "launcher.log", environment)


def at_work(store: Store) -> bool:
    """Whether a launcher works on the queue now; nothing is started and no file is made."""
    if not store.runs(states=("queued", "running")):
        return False  # without a look at the lock, which would be in the way of a `wake` at the same moment
    try:
        file = (store.folder / "launcher.lock").open("r+")
    except OSError:
        return False  # no launcher has been here, or none could be
    with file:
        return not _try_lock(file)


def supervise(store: Store) -> None:
    """Work on the queue until no run is open, or another launcher does."""
    # Whoever queues a run just before the lock is released finds it held and leaves; so look once more after it.
    while store.runs(states=("queued", "running")):
        # `wake` holds the lock for a moment when it looks.
        with _lock(store, patience=1.0) as taken:
            if not taken:
                return
            launcher = Launcher(store)
            while launcher.step():
                time.sleep(POLL_SECONDS)


class Launcher:
    """One launcher's view: the workers that it started itself."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.workers: dict[str, subprocess.Popen[bytes]] = {}
        self.device_of: dict[str, int] = {}

    def step(self) -> bool:
        """Look after the running ones and start what there is room for; False when no run is open."""
        running = [run for run in self.store.runs(states=("running",)) if not self._ended(run)]
        # Those that ended by themselves are in the way of nothing any more, their GPUs least of all.
        self.workers = {run.id: self.workers[run.id] for run in running if run.id in self.workers}
        while len(running) < slots(self.store) and (run := self.store.claim()):
            self._start(run)
            running.append(run)
        return bool(running) or bool(self.store.runs(states=("queued",)))

    def _start(self, run: Run) -> None:
        room, cards = slots(self.store), gpus()
        environment = {"HIERAPP_HOME": str(self.store.folder)}
        if cards:
            used = [self.device_of[other] for other in self.workers]
            self.device_of[run.id] = min(range(cards), key=used.count)
            environment["CUDA_VISIBLE_DEVICES"] = _visible(self.device_of[run.id])
        elif room > 1:
            # Runs that share the cores are slower if each wants all of them.
            environment["OMP_NUM_THREADS"] = str(max(1, (os.cpu_count() or 1) // room))
        worker = processes.spawn(["hierapp.worker", run.id], log_file(run), environment)
        self.workers[run.id] = worker
        self.store.set_process(run.id, worker.pid, processes.started_at(worker.pid))

    def _ended(self, run: Run) -> bool:
        """Whether the run's process is gone; if it left no word, the store says so."""
        worker = self.workers.get(run.id)
        code = worker.poll() if worker else None
        if code is None and processes.alive(run.pid, run.pid_started):
            if run.cancel_requested and time.time() - run.cancel_requested > GRACE_SECONDS:
                processes.kill(run.pid, run.pid_started)
            return False
        if worker and code is None:
            code = worker.wait()  # it is gone, and how it went is known in a moment
        self.workers.pop(run.id, None)
        if run.cancel_requested:
            self.store.end(run.id, "cancelled")
        else:
            self.store.end(run.id, "interrupted", error=_why(code))
        return True


def _why(code: int | None) -> str:
    """How a worker went that left no word; None if another launcher had started it."""
    if code is None:
        return "The run's process is gone; the machine or the process was stopped from outside."
    if code < 0 or code > 128:
        number = -code if code < 0 else code - 128
        return f"The run's process was ended by signal {number} ({signal.strsignal(number)})."
    return f"The run's process ended with exit code {code} before the run was done; the run's log has the details."


def _visible(card: int) -> str:
    """The CUDA device's number, counted within the ones that this process may use."""
    allowed = [part for part in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if part]
    return allowed[card % len(allowed)] if allowed else str(card)


def _checked_slots(given: str) -> int:
    if not given.isdecimal() or not 1 <= int(given) <= 64:
        raise ConfigError(f"Expected the number of runs at once to be from 1 to 64 but got {given!r}.")
    return int(given)


@contextmanager
def _lock(store: Store, patience: float = 0.0) -> Iterator[bool]:
    """Try for some seconds to take the launcher's lock, which the system releases when its holder dies; whether it
    was taken."""
    try:
        store.folder.mkdir(parents=True, exist_ok=True)
        file = (store.folder / "launcher.lock").open("w")
    except OSError as error:
        raise StoreError(f"The folder {store.folder} cannot be written ({error.strerror}); make it writable.") from None
    with file:
        until = time.monotonic() + patience
        while not (taken := _try_lock(file)) and time.monotonic() < until:
            time.sleep(0.05)
        yield taken


def _try_lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
