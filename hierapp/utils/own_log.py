"""The log of a thread: standard output, unless the thread writes into a file of its own."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from hierapp.errors import HierappError

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


def exit_code(work: Callable[[], object]) -> int:
    """Do the work of a process in the background; return 0, or 2 if it failed with a message, which goes to the log."""
    try:
        work()
    except HierappError as error:
        print(error, file=log(), flush=True)
        return 2
    return 0


def say(words: str) -> None:
    """Write a line with the time to the log; errors while writing it are ignored."""
    try:
        print(f"{time.strftime('%H:%M:%S')} {words}", file=log(), flush=True)
    except OSError:
        return
