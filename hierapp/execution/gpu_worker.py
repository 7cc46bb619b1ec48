"""A process that trains all runs of one GPU, each in its own thread with its own CUDA stream.

The scheduler starts it as `python -m hierapp.execution.gpu_worker`.
A step of a small network leaves most of a large GPU idle. Separate processes take turns on the GPU, but the streams of
one process share it (`python -m benchmarks.gpu --only many_runs` measures both). The scheduler writes each run as a
line "RUN ATTEMPT" to standard input. A new run starts quickly, because torch is imported and the GPU is initialized.
The process exits after it has been idle for a while.
"""

from __future__ import annotations

import gc
import logging
import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import TextIO

from hierapp.errors import HomeMovedError, StaleAttemptError
from hierapp.execution.slots import MOST
from hierapp.execution.worker import go_first_when_memory_is_short, log_by_saying, work
from hierapp.runs import Store
from hierapp.runs.store import number_of
from hierapp.runs.writer import SQLiteRunWriter
from hierapp.training import RunConfig, models
from hierapp.training.recorder import Recorder
from hierapp.utils import processes
from hierapp.utils.own_log import log_into, say

IDLE_SECONDS = 10.0


def can_share(config: RunConfig) -> bool:
    """Return whether a run may train in one process with others.

    All threads share torch's global state. So the run must not use deterministic algorithms or a network that draws
    random numbers, as a user's own network may.
    """
    return config.cuda_graphs != "off" and config.deterministic != "on" and config.model in models.MODELS


class GpuWorker:
    """Trains the runs it receives until its input ends and no run is left, or a run fails unexpectedly."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._identity = processes.identity(os.getpid(), store.folder) or ""
        self._threads = ThreadPoolExecutor(MOST)
        self._lock = threading.Lock()
        self._active = 0
        self._recorders: dict[str, Recorder] = {}  # by the run
        self._is_broken = False

    def serve(self, lines: TextIO) -> int:
        """Start the runs named by the input lines; return the exit code when nothing is left to do."""
        given: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=_read, args=(lines, given), daemon=True).start()
        idle_since, open_ = time.monotonic(), True
        while True:
            try:
                line = given.get(timeout=0.5)
            except queue.Empty:
                line = ""
            if line is None:
                open_ = False
            elif line and not self._is_broken:
                # A broken worker takes no run any more: the scheduler queues again what it was given, once it is gone.
                self._start(*line.split())
            if self._active:
                idle_since = time.monotonic()
            elif self._is_broken or not open_ or time.monotonic() - idle_since > IDLE_SECONDS:
                return int(self._is_broken)

    def stop(self, number: int, frame: FrameType | None = None) -> None:
        """Ask all runs to write a checkpoint and end."""
        for recorder in list(self._recorders.values()):
            recorder.signal = number

    def _start(self, run: str, attempt: str) -> None:
        with self._lock:
            self._active += 1
        self._threads.submit(self._run, run, int(attempt))

    def _run(self, name: str, attempt: int) -> None:
        try:
            run = self.store.run(name)
            writer = SQLiteRunWriter(self.store.database, number_of(name), attempt)
            with log_into(run.log_file):
                try:
                    writer.take(os.getpid(), self._identity)
                except StaleAttemptError:
                    say(f"run {name} is {run.state} and does not belong to this worker")
                    return
                with _own_stream():
                    work(writer, run, run.folder, started=partial(self._recorders.__setitem__, name))
        except HomeMovedError as error:
            say(str(error))
            self._is_broken = True
        except BaseException:
            # The end of this run is not recorded: the scheduler finds it lost when this process exits.
            traceback.print_exc()
            self._is_broken = True
        finally:
            self._recorders.pop(name, None)
            gc.collect()
            with self._lock:
                self._active -= 1


def _read(lines: TextIO, given: queue.Queue[str | None]) -> None:
    for line in lines:
        given.put(line.strip())
    given.put(None)


@contextmanager
def _own_stream() -> Iterator[None]:
    import torch

    if not torch.cuda.is_available():
        yield
        return
    with torch.cuda.stream(torch.cuda.Stream()):  # type: ignore[no-untyped-call]
        yield


def main() -> int:
    go_first_when_memory_is_short()
    log_by_saying()
    from hierapp.training import device as compute

    worker = GpuWorker(Store(pinned=True))
    signal.signal(signal.SIGTERM, worker.stop)
    compute.disable_algorithm_search()
    # Set once for all runs, because the setting applies to the process.
    with compute.determinism("off", compute.choose_device("auto")):
        code = worker.serve(sys.stdin)
    logging.shutdown()
    return code


if __name__ == "__main__":
    sys.exit(main())
