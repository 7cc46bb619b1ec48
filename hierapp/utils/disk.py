"""Free disk space and the limits below which it is too low, fast enough to check on every page; and full disks."""

from __future__ import annotations

import errno
import shutil
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hierapp.errors import DiskFull

Room = Literal["enough", "low", "full"]

LOW_BYTES = 1024**3
FULL_BYTES = 50 * 1024**2  # room for an epoch of a run and the store's write-ahead log
UNITS = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB"]


@dataclass(frozen=True)
class Disk:
    """The disk of a folder, which may not exist yet; sizes in bytes."""

    folder: Path
    free: int
    total: int

    @property
    def room(self) -> Room:
        """The free space: "low" below 1 GiB; "full" below 50 MiB, or 1/20 of a small disk, when runs wait."""
        if self.free < min(FULL_BYTES, self.total // 20):
            return "full"
        return "low" if self.free < LOW_BYTES else "enough"


def disk_of(folder: Path) -> Disk | None:
    """Return the disk of a folder, which may not exist yet; None if the system does not report it."""
    for existing in (folder, *folder.absolute().parents):
        try:
            usage = shutil.disk_usage(existing)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:
            return None
        return Disk(folder, usage.free, usage.total)
    return None


def is_full(error: BaseException) -> bool:
    """Return whether an error says that a disk is full, or a quota is used up.

    >>> is_full(OSError(errno.ENOSPC, "No space left on device"))
    True
    """
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    return isinstance(error, DiskFull) or getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL


def in_words(count: int) -> str:
    """Format a number of bytes for display.

    >>> in_words(3 * 1024**3 // 2)
    '1.5 GiB'
    >>> in_words(0)
    '0 bytes'
    """
    power = next((power for power in range(len(UNITS)) if count < 1024 ** (power + 1)), len(UNITS) - 1)
    return f"{count / 1024**power:.1f} {UNITS[power]}" if power else f"{count} {UNITS[0]}"
