"""Status of this machine: devices, disk, size of the store, and the versions for a bug report."""

from __future__ import annotations

import importlib.metadata
import platform
import sqlite3
import time
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import get_args

import psutil

from hierapp import paths
from hierapp.runs import Store
from hierapp.runs.states import State
from hierapp.utils import nvml
from hierapp.utils.devices import Kind, kinds, processor
from hierapp.utils.disk import Disk, disk_of
from hierapp.version import code_version

CGROUP = Path("/sys/fs/cgroup")
FIRST_LOOK_SECONDS = 0.1
PACKAGES = ("torch", "torchvision", "streamlit", "ray")


@dataclass(frozen=True)
class Device:
    """The status of a device: memory in bytes and load from 0 to 1, None where unknown, and the reason."""

    kind: Kind
    name: str
    memory_used: int | None = None
    memory_total: int | None = None
    load: float | None = None
    problem: str | None = None


class Watch:
    """Reads the status of the devices repeatedly; the CPU load is measured since the previous reading."""

    def __init__(self) -> None:
        self._last = _core_seconds()
        self._load: float | None = None

    def devices(self) -> list[Device]:
        """Return the status of the devices of this machine, best first; the first call takes a tenth of a second."""
        found = [Device("cuda", *astuple(card)) for card in nvml.read()]
        if "mps" in kinds():
            found.append(Device("mps", "Apple GPU", problem="it shares the CPU's memory, and macOS keeps its load"))
        return [*found, Device("cpu", processor(), *_memory(), load=self._cpu_load())]

    def _cpu_load(self) -> float | None:
        if self._load is None:
            time.sleep(FIRST_LOOK_SECONDS)
        now = _core_seconds()
        passed, idle = _spent(now, self._last)
        if passed >= FIRST_LOOK_SECONDS:  # a shorter time is only a few ticks of the kernel's clock
            self._last, self._load = now, min(1.0, max(0.0, 1 - idle / passed))
        return self._load


@dataclass(frozen=True)
class Storage:
    """The size of the store and the free disk space, in bytes."""

    home: Disk | None
    data: Disk | None
    store_file: Path
    store_bytes: int
    runs: dict[State, int]


def storage(store: Store) -> Storage:
    """Return the disk space, the size of the store with its write-ahead log, and the number of runs by state.

    Raises:
        StoreError: if the store cannot be read.
    """
    file = store.folder / "store.sqlite"
    counts = store.counts()
    return Storage(
        disk_of(store.folder),
        disk_of(paths.data_folder()),
        file,
        sum(_bytes(part) for part in (file, Path(f"{file}-wal"))),
        {state: counts[state] for state in get_args(State) if state in counts},
    )


def versions() -> dict[str, str]:
    """Return the versions to include in a bug report, without importing the packages."""
    return {
        "hierapp": code_version(),
        "Python": platform.python_version(),
        **{name: found for name in PACKAGES if (found := installed(name))},
        "SQLite": sqlite3.sqlite_version,
        **nvml.driver(),
        "system": platform.platform(),
    }


def installed(package: str) -> str | None:
    """Return the version of a package; None if it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _core_seconds() -> dict[str, float]:
    """Return the seconds that all cores together have spent in each CPU state since boot."""
    return dict(psutil.cpu_times()._asdict())


def _spent(now: Mapping[str, float], before: Mapping[str, float]) -> tuple[float, float]:
    """Return the total and the idle seconds of all cores between two readings."""
    passed = {way: now[way] - before[way] for way in now}
    # The time of guests is already part of the user time.
    guests = passed.get("guest", 0.0) + passed.get("guest_nice", 0.0)
    return sum(passed.values()) - guests, passed["idle"] + passed.get("iowait", 0.0)


def _memory() -> tuple[int, int]:
    """Return the used and the total memory in bytes: of the machine, or of the control group if its limit is lower."""
    machine = psutil.virtual_memory()
    try:
        limit, used = (int((CGROUP / name).read_text()) for name in ("memory.max", "memory.current"))
        lines = (CGROUP / "memory.stat").read_text().splitlines()
        # Inactive file pages can be dropped at any time, so they do not count as used.
        used -= sum(int(line.split()[1]) for line in lines if line.startswith("inactive_file "))
    except (OSError, ValueError):  # no control group, or no limit
        return machine.total - machine.available, machine.total
    return (used, limit) if limit < machine.total else (machine.total - machine.available, machine.total)


def _bytes(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0
