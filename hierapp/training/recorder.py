"""From the training loop to what stores a run: reports, heartbeats, requests to stop, full disks.

`trainer` reports to a `Recorder`; that one writes to a `RunWriter`, of which there are two: `runs.writer` for the store
on this machine and `execution.ray.writer` for a store elsewhere. This module does not import torch.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hierapp.errors import DiskFull, StaleAttemptError, StoreError
from hierapp.utils.disk import is_full
from hierapp.utils.own_log import say

if TYPE_CHECKING:
    from scipy.sparse import csr_array

LOOK_SECONDS = 0.25  # between checks for a request to stop
HEARTBEAT_SECONDS = 2.0  # between heartbeats
PATIENCE_SECONDS = 1.0  # between attempts on a full disk
CHECKPOINT_SECONDS = 1.0  # minimum time between checkpoints
CHECKPOINT_SHARE = 0.02  # maximum share of the time spent on checkpoints

# [L, L], rows are the true leaves; sparse from the app's own training.
Confusion: TypeAlias = "NDArray[np.int64] | csr_array"
EarlyEnd = Literal["failed", "cancelled", "interrupted"]


class RunWriter(ABC):
    """Stores what one attempt of a run reports. An epoch of 1.5 is the middle of the second epoch.

    Raises:
        StaleAttemptError: from every call, if the run has ended or was claimed again.
        StoreError: from every call, if the store cannot be written.
    """

    @abstractmethod
    def take(self, pid: int, process: str) -> None:
        """Record the process that works on the run (see `processes.identity`); the first to call this owns the run."""

    @abstractmethod
    def begin(self, device: str, version: str) -> None:
        """Record the start of training, the device and the code version; earlier imports are not training time."""

    @abstractmethod
    def restarted_at(self, epoch: float, progress: float, note: str | None = None) -> None:
        """Delete what an earlier attempt recorded after an epoch, because training continues from there."""

    @abstractmethod
    def heartbeat(self) -> bool:
        """Record that the worker is alive; return whether the run was asked to stop."""

    @abstractmethod
    def is_asked_to_stop(self) -> bool:
        """Return whether the run was asked to stop, without writing."""

    @abstractmethod
    def report(self, epoch: float, values: Mapping[str, float], progress: float) -> None:
        """Record values at a time in epochs and the progress of the run, from 0 to 1; NaN is stored as NULL."""

    @abstractmethod
    def end_epoch(self, epoch: int, values: Mapping[str, float], confusion: Confusion | None) -> None:
        """Record the values and the validation confusion matrix of an epoch, all or nothing."""

    @abstractmethod
    def saved(self, file: Path) -> None:
        """Store a complete file of the run's folder."""

    @abstractmethod
    def finish(self, epoch: int, test: Mapping[str, Any], confusion: Confusion | None) -> None:
        """Record the test metrics and that the run has finished, and delete its checkpoints."""

    @abstractmethod
    def end(self, state: EarlyEnd, error: str | None = None) -> None:
        """Record that the run ended early, and why."""


