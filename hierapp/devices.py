"""What this machine can train on, told without torch."""

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
    """The NVIDIA GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them.

    It is read as CUDA reads it: what follows an entry that is none is passed over, and one that is named twice leaves
    none at all. Whether there is a GPU of a UUID is not looked up.
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
    # Of one GPU there can be several parts (MIG).
    return tuple(named if kind == "MIG-" else named[:count])


def kinds() -> tuple[Kind, ...]:
    """The kinds of device that this machine has, the one that "auto" means first."""
    if cards():
        return ("cuda", "cpu")
    if platform.system() == "Darwin" and platform.machine() == "arm64":
        return ("mps", "cpu")
    return ("cpu",)


def kind_of(wanted: str) -> str:
    """The kind of device that a run asks for: "auto" is the best one of this machine."""
    return kinds()[0] if wanted == "auto" else wanted


def cores() -> int:
    """The CPU cores that this process may use, by its affinity and its control group."""
    try:
        count = len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS
        count = psutil.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
    except (OSError, ValueError):
        return count
    return count if quota == "max" else max(1, min(count, int(quota) // int(period)))


def processor() -> str:
    """The processor's name, as far as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def _count() -> int:
    """How many NVIDIA GPUs there are. The driver lists them, but not in gVisor; a container may see the list of the
    whole machine and have the device files of a few; in WSL there is neither, but the driver's library."""
    listed = len(list(DRIVER.glob("*")))
    files = sum(re.fullmatch(r"nvidia\d+", file.name) is not None for file in DEV.glob("nvidia*"))
    # The files are made when a GPU is first used, so that there may be none yet.
    return min(listed, files) if listed and files else listed or files or _told_by_nvml()


@cache
def _told_by_nvml() -> int:
    """The same by the driver's library, which can take a second; 0 without it."""
    try:
        library = ctypes.CDLL(NVML)
        count = ctypes.c_uint()
        failed = library.nvmlInit_v2() or library.nvmlDeviceGetCount_v2(ctypes.byref(count))
    except (OSError, AttributeError):  # no library, or one without these functions
        return 0
    return 0 if failed else count.value
