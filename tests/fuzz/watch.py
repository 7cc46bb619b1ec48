"""What a program does outside its folder: files written, hosts asked, processes started. By Python's audit hooks."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any, Self

# Of one call, without the time in which other processes had the processor; a call that waits for a pipe or for ever
# takes more.
SECONDS = 120
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# The paths among the arguments of an event, by their positions.
CHANGING = {
    **{f"os.{name}": (0,) for name in ("mkdir", "rmdir", "remove", "truncate", "chmod", "chown", "utime")},
    **{f"os.{name}": (0, 1) for name in ("rename", "link", "symlink")},
    "shutil.rmtree": (0,),
}
STARTING = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty")
ASKING = ("socket.connect", "socket.sendto", "socket.getaddrinfo", "urllib.Request")

_current: Watch | None = None
_hooked = False


class Watch:
    """Record what happens outside a folder while this is open."""

    def __init__(self, folder: Path) -> None:
        self.folder = os.path.realpath(folder)
        self.outside: list[str] = []

    def __enter__(self) -> Self:
        global _current, _hooked
        if not _hooked:  # a hook cannot be removed
            sys.addaudithook(_heard)
            _hooked = True
        _current = self
        return self

    def __exit__(self, *error: object) -> None:
        global _current
        _current = None

    def heard(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Record an event of Python's if it is one outside."""
        if event == "open" and isinstance(arguments[0], str | bytes) and (arguments[2] or 0) & WRITING:
            self._path(event, arguments[0])
        elif event in CHANGING:
            for place in CHANGING[event]:
                self._path(event, arguments[place])
        elif event == "subprocess.Popen" and list(arguments[1])[:1] in (["git"], ["uname"], ["/sbin/ldconfig"]):
            pass  # for the version of the code, for the processor's name, and for libraries while PyTorch is imported
        elif event in STARTING or event in ASKING:
            self.outside.append(f"{event} {arguments!r}"[:300])

    def _path(self, event: str, path: Any) -> None:
        if not isinstance(path, str | bytes | os.PathLike):
            return  # a descriptor of a file that was opened before
        full = os.path.realpath(os.fsdecode(path))
        # Compiled modules and caches of libraries are no effect of the input.
        if not full.startswith((self.folder, "/dev/", "/proc/")) and "__pycache__" not in full:
            self.outside.append(f"{event} {full}")

    @contextmanager
    def call(self, what: object) -> Iterator[None]:
        """Context manager: a call that must end in time and leave nothing outside."""

        started, waited = time.monotonic(), waiting()

        def over(number: int, frame: FrameType | None) -> None:
            left = SECONDS + waiting() - waited - (time.monotonic() - started)
            if left < 1:
                raise TimeoutError(f"{what!r} has not ended")
            signal.alarm(int(left))

        before = signal.signal(signal.SIGALRM, over)
        signal.alarm(SECONDS)
        try:
            yield
        finally:
            signal.alarm(0)
            signal.signal(signal.SIGALRM, before)
            found, self.outside = self.outside, []
        assert found == [], f"{what!r}: {found}"[:3000]


def waiting() -> float:
    """The seconds for which threads of this process could have run, but others had the processor; 0 if unknown."""
    nanoseconds = 0
    for task in Path("/proc/self/task").glob("*/schedstat"):
        with suppress(OSError, LookupError, ValueError):
            nanoseconds += int(task.read_text().split()[1])
    return nanoseconds / 1e9


def _heard(event: str, arguments: tuple[Any, ...]) -> None:
    if _current is not None:
        _current.heard(event, arguments)
