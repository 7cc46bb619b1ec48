"""Working on the queue, whichever way runs are started.

`python -m hierapp.execution` works on the queue of the store and ends when nothing is left. It holds a lock while it
does, so that there is one at a time; whoever submits or looks calls `ensure_scheduler`. Workers outlive it, and the
next one takes them over.
"""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from hierapp import paths
from hierapp.errors import DiskFull, StoreError
from hierapp.execution import settings
from hierapp.execution.backend import LOG, Backend
from hierapp.execution.recorder import say
from hierapp.runs import Run, Store
from hierapp.utils import processes
from hierapp.utils.disk import disk_of

POLL_SECONDS = 0.2
FULL_DISK_SECONDS = 2.0  # between looks while the disk is full
GRACE_SECONDS = 10.0  # for a run that was asked to stop
ON_ITS_WAY_SECONDS = 10.0  # for a scheduler to take its lock

_started: dict[Path, tuple[subprocess.Popen[bytes], float]] = {}  # by the store's folder


class Scheduler:
    """One scheduler's view of the queue.

    Args:
        store: where the queue is.
        backends: the ways to start runs, made when they are first needed.
        tell: is given each word for the log.
    """

    def __init__(
        self,
        store: Store,
        backends: Mapping[str, Callable[[Store], Backend]],
        tell: Callable[[str], None] = lambda words: None,
    ) -> None:
        self.store = store
        self._tell = tell
        self._make = backends
        self._made: dict[str, Backend] = {}
        # By this process's clock, which cannot be set: when each run was first seen to be asked to stop.
        self._asked: dict[tuple[str, int], float] = {}

    def step(self) -> bool:
        """Look after the running ones and start what there is room for; False when nothing is left to do."""
        running = [run for run in self.store.runs(states=("running",)) if not self.ended(run)]
        waiting = self.store.is_work_left(running=False)
        disk = disk_of(self.store.folder)
        if waiting and not (disk and disk.room == "full"):
            self._start_some(running)
        return bool(running) or waiting

    def ended(self, run: Run) -> bool:
        """Whether the run's worker is gone; if it left no word, the store says so."""
        backend = self._backend(run.launcher or "local")
        if backend.never_started(run):
            self._tell(f"run {run.id} never began, and waits again")
            return self.store.unclaim(run)
        why = backend.lost_reason(run)
        if why is None:
            self._stop_by_force(run, backend)
            return False
        if run.cancel_requested is not None:
            self.store.stopped(run)
        else:
            again = run.lost_count < settings.retries(self.store)
            self._tell(f"run {run.id} is lost{', and waits again' if again else ''}: {why}")
            self.store.lose(run, why, again)
        return True

    def close(self) -> None:
        """Nothing is left to do."""
        for backend in self._made.values():
            backend.close()

    def _start_some(self, running: list[Run]) -> None:
        name = settings.kind_of(settings.chosen(self.store))
        backend = self._backend(name)
        started = True
        while started:
            started = False
            for slot in backend.free_slots(running):
                run = self.store.claim(slot.accepts, name, slot.device)
                if run is not None:
                    self._start(run, backend)
                    running.append(run)
                    started = True
                    break

    def _start(self, run: Run, backend: Backend) -> None:
        try:
            backend.start(run)
            self._tell(f"run {run.id} starts, attempt {run.attempt}, {run.assigned_device or 'anywhere'}")
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                self.store.unclaim(run)
                raise DiskFull(f"The disk with {run.folder} is full, so that no run can start; make room.") from error
            why = error.strerror or str(error)
            self.store.lose(run, f"The run's process could not be started ({why}); mend that and resume the run.")

    def _stop_by_force(self, run: Run, backend: Backend) -> None:
        if run.cancel_requested is None:
            return
        since = self._asked.setdefault((run.id, run.attempt), time.monotonic())
        if time.monotonic() - since > GRACE_SECONDS:
            self._tell(f"run {run.id} did not stop when asked, and is ended")
            backend.kill(run)

    def _backend(self, name: str) -> Backend:
        if name not in self._made:
            self._made[name] = self._make[name](self.store)
        return self._made[name]


def backends() -> Mapping[str, Callable[[Store], Backend]]:
    """Each backend by its name; what they need is imported when one is made."""

    def local(store: Store) -> Backend:
        from hierapp.execution.local import LocalBackend

        return LocalBackend(store)

    def ray(store: Store) -> Backend:
        from hierapp.execution.ray.backend import RayBackend

        return RayBackend(store)

    return {"local": local, "ray": ray}


def ensure_scheduler(store: Store) -> None:
    """Start a scheduler if there are open runs and none is at work.

    Raises:
        StoreError: if its process cannot be started; the runs wait.
    """
    if not store.is_work_left() or _is_read_only(store):
        return
    if not is_at_work(store) and not _is_on_its_way(store):
        environment = {"HIERAPP_HOME": str(store.folder), "HIERAPP_DATA": str(paths.data_folder().absolute())}
        try:
            started = processes.spawn(["hierapp.execution"], store.folder / LOG, environment)
            _started[store.folder] = (started, time.monotonic())
        except OSError as error:
            raise StoreError(
                f"The process that starts runs could not be started ({error.strerror}); mend that, and the runs that"
                " wait go on with the next command."
            ) from error


def _is_on_its_way(store: Store) -> bool:
    """Whether this process has started a scheduler that does not hold the lock yet: Python takes a second to begin."""
    scheduler, since = _started.get(store.folder, (None, 0.0))
    return scheduler is not None and scheduler.poll() is None and time.monotonic() - since < ON_ITS_WAY_SECONDS


def reap_lost_runs(store: Store) -> None:
    """Record at once which running runs have lost their process, then do what `ensure_scheduler` does."""
    if not store.is_work_left() or _is_read_only(store):
        return
    with _lock(store) as taken:
        if taken:
            scheduler = Scheduler(store, backends())
            for run in store.runs(states=("running",)):
                if run.launcher in (None, "local"):
                    scheduler.ended(run)
    ensure_scheduler(store)


def is_at_work(store: Store) -> bool:
    """Whether a scheduler works on the queue now; nothing is started and no file is made."""
    try:
        file = (store.folder / "launcher.lock").open("r+")
    except OSError:
        return False  # no scheduler has been here, or none could be
    with file:
        return not _try_lock(file)


def run_scheduler(store: Store) -> None:
    """Work on the queue until nothing is left to do, or another scheduler does."""
    # Whoever queues a run just before the lock is released finds it held and leaves; so look once more after it.
    while store.is_work_left():
        # `ensure_scheduler` holds the lock for a moment when it looks.
        with _lock(store, patience=1.0) as taken:
            if not taken:
                return
            say(f"at work, process {os.getpid()}")
            scheduler = Scheduler(store, backends(), say)
            while _step(scheduler):
                time.sleep(POLL_SECONDS)
            scheduler.close()
            say("nothing is left to do")


def _step(scheduler: Scheduler) -> bool:
    try:
        return scheduler.step()
    except DiskFull:
        time.sleep(FULL_DISK_SECONDS)
        return True


def _is_read_only(store: Store) -> bool:
    """Whether nobody can be at work here; what the store holds can still be shown."""
    return store.folder.is_dir() and not os.access(store.folder, os.W_OK)


@contextmanager
def _lock(store: Store, patience: float = 0.0) -> Iterator[bool]:
    """Try for some seconds to take the scheduler's lock, which the system releases when its holder dies; whether it
    was taken."""
    try:
        store.folder.mkdir(parents=True, exist_ok=True)
        file = (store.folder / "launcher.lock").open("a")
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
