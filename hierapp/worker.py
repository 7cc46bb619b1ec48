"""`python -m hierapp.worker RUN`: one run, one process. The launcher starts it once the run is claimed."""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Mapping
from types import FrameType

import numpy as np
from numpy.typing import NDArray

from hierapp import datasets, processes
from hierapp.errors import Cancelled, HierappError
from hierapp.store import Run, Store

SECONDS_BETWEEN_LOOKS = 0.2
SMALL_BATCH = 50_000  # numbers in a batch of images; the digits have 8,192, Fashion-MNIST 100,352


class StoreRecorder:
    """Writes what the training loop tells into the store, and a line an epoch into the log."""

    def __init__(self, store: Store, run: Run) -> None:
        self.store, self.run = store, run
        self.looked = 0.0

    def report(self, epoch: float, values: Mapping[str, float]) -> None:
        self.store.report(self.run.id, epoch, values, progress=epoch / self.run.config.epochs)

    def end_epoch(self, epoch: int, values: Mapping[str, float], confusion: NDArray[np.int64]) -> None:
        self.store.end_epoch(self.run.id, epoch, values, confusion)
        figures = ", ".join(f"{name} {value:.4g}" for name, value in values.items())
        print(f"{time.strftime('%H:%M:%S')} epoch {epoch} of {self.run.config.epochs}: {figures}")

    def should_stop(self) -> bool:
        now = time.monotonic()
        if now - self.looked < SECONDS_BETWEEN_LOOKS:
            return False
        self.looked = now
        return self.store.is_cancel_requested(self.run.id)


def work(store: Store, run: Run) -> bool:
    """Train a claimed run and record how it ends; True if it finished."""
    store.set_process(run.id, os.getpid(), processes.started_at(os.getpid()))
    try:
        # Imported only now: torch takes seconds, and the page shows the process meanwhile.
        from hierapp import training
        from hierapp.version import code_version

        share_cores(run)
        device = training.choose_device(run.config.device)
        store.set_start(run.id, str(device), code_version())
        print(f"{time.strftime('%H:%M:%S')} run {run.id} starts on {device}: {run.config.model_dump_json()}")
        test = training.train(run.config, run.tree, StoreRecorder(store, run), run.folder)
        store.add_test_confusion(run.id, run.config.epochs, np.array(test.pop("confusion")))
        store.end(run.id, "finished", test=test)
        print(f"{time.strftime('%H:%M:%S')} finished: test accuracy {test['accuracy']:.4f}")
        return True
    except Cancelled:
        store.end(run.id, "cancelled")
        print(f"{time.strftime('%H:%M:%S')} cancelled")
        return False
    except Exception as error:
        traceback.print_exc()
        store.end(run.id, "failed", error=describe(error))
        return False


def share_cores(run: Run) -> None:
    """One thread for batches that are too small to share: as fast there, and it never waits for a core that is busy.

    Measured on two cores: an epoch of the digits takes 24 ms on two threads and 29 on one, but beside another busy
    process 101 and 28.
    """
    import torch

    height, width, channels = datasets.find(run.config.data).image_shape
    if height * width * channels * run.config.batch_size < SMALL_BATCH:
        torch.set_num_threads(1)


def describe(error: Exception) -> str:
    """One sentence for the user; the log has the traceback."""
    if isinstance(error, HierappError):
        return str(error)
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return "The run needs more memory than the device has; make the batch or the model smaller."
    first = (str(error).splitlines() or [""])[0]
    return f"Training stopped on an unexpected {type(error).__name__}: {first}; the run's log has the details."


def _interrupted(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def main() -> int:
    signal.signal(signal.SIGTERM, _interrupted)
    store = Store()
    run = store.run(sys.argv[1])
    if run.state != "running":
        print(f"run {run.id} is {run.state}; the worker only takes runs that a launcher has claimed")
        return 2
    return 0 if work(store, run) else 1


if __name__ == "__main__":
    sys.exit(main())
