"""Processes known by their id *and* their start, for ids are used again.

An identity is one word: machine, boot, namespace of ids, id, start. It does not depend on the clock, which may be set
while a run goes on, and it tells the processes of another machine or container, of which nothing can be known here.
"""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import psutil

from hierapp import paths


def spawn(
    arguments: Sequence[str], log: Path, environment: Mapping[str, str] | None = None, with_input: bool = False
) -> subprocess.Popen[bytes]:
    """Start `python -m` with these arguments in a session of its own: it outlives whoever starts it.

    Args:
        arguments: what follows `python -m`.
        log: where its output is appended.
        environment: variables besides this process's own.
        with_input: whether its standard input is a pipe from this process.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    # The interpreter finds an installed hierapp by itself; before its own library nothing else should be looked in.
    code = None if paths.is_installed() else str(paths.project_folder())
    search = os.pathsep.join(filter(None, [code, os.environ.get("PYTHONPATH")]))
    with log.open("ab") as output:
        child = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            stdin=subprocess.PIPE if with_input else subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            env={
                **os.environ,
                "PYTHONPATH": search,
                "PYTHONUNBUFFERED": "1",
                "PYTHONFAULTHANDLER": "1",
                **(environment or {}),
            },
        )
    threading.Thread(target=child.wait, daemon=True).start()  # or it would stay a zombie
    return child


def identity(pid: int) -> str | None:
    """The identity of a process, or None if there is none (a zombie counts as none)."""
    start = _start(pid)
    return None if start is None else " ".join((*_here(), str(pid), start))


def alive(process: str | None) -> bool:
    """Whether the very process of this identity still runs here."""
    return process is not None and identity(_pid(process)) == process


def is_foreign(process: str) -> bool:
    """Whether it runs, if it does, where this process cannot see it: on another machine or in another container."""
    host, boot, namespace = process.split(" ")[:3]
    here_host, here_boot, here_namespace = _here()
    if boot != here_boot:
        return host != here_host  # this machine has been started anew: its processes are gone
    return namespace != here_namespace


def machine() -> str:
    """What tells this machine, since its last start, from others; its containers have it in common."""
    return _here()[1]


def kill(process: str | None) -> None:
    """End a worker and its children at once; each worker leads a session of its own."""
    if process is not None and alive(process):
        try:
            os.killpg(_pid(process), signal.SIGKILL)
        except ProcessLookupError:
            return


def oom_kills() -> int:
    """How many processes the system has ended so far for want of memory; 0 where it does not count them."""
    try:
        fields = dict(line.split() for line in Path("/proc/vmstat").read_text().splitlines())
    except OSError:
        return 0
    return int(fields.get("oom_kill", 0))


@cache
def _here() -> tuple[str, str, str]:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        namespace = str(Path("/proc/self/ns/pid").readlink())
    except OSError:  # no Linux; there are no namespaces then, and the time of boot is rounded as the clock is set
        boot, namespace = str(round(psutil.boot_time() / 600)), "-"
    return platform.node().replace(" ", "-") or "-", boot, namespace


def _start(pid: int) -> str | None:
    """When a process started, in ticks since boot."""
    try:
        # The name, in brackets, may hold anything; the fields after it are plain.
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        return None if fields[0] in "ZX" else fields[19]
    except (FileNotFoundError, ProcessLookupError):
        if Path("/proc/self/stat").exists():
            return None
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else str(round(process.create_time()))
    except psutil.Error:
        return None


def _pid(process: str) -> int:
    return int(process.split(" ")[3])
