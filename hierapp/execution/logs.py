"""The logs there are, and the end of one, however long it has grown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from hierapp.errors import StoreError
from hierapp.runs import Store

BLOCK = 1 << 16
FARTHEST = 4 << 20  # bytes from the end; what is searched for farther back is found in the whole file
LONGEST = 2000  # characters shown of a line

# Colours, moves of the cursor, titles of windows; then whatever else a terminal would not show.
_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\].*?(?:\x07|\x1b\\)|\x1b[ -/]*[0-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@dataclass(frozen=True)
class Log:
    """A log: "launcher" or a run's id, a title for people, and its file, which need not be there yet."""

    name: str
    title: str
    file: Path


def known(store: Store) -> list[Log]:
    """The scheduler's log and each run's, the newest run first.

    Raises:
        StoreError: if the store cannot be read.
    """
    runs = [
        Log(run.id, f"Run {run.id}: {run.config.loss} on {run.config.data}, {run.state}", run.log_file)
        for run in reversed(store.runs())
    ]
    return [Log("launcher", "Scheduler", store.folder / "launcher.log"), *runs]


def tail(file: Path, lines: int = 200, search: str | None = None) -> list[str] | None:
    """The last lines of a log as a terminal would show them, without colours; None if there is no such file.

    Args:
        file: the log.
        lines: how many at most.
        search: only lines with these words in them, in small or capital letters, among the last 4 MiB.

    Raises:
        StoreError: if the file is there and cannot be read.
    """
    wanted = (search or "").casefold()
    try:
        with file.open("rb") as log:
            found = (line for line in _backwards(log) if wanted in line.casefold())
            return [*islice(found, lines)][::-1]
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f"The log {file} cannot be read ({error.strerror}); make it readable.") from None


def _backwards(log: BinaryIO) -> Iterator[str]:
    """The lines from the last one to the first, read in blocks from the end."""
    end = log.seek(0, 2)
    at, start = end, max(0, end - FARTHEST)
    rest = b""
    while at > start:
        step = min(BLOCK, at - start)
        at -= step
        log.seek(at)
        rest, *whole = (log.read(step) + rest).split(b"\n")
        if at + step == end and whole and not whole[-1]:
            whole.pop()  # the file ends with a line's end, not with an empty line
        yield from map(_shown, reversed(whole))
    if rest:
        yield _shown(rest)


def _shown(line: bytes) -> str:
    """What a terminal would show of a line: what is written over after a carriage return is gone."""
    text = line.decode(errors="replace").rstrip("\r").rsplit("\r", 1)[-1]
    text = _ESCAPES.sub("", text)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
