"""Connect training to the writer of a run: heartbeats, requests to stop, full disks."""

from __future__ import annotations

import errno
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TextIO

import numpy as np
from numpy.typing import NDArray

from hierapp.errors import DiskFull, StaleAttemptError, StoreError
from hierapp.runs import Run
from hierapp.runs.states import State

LOOK_SECONDS = 0.25  # between checks for a request to stop
HEARTBEAT_SECONDS = 2.0  # between heartbeats
PATIENCE_SECONDS = 1.0  # between attempts on a full disk
CHECKPOINT_SECONDS = 1.0  # minimum time between checkpoints
CHECKPOINT_SHARE = 0.02  # maximum share of the time spent on checkpoints


class RunWriter(Protocol):
    """Records what a worker reports: `SQLiteRunWriter`, or a proxy that sends the calls to one on another machine."""

    def begin(self, device: str, version: str) -> None: ...

    def restarted_at(self, epoch: float, progress: float, note: str | None = None) -> None: ...

    def heartbeat(self) -> bool: ...

    def is_asked_to_stop(self) -> bool: ...

    def report(self, epoch: float, values: Mapping[str, float], progress: float) -> None: ...

    def end_epoch(self, epoch: int, values: Mapping[str, float], confusion: NDArray[np.int64]) -> None: ...

    def finish(self, epoch: int, test: Mapping[str, Any], confusion: NDArray[np.int64]) -> None: ...

    def end(self, state: State, error: str | None = None) -> None: ...

    def saved(self, file: Path) -> None:
        """Accept a complete file in the run's folder."""


_thread = threading.local()


def log() -> TextIO:
    """Return the log stream of this thread: standard output, unless `log_into` is active."""
    stream: TextIO = getattr(_thread, "log", sys.stdout)
    return stream


@contextmanager
def log_into(file: Path) -> Iterator[None]:
    """Context manager: append the log of this thread to a file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a") as _thread.log:
        try:
            yield
        finally:
            del _thread.log


def say(words: str) -> None:
    """Write a line to the run's log; errors while writing the log are ignored."""
    try:
        print(f"{time.strftime('%H:%M:%S')} {words}", file=log(), flush=True)
    except OSError:
        return


class RunRecorder:
    """The Recorder of the training, on top of a `RunWriter`. As a context manager it runs a heartbeat thread.

    Args:
        writer: the writer of the run.
        run: the run.
    """

    def __init__(self, writer: RunWriter, run: Run) -> None:
        self.writer, self.run = writer, run
        self.signal: int | None = None  # set when the process is asked to end
        self._asked = False
        self._stale: StaleAttemptError | None = None
        self._over = threading.Event()
        self._pulse = threading.Thread(target=self._live, daemon=True)
        self._saved_at = time.monotonic()
        # The minimum of the last durations is used: a disk that was busy once must not delay the next checkpoints.
        self._save_seconds = deque([0.0], maxlen=3)

    def __enter__(self) -> RunRecorder:
        # A short run may end before the first check of the thread.
        self._asked = self.writer.is_asked_to_stop()
        self._pulse.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._over.set()
        self._pulse.join(timeout=HEARTBEAT_SECONDS)

    # Calls from the training

    def report(self, epoch: float, values: Mapping[str, float]) -> None:
        self._patiently(lambda: self.writer.report(epoch, values, epoch / self.run.config.epochs))

    def end_epoch(self, epoch: int, values: Mapping[str, float], confusion: NDArray[np.int64]) -> None:
        self._patiently(lambda: self.writer.end_epoch(epoch, values, confusion))
        metrics = ", ".join(f"{name} {value:.4g}" for name, value in values.items())
        say(f"epoch {epoch} of {self.run.config.epochs}: {metrics}")

    def should_stop(self) -> bool:
        if self._stale is not None:
            raise self._stale
        return self._asked or self.signal is not None

    def should_save(self) -> bool:
        """Return whether a checkpoint is due; limits their share of the training time."""
        waited = time.monotonic() - self._saved_at
        if waited < max(CHECKPOINT_SECONDS, min(self._save_seconds) / CHECKPOINT_SHARE):
            return False
        self._saved_at = time.monotonic()
        return True

    def restarted_at(self, epoch: float, broken: Sequence[str]) -> None:
        notes = [f"The file {name} was broken and has been set aside." for name in broken]
        if epoch > 0:
            notes.append(f"Training resumes from epoch {epoch:.2f}.")
        elif broken:
            notes.append("Training starts again.")
        elif self.run.progress > 0:
            notes.append("There was no checkpoint; training starts again.")
        for note in notes:
            say(note)
        progress = epoch / self.run.config.epochs
        self._patiently(lambda: self.writer.restarted_at(epoch, progress, " ".join(notes) or None))
        self._saved_at = time.monotonic()

    def saved(self, file: Path) -> None:
        self._patiently(lambda: self.writer.saved(file))
        self._save_seconds.append(time.monotonic() - self._saved_at)

    def not_saved(self, error: OSError) -> None:
        say(f"no checkpoint could be written ({error.strerror or error}); the previous one is kept")

    def when_there_is_room(self, write: Callable[[], None]) -> None:
        self._patiently(write)

    # End of the run

    def finish(self, epoch: int, test: Mapping[str, Any], confusion: NDArray[np.int64]) -> None:
        self._patiently(lambda: self.writer.finish(epoch, test, confusion))

    def end(self, state: State, error: str | None = None) -> None:
        self._patiently(lambda: self.writer.end(state, error))

    def _patiently(self, write: Callable[[], None]) -> None:
        """Write; while the disk is full, try again until there is room."""
        told = False
        while True:
            try:
                return write()
            except (DiskFull, OSError) as error:
                if isinstance(error, OSError) and error.errno not in (errno.ENOSPC, errno.EDQUOT):
                    raise
                if self._stale is not None:
                    raise self._stale from error
                if self.signal is not None:
                    raise SystemExit(128 + self.signal) from error
                if not told:
                    say("the disk is full; waiting for free space")
                told = True
                time.sleep(PATIENCE_SECONDS)

    def _live(self) -> None:
        """Check for a request to stop and send heartbeats while the training runs."""
        beaten = 0.0
        while not self._over.wait(LOOK_SECONDS):
            try:
                if time.monotonic() - beaten > HEARTBEAT_SECONDS:
                    self._asked |= self.writer.heartbeat()
                    beaten = time.monotonic()
                else:
                    self._asked |= self.writer.is_asked_to_stop()
            except StaleAttemptError as error:
                self._stale = error
                return
            except StoreError:
                continue  # a full disk or a folder that is briefly unavailable: try again at the next check
