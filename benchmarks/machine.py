"""What a figure was measured on."""

from __future__ import annotations

import platform
from pathlib import Path

import torch

from hierapp.version import code_version


def describe() -> str:
    """One line: processor or GPU, threads, versions."""
    if torch.cuda.is_available():
        device = torch.cuda.get_device_name()
    else:
        device = f"{_processor()}, {torch.get_num_threads()} threads"
    return f"{device}; Python {platform.python_version()}, torch {torch.__version__}, hierapp {code_version()}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
