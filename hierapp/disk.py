"""How much room is left on a disk, and when that is too little; cheap enough to ask on every page."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Room = Literal["enough", "low", "full"]

LOW_BYTES = 1024**3
FULL_BYTES = 50 * 1024**2  # a run's epoch must still fit, and the store's log of writes
UNITS = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB"]


@dataclass(frozen=True)
class Disk:
    """The disk that a folder is on, or will be once it is made; in bytes."""

    folder: Path
    free: int
    total: int

    @property
    def room(self) -> Room:
        """ "low" below 1 GiB, "full" below 50 MiB, or a twentieth of a disk that is small: then runs wait."""
        if self.free < min(FULL_BYTES, self.total // 20):
            return "full"
        return "low" if self.free < LOW_BYTES else "enough"


def disk_of(folder: Path) -> Disk | None:
    """The disk of a folder, which need not be there yet; None where the system does not tell."""
    for existing in (folder, *folder.absolute().parents):
        try:
            usage = shutil.disk_usage(existing)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:
            return None
        return Disk(folder, usage.free, usage.total)
    return None


def in_words(count: int) -> str:
    """A number of bytes for people.

    >>> in_words(3 * 1024**3 // 2)
    '1.5 GiB'
    >>> in_words(0)
    '0 bytes'
    """
    power = next((power for power in range(len(UNITS)) if count < 1024 ** (power + 1)), len(UNITS) - 1)
    return f"{count / 1024**power:.1f} {UNITS[power]}" if power else f"{count} {UNITS[0]}"
