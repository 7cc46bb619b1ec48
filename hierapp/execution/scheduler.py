"""The scheduler: process the queue, with any backend.

`python -m hierapp.execution` processes the queue of the store and exits when it is empty. A lock ensures that only one
scheduler runs at a time. The process that starts a scheduler takes the lock first and hands it over, so that the lock
shows at any moment whether the queue will be processed. Code that submits or displays runs calls `ensure_scheduler`.
Workers outlive the scheduler, and the next scheduler takes them over.

A scheduler that was stopped (SIGSTOP) is replaced. When it continues, it finds that the lock is no longer its own and
exits. Whatever it had begun concerns an attempt of a run, and takes effect only while that is the current one.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext

from hierapp import paths
from hierapp.errors import DiskFull, HomeMovedError, StoreError
from hierapp.execution import fork_server, settings
from hierapp.execution.backend import LOG, Backend
from hierapp.execution.tracked_backend import TrackedBackend
from hierapp.runs import Run, Store, tracked
from hierapp.utils import devices, locks, processes
from hierapp.utils.background import Job
from hierapp.utils.disk import disk_of, is_full
from hierapp.utils.locks import SILENCE_SECONDS, Held, Superseded
from hierapp.utils.own_log import say

POLL_SECONDS = 0.1
IDLE_SECONDS = 300.0  # for which a scheduler that the app has started waits for the next run
CODE_SECONDS = 2.0  # between checks of an idle scheduler whether hierapp's code has changed
FULL_DISK_SECONDS = 2.0  # between checks while the disk is full
GRACE_SECONDS = 10.0  # for a run to end after a request to stop
HANG_SECONDS = 300.0  # for one step, such as waiting for a fork server or a cluster, until the heartbeat ends
SUSPICIOUS_SECONDS = 15.0  # without a heartbeat, until that is told
LOCK = "launcher.lock"


class Scheduler:
    """Processes the queue of one store.

    Args:
        store: the store with the queue.
        backends: factories of the backends, called when a backend is first needed.
        tell: called with each message for the log.
        is_in_charge: whether no other scheduler has taken over.
    """

    def __init__(
        self,
        store: Store,
        backends: Mapping[str, Callable[[Store], Backend]],
        tell: Callable[[str], None] = lambda words: None,
        is_in_charge: Callable[[], bool] = lambda: True,
    ) -> None:
        self.store = store
        self._tell = tell
        self._is_in_charge = is_in_charge
        self._stepped_at = time.monotonic()
        self._make = backends
        self._made: dict[str, Backend] = {}
        # When the request to stop each run was first seen, on this process's monotonic clock.
        self._asked: dict[tuple[str, int], float] = {}

    def step(self) -> bool:
        """Check the running runs and start those there is room for; return False when nothing is left to do.

        Raises:
            Superseded: if another scheduler has taken over, which this one may notice only after a run has begun.
        """
        self._stepped_at = time.monotonic()
        self._check_charge()
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
            self._tell(f"run {run.id} never started, and is queued again")
            return self.store.unclaim(run)
        why = backend.lost_reason(run)
        if why is None:
            self._stop_by_force(run, backend)
            return False
        if run.cancel_requested is not None:
            self.store.stopped(run)
        else:
            # A copy of the folder leaves it to the user to continue: the run continues in the original.
            is_copy = run.process is not None and not processes.is_of(run.process, self.store.folder)
            again = run.lost_count < settings.retries(self.store) and not is_copy and run.origin == "trained"
            self._tell(f"run {run.id} is lost{', and is queued again' if again else ''}: {why}")
            self.store.lose(run, why, again)
        return True

    def is_working(self) -> bool:
        """Return whether steps follow each other."""
        return time.monotonic() - self._stepped_at < HANG_SECONDS

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
                self._check_charge()
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
            if is_full(error):
                self.store.unclaim(run)
                raise DiskFull(f"The disk with {run.folder} is full, so no run can start; free some space.") from error
            why = error.strerror or str(error)
            self.store.lose(run, f"The run's process could not be started ({why}); fix the problem and resume the run.")

    def _stop_by_force(self, run: Run, backend: Backend) -> None:
        if run.cancel_requested is None:
            return
        since = self._asked.setdefault((run.id, run.attempt), time.monotonic())
        if time.monotonic() - since > GRACE_SECONDS:
            self._tell(f"run {run.id} did not stop when asked, and is terminated")
            backend.kill(run)

    def _check_charge(self) -> None:
        if not self._is_in_charge():
            raise Superseded

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

    return {"local": local, "ray": ray, tracked.LAUNCHER: TrackedBackend}


def ensure_scheduler(store: Store) -> None:
    """Start a scheduler if there are open runs and none is running, or the one that is running gives no sign of life.

    Raises:
        StoreError: if its process cannot be started; the runs stay in the queue.
    """
    if not store.is_work_left() or _is_read_only(store):
        return
    with _lock(store, locks.GLANCE_SECONDS, SILENCE_SECONDS) as lock:
        if lock is not None:
            _start(store, lock)


def warm_up(store: Store) -> None:
    """Start a scheduler that waits for runs as long as this process lives, but for at most `IDLE_SECONDS`; its fork
    server imports what they need, so that the first one starts at once. Do nothing where no worker can be forked."""
    local = settings.kind_of(settings.chosen(store)) == settings.LOCAL and devices.kind_of("auto") != "cuda"
    if local and fork_server.is_available() and not _is_read_only(store):
        with _lock(store, patience=locks.GLANCE_SECONDS) as lock:
            if lock is not None:
                _start(store, lock, IDLE_SECONDS)


def _start(store: Store, lock: Held, idle: float = 0.0) -> None:
    """Start a scheduler that has the lock from the start."""
    environment = {"HIERAPP_HOME": str(store.folder), "HIERAPP_DATA": str(paths.data_folder().absolute())}
    try:
        _job(store).hand_over(lock, ["hierapp.execution", str(lock.descriptor), str(idle)], environment)
    except OSError as error:
        raise StoreError(
            f"The scheduler could not be started ({error.strerror}); fix the problem, and the queued runs start with"
            " the next command."
        ) from error


def reap_lost_runs(store: Store) -> None:
    """Record now which running runs have lost their process, then call `ensure_scheduler`."""
    if not store.is_work_left() or _is_read_only(store):
        return
    with _lock(store) as lock:
        if lock is not None:
            scheduler = Scheduler(store, backends())
            for run in store.runs(states=("running",)):
                if run.launcher in (None, "local", tracked.LAUNCHER):
                    scheduler.ended(run)
    ensure_scheduler(store)


def is_at_work(store: Store) -> bool:
    """Return whether a scheduler is running; starts nothing and creates no file."""
    return _job(store).is_running()


def trouble(store: Store) -> str | None:
    """Return a sentence if runs wait for a scheduler that gives no sign of life; None otherwise."""
    silent = locks.silent_for(_job(store).lock)
    if silent is None or silent < SUSPICIOUS_SECONDS or not store.is_work_left():
        return None
    return (
        f"The scheduler has not responded for {silent:.0f} seconds, as if it had been stopped; after"
        f" {SILENCE_SECONDS:.0f} seconds another one takes over."
    )


def run_scheduler(store: Store, lock: int | None = None, idle: float = 0.0) -> None:
    """Process the queue until nothing is left to do or another scheduler is running.

    Args:
        store: the store with the queue.
        lock: the descriptor of the lock's file if the lock was taken for this process.
        idle: for how many seconds to wait for another run when nothing is left to do.
    """
    try:
        _process_queues(store, lock, idle)
    except HomeMovedError as error:
        say(str(error))


def _process_queues(store: Store, lock: int | None, idle: float) -> None:
    if lock is not None:
        with _job(store).working(lock) as held:
            _process_queue(store, held, idle)
    # A run queued just before the lock is released starts no scheduler, because the lock is held; so check again after
    # the release.
    while store.is_work_left():
        # `ensure_scheduler` holds the lock briefly while it checks.
        with _lock(store, patience=1.0) as taken:
            if taken is None:
                return
            _process_queue(store, taken)


def _process_queue(store: Store, lock: Held, idle: float = 0.0) -> None:
    say(f"running, process {os.getpid()}")
    scheduler = Scheduler(store, backends(), say, lock.is_mine)
    with lock.beating(scheduler.is_working):
        try:
            if idle:
                fork_server.begin()
            _step_until_idle(scheduler, idle)
        except Superseded:
            # The backends are not closed: what runs there is the other scheduler's.
            fork_server.leave_workers()
            say("another process has taken over, because this one had no heartbeat; it exits")
            return
        except HomeMovedError:
            scheduler.close()  # the workers find out by themselves
            raise
        scheduler.close()
    say("nothing left to do")


def _step_until_idle(scheduler: Scheduler, idle: float) -> None:
    """Step until nothing has been left to do for `idle` seconds, the process that started this one is gone, or the
    fork server has outdated code."""
    parent, worked_at, checked_at = os.getppid(), time.monotonic(), time.monotonic()
    while True:
        now = time.monotonic()
        if _step(scheduler):
            worked_at = now
        elif now - worked_at >= idle or os.getppid() != parent:
            return
        elif now - checked_at > CODE_SECONDS:
            checked_at = now
            if fork_server.is_stale():
                return
        time.sleep(POLL_SECONDS)


def _step(scheduler: Scheduler) -> bool:
    try:
        return scheduler.step()
    except DiskFull:
        time.sleep(FULL_DISK_SECONDS)
        return True
    except Superseded:
        scheduler.store.is_work_left()  # a HomeMovedError, if the lock's file went with the folder
        raise


def _is_read_only(store: Store) -> bool:
    """Return whether the store is read-only, so that no scheduler can run; it can still be displayed."""
    return store.folder.is_dir() and not os.access(store.folder, os.W_OK)


def _job(store: Store) -> Job:
    return Job(store.folder / LOCK, store.folder / LOG)


@contextmanager
def _lock(store: Store, patience: float = 0.0, silence: float | None = None) -> Iterator[Held | None]:
    """Context manager: the scheduler's lock, or None if another process holds it, see `Job.take`."""
    try:
        store.folder.mkdir(parents=True, exist_ok=True)
        lock = _job(store).take(patience, silence)
    except OSError as error:
        raise StoreError(f"The folder {store.folder} cannot be written ({error.strerror}); make it writable.") from None
    with lock or nullcontext():
        yield lock
