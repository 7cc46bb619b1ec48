"""Identify processes by id *and* start time, because ids are reused.

An identity is one line: machine, boot, id namespace, id, start and, if the process works for a folder, that folder. It
does not depend on the clock, which may be set during a run; it distinguishes processes of other machines or containers,
whose state is not visible here; and it distinguishes the processes of a folder from those of its copies.
"""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import NamedTuple

from hierapp import paths
from hierapp.utils import private

NO_BOOT = "on-"  # and the host's name, where the kernel has no word for a boot
NO_FOLDER = "-"  # the folder was gone when the process was identified


def spawn(
    arguments: Sequence[str],
    log: Path,
    environment: Mapping[str, str] | None = None,
    with_input: bool = False,
    files: Sequence[int] = (),
    for_others: bool = False,
) -> subprocess.Popen[bytes]:
    """Start `python -m` with these arguments in its own session, so that it outlives the calling process.

    Args:
        arguments: the arguments after `python -m`.
        log: the file to which the output is appended.
        environment: variables in addition to those of this process.
        with_input: whether standard input is a pipe from this process.
        files: descriptors of open files that the process inherits, under the same numbers.
        for_others: whether other users may read the files that it writes, as those of data sets.
    """
    private.make_folder(log.parent)
    with suppress(FileExistsError):
        private.make_file(log)
    with log.open("ab") as output:
        child = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            stdin=subprocess.PIPE if with_input else subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            pass_fds=files,
            umask=-1 if for_others else private.UMASK,
            env={
                **python_environment(),
                "PYTHONUNBUFFERED": "1",
                "PYTHONFAULTHANDLER": "1",
                **(environment or {}),
            },
        )
    threading.Thread(target=child.wait, daemon=True).start()  # otherwise it would remain a zombie
    return child


def python_environment() -> dict[str, str]:
    """Return the environment in which another Python finds hierapp."""
    # The interpreter finds an installed hierapp without help; no other folder may precede its library.
    code = None if paths.is_installed() else str(paths.project_folder())
    search = os.pathsep.join(filter(None, [code, os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": search}


def identity(pid: int, folder: Path | None = None) -> str | None:
    """Return the identity of a process; None if it does not exist or is a zombie.

    Args:
        pid: the id of the process.
        folder: the folder that it works for, such as that of a store.
    """
    start = _start(pid)
    if start is None:
        return None
    return " ".join((*_here(), str(pid), start, *([] if folder is None else [folder_identity(folder) or NO_FOLDER])))


def folder_identity(folder: Path) -> str | None:
    """Return device and inode, which a folder keeps when it is moved and which a copy does not have; None if there is
    no such folder."""
    try:
        found = folder.stat()
    except OSError:
        return None
    return f"{found.st_dev}:{found.st_ino}"


def alive(process: str | None, folder: Path | None = None) -> bool:
    """Return whether the process with this identity still runs here and, with `folder`, works for that folder."""
    if process is None:
        return False
    known = _parse(process)
    now = identity(known.pid)
    return now is not None and known.is_same(_parse(now)) and (folder is None or is_of(process, folder))


def is_of(process: str, folder: Path) -> bool:
    """Return whether a process works for this folder, and not for one that this is a copy of.

    True if that is unknown: for a process of an older version, and for one of another machine or container, where the
    same folder may have other numbers.
    """
    known = _parse(process)
    return known.folder in ("", folder_identity(folder)) or is_foreign(process)


def is_foreign(process: str) -> bool:
    """Return whether the process belongs to another machine or container, where this process cannot see it."""
    known = _parse(process)
    host, boot, namespace = _here()
    if known.boot != boot:
        return known.host != host  # if this machine has restarted, its processes are gone
    return known.namespace != namespace


def machine() -> str:
    """Return an identifier of this machine since its last boot; containers on the machine share it."""
    return _here()[1]


def kill(process: str | None, folder: Path | None = None) -> None:
    """End a worker and its children at once, with `folder` only if it works for that folder; each worker is the leader
    of its own session."""
    if process is not None and alive(process, folder):
        try:
            os.killpg(_parse(process).pid, signal.SIGKILL)
        except ProcessLookupError:
            return


def oom_kills() -> int:
    """Return how many processes the system has killed for lack of memory so far; 0 if it does not count them."""
    try:
        fields = dict(line.split() for line in Path("/proc/vmstat").read_text().splitlines())
    except OSError:
        return 0
    return int(fields.get("oom_kill", 0))


class _Identity(NamedTuple):
    """The parts of an identity."""

    host: str
    boot: str
    namespace: str
    pid: int
    start: int
    folder: str

    def is_same(self, now: _Identity) -> bool:
        """Return whether this is the process that has the id now; the host's name may have changed meanwhile."""
        # Without the kernel's word for a boot, starts are on the clock and rounded.
        slack = 1 if now.boot.startswith(NO_BOOT) else 0
        return self[1:4] == now[1:4] and abs(self.start - now.start) <= slack


def _parse(process: str) -> _Identity:
    host, boot, namespace, pid, start, *folder = process.split(" ")
    return _Identity(host, boot, namespace, int(pid), int(start), folder[0] if folder else "")


@cache
def _here() -> tuple[str, str, str]:
    host = platform.node().replace(" ", "-") or "-"
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        namespace = str(Path("/proc/self/ns/pid").readlink())
    except OSError:  # not Linux: there are no namespaces, and the time of the boot moves when the clock is set
        boot, namespace = f"{NO_BOOT}{host}", "-"
    return host, boot, namespace


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
        import psutil  # not part of the core, and only needed where there is no /proc
    except ImportError:
        return _exists(pid)
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else str(round(process.create_time()))
    except psutil.Error:
        return None


def _exists(pid: int) -> str | None:
    """Stand in for `_start` where nothing tells the start time."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:  # of another user
        pass
    return "0"
