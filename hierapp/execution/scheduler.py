"""The scheduler: process the queue, with any backend.

`python -m hierapp.execution` processes the queue of the store and exits when it is empty. A lock ensures that only one
scheduler runs at a time; whoever starts a scheduler takes the lock first and hands it over, so that the lock tells at
any moment whether somebody will look at the queue. Code that submits or displays runs calls `ensure_scheduler`. Workers
outlive the scheduler, and the next scheduler takes them over.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
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
FULL_DISK_SECONDS = 2.0  # between checks while the disk is full
GRACE_SECONDS = 10.0  # for a run to end after a request to stop
GLANCE_SECONDS = 0.02  # for which `is_at_work` may hold the lock


class Scheduler:
    """Processes the queue of one store.

    Args:
        store: the store with the queue.
        backends: factories of the backends, called when a backend is first needed.
        tell: called with each message for the log.
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
        # When the request to stop each run was first seen, on this process's monotonic clock.
        self._asked: dict[tuple[str, int], float] = {}

    def step(self) -> bool:
        """Check the running runs and start those there is room for; return False when nothing is left to do."""
        running = [run for run in self.store.runs(states=("running",)) if not self.ended(run)]
        waiting = self.store.is_work_left(running=False)
        disk = disk_of(self.store.folder)
        if waiting and not (disk and disk.room == "full"):
            self._start_some(running)
        return bool(running) or waiting

    def ended(self, run: Run) -> bool:
        """Return whether the worker of a run is gone; if it left no report, record that in the store."""
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
        """Close the backends, when nothing is left to do."""
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
    """Return the factory of each backend by name; a factory imports what its backend needs."""

    def local(store: Store) -> Backend:
        from hierapp.execution.local import LocalBackend

        return LocalBackend(store)

    def ray(store: Store) -> Backend:
        from hierapp.execution.ray.backend import RayBackend

        return RayBackend(store)

    return {"local": local, "ray": ray}


def ensure_scheduler(store: Store) -> None:
    """Start a scheduler if there are open runs and none is running.

    Raises:
        StoreError: if its process cannot be started; the runs stay in the queue.
    """
    if not store.is_work_left() or _is_read_only(store):
        return
    with _lock(store, patience=GLANCE_SECONDS) as lock:
        if lock is None:
            return
        environment = {"HIERAPP_HOME": str(store.folder), "HIERAPP_DATA": str(paths.data_folder().absolute())}
        try:
            # The lock is that of the open file, which the process inherits: it is at work from the start.
            processes.spawn(["hierapp.execution", str(lock)], store.folder / LOG, environment, files=[lock])
        except OSError as error:
            raise StoreError(
                f"The process that starts runs could not be started ({error.strerror}); mend that, and the runs that"
                " wait go on with the next command."
            ) from error


def reap_lost_runs(store: Store) -> None:
    """Record now which running runs have lost their process, then call `ensure_scheduler`."""
    if not store.is_work_left() or _is_read_only(store):
        return
    with _lock(store) as lock:
        if lock is not None:
            scheduler = Scheduler(store, backends())
            for run in store.runs(states=("running",)):
                if run.launcher in (None, "local"):
                    scheduler.ended(run)
    ensure_scheduler(store)


def is_at_work(store: Store) -> bool:
    """Return whether a scheduler is running; starts nothing and creates no file."""
    try:
        file = (store.folder / "launcher.lock").open("r+")
    except OSError:
        return False  # no scheduler has run here, or none can
    with file:
        return not _try_lock(file)


def run_scheduler(store: Store, lock: int | None = None) -> None:
    """Process the queue until nothing is left to do or another scheduler is running.

    Args:
        store: the store with the queue.
        lock: the descriptor of the lock's file if the lock was taken for this process.
    """
    if lock is not None:
        os.set_inheritable(lock, False)  # a worker that outlives this process must not keep the lock
        with os.fdopen(lock, "a"):
            _process_queue(store)
    # A run queued just before the lock is released starts no scheduler, because the lock is held; so check again after
    # the release.
    while store.is_work_left():
        # `ensure_scheduler` holds the lock briefly while it checks.
        with _lock(store, patience=1.0) as taken:
            if taken is None:
                return
            _process_queue(store)


def _process_queue(store: Store) -> None:
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
    """Return whether the store is read-only, so that no scheduler can run; it can still be displayed."""
    return store.folder.is_dir() and not os.access(store.folder, os.W_OK)


@contextmanager
def _lock(store: Store, patience: float = 0.0) -> Iterator[int | None]:
    """Try for `patience` seconds to take the scheduler's lock; yield the descriptor of its file, or None if another
    process holds it. The system releases the lock when no process has the file open any more."""
    try:
        store.folder.mkdir(parents=True, exist_ok=True)
        file = (store.folder / "launcher.lock").open("a")
    except OSError as error:
        raise StoreError(f"The folder {store.folder} cannot be written ({error.strerror}); make it writable.") from None
    with file:
        until = time.monotonic() + patience
        while not (taken := _try_lock(file)) and time.monotonic() < until:
            time.sleep(GLANCE_SECONDS / 4)
        yield file.fileno() if taken else None


def _try_lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
