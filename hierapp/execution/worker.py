"""`python -m hierapp.execution.worker RUN ATTEMPT`: train one claimed run in its own process."""

from __future__ import annotations

import logging
import math
import os
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from hierapp.data import registry as datasets
from hierapp.errors import Cancelled, HomeMovedError, StaleAttemptError
from hierapp.execution.failures import describe
from hierapp.metrics import counts
from hierapp.runs import Run, Store, same_data
from hierapp.runs.store import number_of
from hierapp.runs.writer import SQLiteRunWriter
from hierapp.training.recorder import Recorder, RunWriter
from hierapp.utils import processes
from hierapp.utils.own_log import log, say

if TYPE_CHECKING:
    from hierapp.training.trainer import Load


def work(
    writer: RunWriter,
    run: Run,
    folder: Path,
    load: Load | None = None,
    started: Callable[[Recorder], object] = lambda recorder: None,
) -> bool:
    """Train a claimed run and record how it ends; return True if it finished.

    Args:
        writer: the writer that records the run.
        run: the claimed run.
        folder: the folder for the files of the run.
        load: the function that reads data sets; by default `datasets.load`.
        started: called with the recorder of the run, which can be used to stop it.
    """
    try:
        with Recorder(writer, run.config.epochs, run.progress) as recorder, _signals(recorder):
            started(recorder)
            return _train(recorder, run, folder, load)
    except StaleAttemptError as error:
        say(str(error) or "the run now belongs to another worker, or has ended; this one stops")
        return False


def _train(recorder: Recorder, run: Run, folder: Path, load: Load | None) -> bool:
    try:
        # Imported late, because torch takes seconds and the page should already show the process.
        from hierapp.training import device as compute, trainer
        from hierapp.version import code_version

        share_cores(run)
        device = compute.choose_device(run.config.device)
        recorder.begin(str(device), code_version())
        say(f"run {run.id} starts on {device}: {run.config.model_dump_json()}")
        if device.type == "cpu" and (run.assigned_device or "").startswith("cuda"):
            say(
                "it was assigned a GPU, but this PyTorch finds none that it can use: check its CUDA version and the"
                " driver's"
            )
        same = same_data.refusing_other(run, load or datasets.load)
        test = trainer.train(run.config, run.tree, recorder, folder, same, run.similarity)
        confusion = counts.of_listed(test.pop("confusion"), len(run.tree.leaves))
        recorder.finish(test["epoch"], test, confusion)
        say(f"finished: test accuracy {test['accuracy']:.4f} with the weights of epoch {test['epoch']}")
        return True
    except StaleAttemptError:
        raise
    except Cancelled:
        if recorder.signal is None:
            say("cancelled")
            recorder.end("cancelled")
        else:
            recorder.end("interrupted", f"{_signal_words(recorder.signal)} A checkpoint was saved.")
        return False
    except Exception as error:
        with suppress(OSError):
            traceback.print_exc(file=log())
        recorder.end("failed", error=describe(error))
        return False


class _signals:  # noqa: N801 - reads as a verb
    """Context manager: SIGTERM asks the training to write a checkpoint and stop; a second SIGTERM ends the process."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder

    def __enter__(self) -> None:
        with suppress(ValueError):  # not in the main thread
            signal.signal(signal.SIGTERM, self._told)

    def __exit__(self, *exception: object) -> None:
        with suppress(ValueError):
            signal.signal(signal.SIGTERM, signal.SIG_DFL)

    def _told(self, number: int, frame: FrameType | None) -> None:
        if self.recorder.signal is not None:
            raise SystemExit(128 + number)
        self.recorder.signal = number


def _signal_words(number: int) -> str:
    return f"The run's process was asked to stop by signal {number} ({signal.strsignal(number)})."


def share_cores(run: Run) -> None:
    """Use one thread if the batches are small: it is nearly as fast, and never waits for a busy core.

    Measured on two cores: an epoch of the digits takes 24 ms with two threads and 29 ms with one, but 101 ms and 28 ms
    while another process is busy.
    """
    import torch

    from hierapp.training.device import SMALL_BATCH

    entry = datasets.catalogue().get(run.config.data)
    if entry is None:  # a user's own data set that this node of a cluster does not have
        return
    if math.prod(entry.input_shape) * run.config.batch_size < SMALL_BATCH:
        torch.set_num_threads(1)


def main(name: str, attempt: int | None = None) -> int:
    """Train a claimed run in this process; return the exit code.

    Args:
        name: the id of the run.
        attempt: the number of the claimed attempt; by default the last one.
    """
    go_first_when_memory_is_short()
    log_by_saying()
    store = Store(pinned=True)
    try:
        run = store.run(name)
        number = run.attempt if attempt is None else attempt
        writer = SQLiteRunWriter(store.database, number_of(run.id), number)
        writer.take(os.getpid(), processes.identity(os.getpid(), store.folder) or "")
    except HomeMovedError as error:
        say(str(error))
        return 2
    except StaleAttemptError:
        say(f"run {run.id} is {run.state} and does not belong to this worker; only the scheduler starts runs")
        return 2
    return 0 if work(writer, run, run.folder) else 1


def log_by_saying() -> None:
    """Write warnings from `logging` to the log of the current run."""

    class Saying(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            say(record.getMessage())

    logging.basicConfig(handlers=[Saying()], level=logging.WARNING)


def go_first_when_memory_is_short() -> None:
    """Under memory pressure the kernel should kill a run, which can continue from its checkpoint, before the app."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else None))
