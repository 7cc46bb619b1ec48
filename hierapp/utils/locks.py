"""Locks between processes that can be handed over, and whose holder shows that it is at work.

A lock is a file that its holder has locked with flock, so that the system releases it when the holder ends in any way.
The lock belongs to the open file: a process that inherits the file inherits the lock. So a process that starts another
takes the lock for it, and the lock shows at any moment whether the work will be done.

A holder that was stopped (SIGSTOP) keeps its lock. Holders therefore write a heartbeat to the file, and another process
may replace the file of a silent one. The former holder finds out by `Held.is_mine`.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from hierapp.utils import private, processes
from hierapp.utils.reading import read_text

GLANCE_SECONDS = 0.02  # for which `is_locked` may hold a lock
BEAT_SECONDS = 2.0  # between heartbeats
SILENCE_SECONDS = 60.0  # without a heartbeat, until another process takes over


class Superseded(Exception):  # noqa: N818 - not an error: this process has nothing more to do
    """Another process has taken over a lock."""


@dataclass(frozen=True)
class Held:
    """A lock that this process holds.

    Attributes:
        file: the file of the lock.
        descriptor: the open file; a process that inherits it can `adopt` the lock.
    """

    file: Path
    descriptor: int

    def beat(self) -> None:
        """Write a heartbeat; errors are ignored."""
        # Not the wall clock, which may be set, and which goes on while the machine sleeps.
        with suppress(OSError):
            os.pwrite(self.descriptor, f"{processes.machine()} {time.monotonic():16.1f}\n".encode(), 0)

    @contextmanager
    def beating(self, is_working: Callable[[], bool] = lambda: True) -> Iterator[None]:
        """Context manager: write heartbeats in the background, while the holder is working."""
        over = threading.Event()

        def beat() -> None:
            while not over.wait(BEAT_SECONDS):
                if is_working():
                    self.beat()

        self.beat()  # a holder that is stopped from now on is found silent
        pulse = threading.Thread(target=beat, daemon=True)
        pulse.start()
        try:
            yield
        finally:
            over.set()
            pulse.join()

    def is_mine(self) -> bool:
        """Return whether this is still the lock: nobody has taken over, and the file was not removed."""
        try:
            return os.path.samestat(os.fstat(self.descriptor), self.file.stat())
        except OSError:
            return False

    def close(self) -> None:
        """Close the file, which releases the lock if no other process has inherited it."""
        os.close(self.descriptor)

    def __enter__(self) -> Held:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def take(file: Path, patience: float = 0.0) -> Held | None:
    """Try for `patience` seconds to take a lock; return None if another process holds it.

    A patience of `GLANCE_SECONDS` passes over those that only look whether the lock is held.

    Raises:
        OSError: if the file cannot be written.
    """
    until = time.monotonic() + patience
    while (held := _take(file)) is None and time.monotonic() < until:
        time.sleep(GLANCE_SECONDS / 4)
    return held


@contextmanager
def holding(file: Path) -> Iterator[None]:
    """Context manager: wait for a lock and hold it, for a moment: without a heartbeat. The file is created and stays.

    Raises:
        OSError: if the file cannot be written.
    """
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, private.FILE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def adopt(file: Path, descriptor: int) -> Held:
    """Return the lock that this process has inherited. Processes that it starts do not inherit it."""
    os.set_inheritable(descriptor, False)
    return Held(file, descriptor)


def take_over(file: Path, silence: float) -> Held | None:
    """Take the lock of a holder without a heartbeat for `silence` seconds; return None if it has one.

    Raises:
        OSError: if the folder cannot be written.
    """
    # Of several that try at once, the first one's heartbeat is seen by the others.
    with _only_one_in(file.parent) as alone:
        silent = silent_for(file) if alone else None
        if silent is None or silent < silence:
            return None
        side = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
        held = Held(file, os.open(side, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666))
        fcntl.flock(held.descriptor, fcntl.LOCK_EX)
        held.beat()
        side.replace(file)
        return held


def is_locked(file: Path) -> bool:
    """Return whether a process holds a lock, without creating its file."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def silent_for(file: Path) -> float | None:
    """Return the seconds since the last heartbeat of a lock's holder; None if the lock is free, or that is unknown."""
    try:
        machine, beat = read_text(file).split()
        seconds = time.monotonic() - float(beat)
    except (OSError, ValueError):
        return None
    # The clocks of two machines, or of one before and after a restart, have nothing to do with each other.
    return seconds if machine == processes.machine() and seconds >= 0 and is_locked(file) else None


def _take(file: Path) -> Held | None:
    while True:
        held = Held(file, os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666))
        try:
            fcntl.flock(held.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            held.close()
            return None
        if held.is_mine():
            return held
        held.close()  # somebody took over between the two calls: this is the former file


@contextmanager
def _only_one_in(folder: Path) -> Iterator[bool]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        yield False
    else:
        yield True
    finally:
        os.close(descriptor)
