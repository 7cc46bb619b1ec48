"""A limit on the memory of a process that reads untrusted files."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path


def limit_memory(further: int) -> None:
    """Let this process allocate at most so many further bytes; more raises a MemoryError. Only on Linux.

    Files that are mapped into memory do not count.
    """
    with suppress(ImportError, OSError, ValueError, StopIteration):
        import resource

        lines = Path("/proc/self/status").read_text().splitlines()
        used = int(next(line for line in lines if line.startswith("VmData:")).split()[1]) * 1024
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        most = used + further if hard == resource.RLIM_INFINITY else min(used + further, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (most, hard))
