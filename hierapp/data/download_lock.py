"""The state of a download, shared between processes: a lock and a record file.

The kernel releases the lock when the process that holds it ends. Both are hidden files in the data folder, named after
the data set: `.get-NAME.lock` and `.get-NAME.json`.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hierapp.utils import files, locks, parts, processes
from hierapp.utils.reading import read_text

POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Record:
    """The record file: bytes done and in total, current step, process id, time and error."""

    done: int
    total: int
    what: str
    pid: int
    process: str | None
    time: float
    error: str | None = None

    @classmethod
    def now(cls, done: int, total: int, what: str, pid: int | None = None, error: str | None = None) -> Record:
        """Create a record with the current time, for this process or for `pid`; `write` adds the process' identity."""
        return cls(done, total, what, pid or os.getpid(), None, time.time(), error)

    def write(self, root: Path, name: str) -> None:
        """Replace the record file atomically, so that no reader sees a partial one."""
        self._write_aside(root, name).replace(record_path(root, name))

    def write_first(self, root: Path, name: str) -> None:
        """Write the record file unless there is one."""
        side = self._write_aside(root, name)
        with suppress(FileExistsError):
            files.place_part(side, record_path(root, name))
        side.unlink(missing_ok=True)

    def _write_aside(self, root: Path, name: str) -> Path:
        side = parts.beside(record_path(root, name))
        said = {**asdict(self), "process": processes.identity(self.pid, root)}
        side.write_text(json.dumps(said), encoding="utf-8")
        return side


def record_path(root: Path, name: str) -> Path:
    """Return the path of a data set's record file."""
    return root / f".get-{name}.json"


def read_record(root: Path, name: str) -> Record | None:
    """Read the record file; None if it is missing or invalid."""
    try:
        fields: dict[str, Any] = json.loads(read_text(record_path(root, name)))
        return Record(**fields)
    except (OSError, ValueError, TypeError):
        return None


@contextmanager
def locked(root: Path, name: str, while_waiting: Callable[[], None]) -> Iterator[None]:
    """Hold the lock of a data set; while another process holds it, call `while_waiting` every 0.2 s."""
    while (lock := locks.take(_lock_path(root, name))) is None:
        while_waiting()
        time.sleep(POLL_SECONDS)
    with lock:
        yield


def is_locked(root: Path, name: str) -> bool:
    """Check whether a process holds the lock."""
    return locks.is_locked(_lock_path(root, name))


def look(root: Path, name: str) -> tuple[bool, Record | None]:
    """Return whether a process holds the lock, and the record of the same moment."""
    before = is_locked(root, name)
    while True:
        record = read_record(root, name)
        now = is_locked(root, name)
        if now == before:  # otherwise the record may be of either side
            return now, record
        before = now


def _lock_path(root: Path, name: str) -> Path:
    return root / f".get-{name}.lock"
