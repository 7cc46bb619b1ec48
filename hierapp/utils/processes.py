"""Identify processes by id *and* start time, because ids are reused.

An identity is one word: machine, boot, id namespace, id, start. It does not depend on the clock, which may be set
during a run, and it distinguishes processes of other machines or containers, whose state is not visible here.
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
    arguments: Sequence[str],
    log: Path,
    environment: Mapping[str, str] | None = None,
    with_input: bool = False,
    files: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start `python -m` with these arguments in its own session, so that it outlives the calling process.

    Args:
        arguments: the arguments after `python -m`.
        log: the file to which the output is appended.
        environment: variables in addition to those of this process.
        with_input: whether standard input is a pipe from this process.
        files: descriptors of open files that the process inherits, under the same numbers.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    # The interpreter finds an installed hierapp without help; no other folder may precede its library.
    code = None if paths.is_installed() else str(paths.project_folder())
    search = os.pathsep.join(filter(None, [code, os.environ.get("PYTHONPATH")]))
    with log.open("ab") as output:
        child = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            stdin=subprocess.PIPE if with_input else subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            pass_fds=files,
            env={
                **os.environ,
                "PYTHONPATH": search,
                "PYTHONUNBUFFERED": "1",
                "PYTHONFAULTHANDLER": "1",
                **(environment or {}),
            },
        )
    threading.Thread(target=child.wait, daemon=True).start()  # otherwise it would remain a zombie
    return child


def identity(pid: int) -> str | None:
    """Return the identity of a process; None if it does not exist or is a zombie."""
    start = _start(pid)
    return None if start is None else " ".join((*_here(), str(pid), start))


def alive(process: str | None) -> bool:
    """Return whether the process with this identity still runs here."""
    return process is not None and identity(_pid(process)) == process


def is_foreign(process: str) -> bool:
    """Return whether the process belongs to another machine or container, where this process cannot see it."""
    host, boot, namespace = process.split(" ")[:3]
    here_host, here_boot, here_namespace = _here()
    if boot != here_boot:
        return host != here_host  # this machine has restarted, so its processes are gone
    return namespace != here_namespace


def machine() -> str:
    """Return an identifier of this machine since its last boot; containers on the machine share it."""
    return _here()[1]


def kill(process: str | None) -> None:
    """End a worker and its children at once; each worker is the leader of its own session."""
    if process is not None and alive(process):
        try:
            os.killpg(_pid(process), signal.SIGKILL)
        except ProcessLookupError:
            return


def oom_kills() -> int:
    """Return how many processes the system has killed for lack of memory so far; 0 if it does not count them."""
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
    except OSError:  # not Linux: there are no namespaces, and the boot time is rounded because the clock may be set
        boot, namespace = str(round(psutil.boot_time() / 600)), "-"
    return platform.node().replace(" ", "-") or "-", boot, namespace


def _start(pid: int) -> str | None:
    """Return the start time of a process, in ticks since boot."""
    try:
        # The name, in parentheses, may contain anything; the fields after it are regular.
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
