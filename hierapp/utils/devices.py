"""The devices of this machine that can train, detected without torch."""

from __future__ import annotations

import ctypes
import os
import platform
import re
from functools import cache
from pathlib import Path
from typing import Literal

import psutil

Kind = Literal["cuda", "mps", "cpu"]

DRIVER = Path("/proc/driver/nvidia/gpus")
DEV = Path("/dev")
NVML = "libnvidia-ml.so.1"


def cards() -> tuple[str, ...]:
    """Return the NVIDIA GPUs that this process may use, as named in CUDA_VISIBLE_DEVICES.

    The variable is read as CUDA reads it: entries after an invalid one are ignored, and a duplicate entry leaves no
    GPU. UUIDs are not checked against the existing GPUs.
    """
    count = _count()
    allowed = os.environ.get("CUDA_VISIBLE_DEVICES")
    if allowed is None or not count:
        return tuple(map(str, range(count)))
    kind = next((prefix for prefix in ("GPU-", "MIG-") if allowed.strip().startswith(prefix)), None)
    named: list[str] = []
    for part in map(str.strip, allowed.split(",")):
        number = re.match(r"\+?(\d+)", part, re.ASCII)
        if kind is not None and part.startswith(kind):
            name = part
        elif kind is None and number and int(number[1]) < count:
            name = str(int(number[1]))
        else:
            break
        if name in named:
            return ()
        named.append(name)
    # One GPU can have several partitions (MIG).
    return tuple(named if kind == "MIG-" else named[:count])


def kinds() -> tuple[Kind, ...]:
    """Return the kinds of device of this machine; the first is the one that "auto" selects."""
    if cards():
        return ("cuda", "cpu")
    if platform.system() == "Darwin" and platform.machine() == "arm64":
        return ("mps", "cpu")
    return ("cpu",)


def kind_of(wanted: str) -> str:
    """Return the kind of device that a run asks for; "auto" is the best kind of this machine."""
    return kinds()[0] if wanted == "auto" else wanted


def cores() -> int:
    """Return the number of CPU cores that this process may use, from its affinity and its control group."""
    try:
        count = len(os.sched_getaffinity(0))
    except AttributeError:  # not available on macOS
        count = psutil.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
    except (OSError, ValueError):
        return count
    return count if quota == "max" else max(1, min(count, int(quota) // int(period)))


def processor() -> str:
    """Return the name of the processor, as far as the system reports it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def _count() -> int:
    """Return the number of NVIDIA GPUs. The driver lists them, except in gVisor. A container may see the list of the
    whole machine but have only some device files. WSL has neither, only the driver's library."""
    listed = len(list(DRIVER.glob("*")))
    files = sum(re.fullmatch(r"nvidia\d+", file.name) is not None for file in DEV.glob("nvidia*"))
    # Device files are created when a GPU is first used, so there may be none yet.
    return min(listed, files) if listed and files else listed or files or _told_by_nvml()


@cache
def _told_by_nvml() -> int:
    """Return the number of GPUs from the driver's library, which can take a second; 0 without the library."""
    try:
        library = ctypes.CDLL(NVML)
        count = ctypes.c_uint()
        failed = library.nvmlInit_v2() or library.nvmlDeviceGetCount_v2(ctypes.byref(count))
    except (OSError, AttributeError):  # no library, or a library without these functions
        return 0
    return 0 if failed else count.value
