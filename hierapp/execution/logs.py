"""List the logs and read the end of a log, whatever its size."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from hierapp.errors import StoreError
from hierapp.runs import Store
from hierapp.utils.reading import open_file

BLOCK = 1 << 16
FARTHEST = 4 << 20  # bytes from the end; a search does not look farther back
LONGEST = 2000  # characters shown per line

# Escape sequences for colors, cursor movement and window titles; then other control characters.
_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\].*?(?:\x07|\x1b\\)|\x1b[ -/]*[0-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@dataclass(frozen=True)
class Log:
    """A log: its name ("launcher" or the id of a run), a title for display, and its file, which may not exist yet."""

    name: str
    title: str
    file: Path


def known(store: Store) -> list[Log]:
    """Return the log of the scheduler, then the logs of the runs, newest first.

    Raises:
        StoreError: if the store cannot be read.
    """
    runs = [
        Log(run.id, f"Run {run.id}: {run.config.loss} on {run.config.data}, {run.state}", run.log_file)
        for run in reversed(store.runs())
    ]
    return [Log("launcher", "Scheduler", store.folder / "launcher.log"), *runs]


def tail(file: Path, lines: int = 200, search: str | None = None) -> list[str] | None:
    """Return the last lines of a log as a terminal shows them, without colors; None if the file does not exist.

    Args:
        file: the log file.
        lines: the maximum number of lines.
        search: return only lines that contain this text, ignoring case, among the last 4 MiB.

    Raises:
        StoreError: if the file exists and cannot be read.
    """
    wanted = (search or "").casefold()
    try:
        with open_file(file) as log:
            found = (line for line in _backwards(log) if wanted in line.casefold())
            return [*islice(found, lines)][::-1]
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f"The log {file} cannot be read ({error.strerror}); make it readable.") from None


def _backwards(log: BinaryIO) -> Iterator[str]:
    """Yield the lines from last to first, read in blocks from the end."""
    end = log.seek(0, 2)
    at, start = end, max(0, end - FARTHEST)
    rest = b""
    while at > start:
        step = min(BLOCK, at - start)
        at -= step
        log.seek(at)
        rest, *whole = (log.read(step) + rest).split(b"\n")
        if at + step == end and whole and not whole[-1]:
            whole.pop()  # what follows the final newline is not a line
        yield from map(_shown, reversed(whole))
    if rest:
        yield _shown(rest)


def _shown(line: bytes) -> str:
    """Return a line as a terminal shows it: text overwritten after a carriage return is dropped."""
    text = line.decode(errors="replace").rstrip("\r").rsplit("\r", 1)[-1]
    text = _ESCAPES.sub("", text)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
