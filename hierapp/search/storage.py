"""The journal of a search: a file in the format of Optuna's `JournalStorage`, which Optuna and optuna-dashboard open.

Optuna's own `JournalFileBackend` reads and writes the same format. This one differs after a crash: a line that was cut
short is removed before the next one is written, and the lock of a process that was killed is gone with it.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from optuna.storages import JournalStorage
from optuna.storages.journal import BaseJournalBackend

from hierapp.utils import files, private

BLOCK = 1 << 16


class JournalFile(BaseJournalBackend):
    """An append-only file of operations, one JSON object in a line.

    Args:
        file: the file; it is created when it is first written.

    Raises:
        StoreError: from `append_logs`, if the file cannot be written.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._starts = [0]  # where each operation that was read begins

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:
        """Yield the operations from a number on; lines that are not complete are left out."""
        number, at = log_number_from, self._starts[log_number_from]
        try:
            opened = self.file.open("rb")
        except FileNotFoundError:
            return
        with opened:
            opened.seek(at)
            for line in opened:
                if not line.endswith(b"\n"):
                    return  # being written, or cut short
                at += len(line)
                operation = _parsed(line)
                if operation is not None:
                    number += 1
                    self._starts[number:] = [at]
                    yield operation

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Append operations, all or none; they are on disk when this returns."""
        content = _content(logs)
        with files.as_store_error(f"The search {self.file.parent.name} cannot be written"):
            file = os.open(self.file, os.O_RDWR | os.O_APPEND | os.O_CREAT, private.FILE)
            try:
                fcntl.flock(file, fcntl.LOCK_EX)
                size = _complete(file)
                os.ftruncate(file, size)
                if os.write(file, content) < len(content):
                    os.ftruncate(file, size)
                    raise OSError(errno.ENOSPC, "No space left on device")
                os.fsync(file)
            finally:
                os.close(file)


class MemoryJournal(BaseJournalBackend):
    """The same in memory."""

    def __init__(self) -> None:
        self.logs: list[dict[str, Any]] = []

    def read_logs(self, log_number_from: int) -> Iterable[dict[str, Any]]:
        return self.logs[log_number_from:]

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        self.logs += json.loads(json.dumps(logs))

    def content(self) -> bytes:
        """Return the content of a file with these operations."""
        return _content(self.logs)


def in_memory(journal: MemoryJournal) -> JournalStorage:
    """Return the storage over a journal in memory."""
    return JournalStorage(journal)


def storage_of(file: Path) -> JournalStorage:
    """Return the storage over a file; it stays in memory and reads only what was appended since."""
    try:
        found = file.stat()
    except FileNotFoundError:
        return JournalStorage(JournalFile(file))
    return _kept(file, found.st_dev, found.st_ino)


@lru_cache(maxsize=32)
def _kept(file: Path, device: int, inode: int) -> JournalStorage:
    return JournalStorage(JournalFile(file))


def _content(logs: list[dict[str, Any]]) -> bytes:
    return "".join(f"{json.dumps(each, separators=(',', ':'))}\n" for each in logs).encode()


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None  # a line that was cut short by an earlier version or another program
    return found if isinstance(found, dict) and "op_code" in found else None


def _complete(file: int) -> int:
    """Return the size of a file without a last line that was cut short."""
    size = os.fstat(file).st_size
    end = size
    while end > 0:
        start = max(0, end - BLOCK)
        place = os.pread(file, end - start, start).rfind(b"\n")
        if place >= 0:
            return start + place + 1
        end = start
    return 0