class Recorder:
    """Receives the events of a training loop. As a context manager it runs a heartbeat thread.

    Args:
        writer: stores the events; None, the default, stores nothing, asks for no checkpoint and never stops the run.
        epochs: the number of epochs that are planned, for the progress; None if unknown.
        progress: how far an earlier attempt came, from 0 to 1.
    """

    def __init__(self, writer: RunWriter | None = None, epochs: int | None = None, progress: float = 0.0) -> None:
        self.writer, self.epochs, self.progress = writer, epochs, progress
        self.signal: int | None = None  # set when the process is asked to end
        self._asked = False
        self._stale: StaleAttemptError | None = None
        self._over = threading.Event()
        self._pulse: threading.Thread | None = None
        self._saved_at = time.monotonic()
        # The minimum of the last durations is used: a disk that was busy once must not delay the next checkpoints.
        self._save_seconds = deque([0.0], maxlen=3)

    def __enter__(self) -> Recorder:
        if self.writer is not None:
            # A short run may end before the first check of the thread.
            self._asked = self.writer.is_asked_to_stop()
            self._pulse = threading.Thread(target=self._live, args=(self.writer,), daemon=True)
            self._pulse.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._over.set()
        if self._pulse is not None:
            self._pulse.join(timeout=HEARTBEAT_SECONDS)

    # Calls from the training

    def begin(self, device: str, version: str) -> None:
        """Training starts on this device, with this version of the code."""
        self._write(lambda writer: writer.begin(device, version))

    def report(self, epoch: float, values: Mapping[str, float]) -> None:
        """Values at a time in epochs; 1.5 is the middle of the second epoch."""
        self._write(lambda writer: writer.report(epoch, values, self._share(epoch)))

    def end_epoch(self, epoch: int, values: Mapping[str, float], confusion: Confusion | None) -> None:
        """The values and the validation confusion matrix of a complete epoch."""
        self._write(lambda writer: writer.end_epoch(epoch, values, confusion))
        metrics = ", ".join(f"{name} {value:.4g}" for name, value in values.items())
        if metrics:
            say(f"epoch {epoch}{f' of {self.epochs}' if self.epochs else ''}: {metrics}")

    def should_stop(self) -> bool:
        """Return whether the run was asked to stop, by a user or a signal."""
        if self._stale is not None:
            raise self._stale
        return self._asked or self.signal is not None

    def should_save(self) -> bool:
        """Return whether a checkpoint is due; called between batches. Limits their share of the training time."""
        waited = time.monotonic() - self._saved_at
        if self.writer is None or waited < max(CHECKPOINT_SECONDS, min(self._save_seconds) / CHECKPOINT_SHARE):
            return False
        self._saved_at = time.monotonic()
        return True

    def restarted_at(self, epoch: float, broken: Sequence[str]) -> None:
        """Training starts at this point, 0 or that of a checkpoint; the checkpoints with these names were broken."""
        notes = [f"The file {name} was broken and has been set aside." for name in broken]
        if epoch > 0:
            notes.append(f"Training resumes from epoch {epoch:.2f}.")
        elif broken:
            notes.append("Training starts again.")
        elif self.progress > 0:
            notes.append("There was no checkpoint; training starts again.")
        for note in notes:
            say(note)
        self._write(lambda writer: writer.restarted_at(epoch, self._share(epoch), " ".join(notes) or None))
        self._saved_at = time.monotonic()

    def saved(self, file: Path) -> None:
        """A file of the run's folder is completely written."""
        self._write(lambda writer: writer.saved(file))
        self._save_seconds.append(time.monotonic() - self._saved_at)

    def not_saved(self, error: OSError) -> None:
        """A checkpoint could not be written; the previous one remains, and training continues."""
        say(f"no checkpoint could be written ({error.strerror or error}); the previous one is kept")

    def when_there_is_room(self, write: Callable[[], None]) -> None:
        """Write a required file, waiting as long as the disk is full."""
        told = False
        while True:
            try:
                return write()
            except (DiskFull, OSError) as error:
                if not is_full(error):
                    raise
                if self._stale is not None:
                    raise self._stale from error
                if self.signal is not None:
                    raise SystemExit(128 + self.signal) from error
                if not told:
                    say("the disk is full; waiting for free space")
                told = True
                time.sleep(PATIENCE_SECONDS)

    # End of the run

    def finish(self, epoch: int, test: Mapping[str, Any], confusion: Confusion | None) -> None:
        """The test metrics and the test confusion matrix; the run has finished."""
        self._write(lambda writer: writer.finish(epoch, test, confusion))

    def end(self, state: EarlyEnd, error: str | None = None) -> None:
        """The run ended early, with the reason as one sentence."""
        self._write(lambda writer: writer.end(state, error))

    def _write(self, call: Callable[[RunWriter], None]) -> None:
        if (writer := self.writer) is not None:
            self.when_there_is_room(lambda: call(writer))

    def _share(self, epoch: float) -> float:
        return min(1.0, epoch / self.epochs) if self.epochs else 0.0

    def _live(self, writer: RunWriter) -> None:
        """Check for a request to stop and send heartbeats while the training runs."""
        beaten = 0.0
        while not self._over.wait(LOOK_SECONDS):
            try:
                if time.monotonic() - beaten > HEARTBEAT_SECONDS:
                    self._asked |= writer.heartbeat()
                    beaten = time.monotonic()
                else:
                    self._asked |= writer.is_asked_to_stop()
            except StaleAttemptError as error:
                self._stale = error
                return
            except StoreError:
                continue  # a full disk or a folder that is briefly unavailable: try again at the next check
