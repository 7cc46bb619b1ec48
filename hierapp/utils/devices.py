"""What this machine can train on, told without torch."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Literal

import psutil

Kind = Literal["cuda", "mps", "cpu"]


def cards() -> tuple[str, ...]:
    """The NVIDIA GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    count = len(list(Path("/proc/driver/nvidia/gpus").glob("*")))
    allowed = os.environ.get("CUDA_VISIBLE_DEVICES")
    if allowed is None:
        return tuple(map(str, range(count)))
    return tuple(part.strip() for part in allowed.split(",") if part.strip())[:count]


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
