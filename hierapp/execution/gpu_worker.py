"""One process that trains the runs of a GPU, each in a thread with a CUDA stream of its own.

`python -m hierapp.execution.gpu_worker` is started by the scheduler.
A step of a small network leaves most of a large GPU idle, and processes take turns on it; streams of one process share
it (`python -m benchmarks.gpu --only many_runs` measures both). The scheduler hands runs over as lines "RUN ATTEMPT" on
standard input. The next run starts at once: torch is imported and the GPU in use already. The process ends when it has
had nothing to do for a while.
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
from types import FrameType
from typing import TextIO

from hierapp.errors import StaleAttemptError
from hierapp.execution.recorder import RunRecorder, log_into, say
from hierapp.execution.slots import MOST
from hierapp.execution.worker import go_first_when_memory_is_short, log_by_saying, work
from hierapp.runs import Store
from hierapp.runs.store import number_of
from hierapp.runs.writer import SQLiteRunWriter
from hierapp.training import RunConfig, models
from hierapp.utils import processes

IDLE_SECONDS = 10.0


def can_share(config: RunConfig) -> bool:
    """Whether a run may train beside others in one process.

    What it needs of torch's state that all threads have in common must be the same for all: no deterministic
    algorithms, and no network that draws random numbers, as one's own may.
    """
    return config.cuda_graphs != "off" and config.deterministic != "on" and not models.is_own(config.model)


class GpuWorker:
    """Trains what it is given until its input ends and nothing is left, or a run has left it in doubt."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._identity = processes.identity(os.getpid()) or ""
        self._threads = ThreadPoolExecutor(MOST)
        self._lock = threading.Lock()
        self._active = 0
        self._recorders: list[RunRecorder] = []
        self._is_broken = False

    def serve(self, lines: TextIO) -> int:
        """Start each run that is named; the exit code once nothing is left to do."""
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
            elif line:
                self._start(*line.split())
            if self._active:
                idle_since = time.monotonic()
            elif self._is_broken or not open_ or time.monotonic() - idle_since > IDLE_SECONDS:
                return int(self._is_broken)

    def stop(self, number: int, frame: FrameType | None = None) -> None:
        """Ask every run to end with a checkpoint."""
        for recorder in list(self._recorders):
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
                    say(f"run {name} is {run.state} and not this worker's")
                    return
                with _own_stream():
                    work(writer, run, run.folder, started=self._recorders.append)
        except BaseException:
            # Nothing says how this run ended: it is seen to be lost once this process is gone.
            traceback.print_exc()
            self._is_broken = True
        finally:
            self._recorders = [recorder for recorder in self._recorders if recorder.run.id != name]
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

    worker = GpuWorker(Store())
    signal.signal(signal.SIGTERM, worker.stop)
    # Once for all runs: what it sets belongs to the process.
    with compute.determinism("off", compute.choose_device("auto")):
        code = worker.serve(sys.stdin)
    logging.shutdown()
    return code


if __name__ == "__main__":
    sys.exit(main())
