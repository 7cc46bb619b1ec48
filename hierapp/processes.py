"""Processes known by their id *and* their start time, for ids are used again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from hierapp import paths


def spawn(arguments: Sequence[str], log: Path, environment: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
    """Start `python -m` with these arguments in a session of its own: it outlives whoever starts it.

    Args:
        arguments: what follows `python -m`.
        log: where its output is appended.
        environment: variables besides this process's own.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    search = os.pathsep.join(filter(None, [str(paths.project_folder()), os.environ.get("PYTHONPATH")]))
    with log.open("ab") as output:
        child = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": search, "PYTHONUNBUFFERED": "1", **(environment or {})},
        )
    threading.Thread(target=child.wait, daemon=True).start()  # or it would stay a zombie
    return child


def started_at(pid: int) -> float | None:
    """When the process started, in seconds since 1970, or None if there is none (a zombie counts as none)."""
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else float(process.create_time())
    except psutil.Error:
        return None


def alive(pid: int | None, started: float | None) -> bool:
    """Whether the very process that started then still runs."""
    if pid is None or started is None:
        return False
    now = started_at(pid)
    # The kernel's clock ticks 100 times a second, and the time of boot that psutil adds may be corrected a little.
    return now is not None and abs(now - started) < 2.0


def kill(pid: int | None, started: float | None) -> None:
    """End a worker and its children at once; each worker leads a session of its own."""
    if pid is not None and alive(pid, started):
        try:
            os.killpg(pid, signal.SIGKILL)
        except ProcessLookupError:
            return
