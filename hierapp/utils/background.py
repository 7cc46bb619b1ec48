"""Work in the background that one process at a time does: its lock, its log, and a record of how far it is.

The process that starts another one takes the lock first and hands it over, so that the lock shows at any moment whether
the work is being done. The system releases it when the process ends in any way; see `locks`.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from subprocess import Popen
from typing import Any

from hierapp.utils import files, locks, parts, processes
from hierapp.utils.locks import Held
from hierapp.utils.reading import read_text

POLL_SECONDS = 0.2
STARTING = "Starting"


@dataclass(frozen=True)
class Record:
    """How far the work is: what is done and in total, the current step, process id and identity, time and error."""

    done: int
    total: int
    what: str
    pid: int
    process: str | None
    time: float
    error: str | None = None


@dataclass(frozen=True)
class Job:
    """Work that one process at a time does.

    Attributes:
        lock: the file that the process at work has locked.
        log: the file to which the output of a process in the background is appended.
    """

    lock: Path
    log: Path

    @property
    def record_file(self) -> Path:
        """The file with the record, beside the lock."""
        return self.lock.with_suffix(".json")

    def take(self, patience: float = 0.0, silence: float | None = None) -> Held | None:
        """Take the lock; return None if another process holds it.

        Args:
            patience: for how many seconds to try, see `locks.take`.
            silence: take over the lock of a process that has given no sign of life for as many seconds.

        Raises:
            OSError: if the file cannot be written.
        """
        lock = locks.take(self.lock, patience)
        if lock is None and silence is not None:
            lock = locks.take_over(self.lock, silence)
        return lock

    @contextmanager
    def held(self, patience: float = 0.0) -> Iterator[Held | None]:
        """Context manager: what `take` returns."""
        lock = self.take(patience)
        with lock or nullcontext():
            yield lock

    @contextmanager
    def working(self, descriptor: int | None = None, wait: Callable[[], None] = lambda: None) -> Iterator[Held]:
        """Context manager: the lock that this process was handed over as a descriptor, or wait for it.

        Args:
            descriptor: that of the open file, or None.
            wait: called every 0.2 s while another process holds the lock.

        Raises:
            OSError: if the file cannot be written.
        """
        lock = locks.take(self.lock) if descriptor is None else locks.adopt(self.lock, descriptor)
        while lock is None:
            wait()
            time.sleep(POLL_SECONDS)
            lock = locks.take(self.lock)
        with lock:
            yield lock

    def hand_over(
        self,
        lock: Held,
        arguments: Sequence[str],
        environment: Mapping[str, str] | None = None,
        for_others: bool = False,
    ) -> Popen[bytes]:
        """Start a process that has the lock from the start, see `processes.spawn`, and return it.

        Raises:
            OSError: if it cannot be started.
        """
        lock.beat()
        inherited = [lock.descriptor]
        return processes.spawn(arguments, self.log, environment, files=inherited, for_others=for_others)

    def start_telling(
        self, arguments: Sequence[str], total: int, environment: Mapping[str, str], for_others: bool = True
    ) -> None:
        """Start a process that is handed the lock as a further argument, and that tells how far it is; by default other
        users may read what it writes. Do nothing if one is at work.

        Raises:
            OSError: if it cannot be started.
        """
        with self.held(locks.GLANCE_SECONDS) as lock:
            if lock is None:
                return
            self.forget()
            process = self.hand_over(lock, [*arguments, str(lock.descriptor)], environment, for_others)
            # On a busy machine it may even have ended by now, and what it told counts.
            side = self._write_aside(self._record(0, total, STARTING, process.pid))
            with suppress(FileExistsError):
                files.place_part(side, self.record_file)
            side.unlink(missing_ok=True)

    def is_running(self, silence: float | None = None) -> bool:
        """Return whether a process is at work, and with `silence`, has given a sign of life in as many seconds. No
        file is created."""
        if silence is not None and (locks.silent_for(self.lock) or 0.0) >= silence:
            return False
        return locks.is_locked(self.lock)

    def tell(self, done: int, total: int, what: str, error: str | None = None) -> None:
        """Replace the record, so that no reader sees a partial one.

        Raises:
            OSError: if it cannot be written.
        """
        self._write_aside(self._record(done, total, what, os.getpid(), error)).replace(self.record_file)

    def record(self) -> Record | None:
        """Read the record; None if it is missing or invalid."""
        try:
            fields: dict[str, Any] = json.loads(read_text(self.record_file))
            return Record(**fields)
        except (OSError, ValueError, TypeError):
            return None

    def look(self) -> tuple[bool, Record | None]:
        """Return whether a process is at work, and the record of the same moment."""
        before = self.is_running()
        while True:
            record = self.record()
            now = self.is_running()
            if now == before:  # otherwise the record may be of either side
                return now, record
            before = now

    def forget(self) -> None:
        """Remove the record."""
        self.record_file.unlink(missing_ok=True)

    def kill(self) -> None:
        """End the process at work and its children at once, if it is one of this folder and has told of itself."""
        record = self.record()
        if record is not None and self.is_running():
            processes.kill(record.process, self.lock.parent)

    def _record(self, done: int, total: int, what: str, pid: int, error: str | None = None) -> Record:
        return Record(done, total, what, pid, processes.identity(pid, self.lock.parent), time.time(), error)

    def _write_aside(self, record: Record) -> Path:
        side = parts.beside(self.record_file)
        side.write_text(json.dumps(asdict(record)), encoding="utf-8")
        return side
