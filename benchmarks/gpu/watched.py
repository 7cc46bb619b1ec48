"""Runs of a store that are watched: waiting for what happens, telling what does not, and leaving nothing behind."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TypeVar

from benchmarks.gpu.session import Session
from hierapp.execution import scheduler
from hierapp.runs import Run, Store
from hierapp.utils import devices, nvml, processes

if TYPE_CHECKING:
    pass

T = TypeVar("T")

TABLE = "Runs by the launcher"
POLL_SECONDS = 0.05
PATIENCE = 30.0  # seconds for any one thing to happen on a GPU; a dry run may have a busy machine
END_SECONDS = 4.0  # for ending what still runs


class Late(Exception):  # noqa: N818 - told as what did not happen
    """Something did not happen, however patiently one waited."""


class OutOfTime(Exception):  # noqa: N818 - no fault
    """The part's time is over before something could happen."""


class Watched:
    """A store whose runs are watched, with a row in the table for each check."""

    def __init__(self, session: Session, store: Store) -> None:
        self.session, self.store = session, store
        self.kind = "cuda" if devices.cards() and not session.dry else "cpu"
        self.peak = 0  # bytes of all GPUs that were seen in use

    def check(self, what: str, right: bool, result: str, seconds: float | None = None) -> None:
        """A row, and a fault if it is not as it should be."""
        self.session.add(TABLE, {"check": what, "result": result.strip(), "seconds": seconds})
        if not right:
            self.session.fault(f"{what}: {result.strip()}")

    def ended(self, run: str, store: Store | None = None) -> Run:
        """The run, once it has ended."""
        store = store or self.store

        def look() -> Run | None:
            now = store.run(run)
            return None if now.is_open else now

        return self.until(look, f"the end of run {run}")

    def until(self, look: Callable[[], T | None], what: str, patience: float | None = None) -> T:
        """What is looked for, once it is there; meanwhile the GPU's memory is watched."""
        until = time.monotonic() + (patience or self.session.choose(PATIENCE, 10 * PATIENCE))
        while not (found := look()):
            if time.monotonic() > until:
                raise Late(f"waited in vain for {what}")
            if self.session.seconds_left() < END_SECONDS:
                raise OutOfTime(f"waited for {what}")
            self.memory_used()
            time.sleep(POLL_SECONDS)
        return found

    def memory_used(self) -> int:
        """Bytes of all GPUs in use, by whomever."""
        used = sum(card.memory_used or 0 for card in nvml.read()) if self.kind == "cuda" else 0
        self.peak = max(self.peak, used)
        return used

    def print_logs(self) -> None:
        """The ends of all logs, for the part's own log."""
        for log in (self.store.folder / "launcher.log", *sorted(self.store.folder.glob("runs/*/log.txt"))):
            with suppress(OSError):
                print(
                    f"--- {log.relative_to(self.store.folder)}\n{log.read_text(errors='replace')[-3000:]}", flush=True
                )

    def end_runs(self, store: Store) -> None:
        """Nothing is left that runs."""
        for run in store.runs(states=("queued", "running")):
            store.request_cancel(run.id)
            processes.kill(run.process)
        until = time.monotonic() + END_SECONDS
        while scheduler.is_at_work(store) and time.monotonic() < until:
            # One that was claimed a moment ago has no process yet.
            for run in store.runs(states=("running",)):
                processes.kill(run.process)
            time.sleep(POLL_SECONDS)


@contextmanager
def environment(variables: Mapping[str, str | None]) -> Iterator[None]:
    """Meanwhile these variables have these values; None takes one away."""
    before = {name: os.environ.get(name) for name in variables}
    _set(variables)
    try:
        yield
    finally:
        _set(before)


def _set(variables: Mapping[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
