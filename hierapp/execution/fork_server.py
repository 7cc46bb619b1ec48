"""Workers that start at once: forked from a process that has already imported PyTorch and the training.

The imports take seconds, longer than the training of a small network. `multiprocessing`'s fork server does them once
for each scheduler, in a process of its own that never uses a GPU.
"""

from __future__ import annotations

import atexit
import errno
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from multiprocessing import forkserver, util
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from hierapp.utils import processes

VARIABLE = "HIERAPP_FORK_SERVER"
PRELOADED = "hierapp.execution.preloaded"
ANSWER_SECONDS = 120.0  # for the imports and a fork; less than a scheduler's step may take
WITHOUT_STATUS = 255  # given by multiprocessing if the fork server ended before the worker

_code: float | None = None  # when the code that the fork server has imported was changed last


class ForkedWorker:
    """A worker, with the part of the interface of `subprocess.Popen` that the scheduler needs."""

    def __init__(self, process: ForkServerProcess) -> None:
        self._process = process
        self.pid = process.pid
        self._identity = processes.identity(process.pid or 0)

    def poll(self) -> int | None:
        """Return the exit code, negative for a signal; None while the worker lives."""
        code = self._process.exitcode
        if code == WITHOUT_STATUS and processes.alive(self._identity):
            return None
        return code


def is_available() -> bool:
    """Return whether workers can be forked here; HIERAPP_FORK_SERVER=0 turns it off."""
    # Elsewhere than on Linux the libraries under PyTorch do not survive a fork.
    return sys.platform == "linux" and os.environ.get(VARIABLE, "").strip() != "0"


def begin() -> None:
    """Start the fork server if it is not running; return before it has imported anything."""
    global _code
    if _code is None:
        _code = _changed_at()
    forkserver.set_forkserver_preload([PRELOADED])
    forkserver.ensure_running()


def leave_workers() -> None:
    """Let this process exit while its workers go on; otherwise it would wait for them."""
    atexit.unregister(util._exit_function)  # type: ignore[attr-defined]


def is_stale() -> bool:
    """Return whether hierapp's code has changed since the fork server imported it."""
    return _code is not None and _code != _changed_at()


def _changed_at() -> float:
    return max(file.stat().st_mtime for file in Path(__file__).parents[1].rglob("*.py"))


def fork(run: str, attempt: int, log: Path, environment: Mapping[str, str]) -> ForkedWorker:
    """Fork a worker for a claimed run; wait until the fork server has done its imports.

    Args:
        run: the id of the run.
        attempt: the number of the attempt.
        log: the file to which the worker's output is appended.
        environment: variables in addition to those of this process.

    Raises:
        OSError: if the process cannot be started, or the fork server does not answer within `ANSWER_SECONDS`; then it
            is killed, and the next call starts another one.
        EOFError: if the fork server ended.
    """
    begin()
    log.parent.mkdir(parents=True, exist_ok=True)
    context = multiprocessing.get_context("forkserver")
    process = context.Process(target=_work, args=(run, attempt, log, {**os.environ, **environment}))
    _within(ANSWER_SECONDS, process.start)
    return ForkedWorker(process)


def _within(seconds: float, start: Callable[[], None]) -> None:
    """Start a process; kill a fork server that does not answer, as one that was stopped."""
    raised: list[Exception] = []

    def call() -> None:
        try:
            start()
        except Exception as error:  # raised again in the caller
            raised.append(error)

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        with suppress(ProcessLookupError):
            os.kill(forkserver._forkserver._forkserver_pid, signal.SIGKILL)  # type: ignore[attr-defined]
        thread.join()
        if raised:
            raise TimeoutError(errno.ETIMEDOUT, f"no answer for {seconds:g} seconds")
    if raised:
        raise raised[0]


def _work(run: str, attempt: int, log: Path, environment: Mapping[str, str]) -> None:
    """Become a worker, as `processes.spawn` would have started it."""
    os.setsid()
    with log.open("ab") as output, Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    # The title takes the place of the arguments in memory, and only there: the environment stays readable from outside.
    os.environ["SPT_NOENV"] = "1"
    import setproctitle

    setproctitle.setproctitle(f"{sys.executable} -m hierapp.execution.worker {run} {attempt}")
    os.environ.clear()
    os.environ.update(environment)

    import torch

    from hierapp.execution import worker

    if threads := environment.get("OMP_NUM_THREADS"):  # read when PyTorch was imported
        torch.set_num_threads(int(threads))
    sys.exit(worker.main(run, attempt))
