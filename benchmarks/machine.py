"""What a figure was measured on."""

from __future__ import annotations

import platform

import torch

from hierapp.utils.devices import processor
from hierapp.version import code_version


def describe() -> str:
    """One line: processor or GPU, threads, versions."""
    if torch.cuda.is_available():
        device = torch.cuda.get_device_name()
    else:
        device = f"{processor()}, {torch.get_num_threads()} threads"
    return f"{device}; Python {platform.python_version()}, torch {torch.__version__}, hierapp {code_version()}"
