"""Device, precision, CUDA graphs and determinism of a training."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Literal

import torch

from hierapp.errors import ConfigError
from hierapp.utils import devices

# In batches of images with fewer numbers than this, half precision costs more than it saves on a CPU.
SMALL_BATCH = 50_000  # the digits have 8,192 numbers in a batch of 128, Fashion-MNIST has 100,352

Precision = Literal["float32", "bfloat16"]

_may_search = True  # whether cuDNN may time its algorithms in this process


def choose_device(wanted: str) -> torch.device:
    """Return the requested device; "auto" chooses cuda, else mps, else cpu.

    Raises:
        ConfigError: if this machine does not have the device.
    """
    has = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wanted == "auto":
        return torch.device(next(name for name, there in has.items() if there))
    if not has.get(wanted):
        raise ConfigError(
            f"The device {wanted!r} is not available here; choose one of"
            f" {', '.join(['auto', *(name for name, there in has.items() if there)])}."
        )
    return torch.device(wanted)


def choose_precision(wanted: str, device: torch.device, numbers: int) -> Precision:
    """Return the precision of convolutions and matrix products; everything else, including losses, is in float32.

    Args:
        wanted: "float32", "bfloat16", or "auto": bfloat16 where the hardware supports it natively and is much faster
            with it, that is on NVIDIA GPUs since Ampere, and on CPUs with AMX for batches that are not small.
        device: the device.
        numbers: number of values in a batch of images.
    """
    if wanted != "auto":
        return "bfloat16" if wanted == "bfloat16" else "float32"
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    return "bfloat16" if device.type == "cpu" and numbers >= SMALL_BATCH and has_amx() else "float32"


def choose_graphs(wanted: str, device: torch.device, is_own: bool) -> bool:
    """Return whether training steps are captured as a CUDA graph.

    Args:
        wanted: "on", "off", or "auto": on a CUDA device for built-in networks. A user's network may make a decision in
            Python at each step, which a graph would fix at its capture.
        device: the device.
        is_own: whether the network is the user's.

    Raises:
        ConfigError: if "on" is requested for another device.
    """
    if wanted == "on" and device.type != "cuda":
        raise ConfigError(
            f"CUDA graphs were requested, but the run's device is {device.type}; choose the device cuda or set "
            "cuda_graphs to auto."
        )
    return wanted == "on" or (wanted == "auto" and device.type == "cuda" and not is_own)


def has_amx() -> bool:
    """Return whether this CPU has hardware for products of bfloat16 matrices."""
    known = getattr(torch.cpu, "_is_amx_tile_supported", None)
    return bool(known and known())


def half(precision: Precision, device: torch.device) -> AbstractContextManager[object]:
    """Return a context in which networks compute in this precision."""
    if precision == "float32":
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16)


def conditions(device: torch.device, precision: str) -> dict[str, str]:
    """Return what determines the exact bits of trained weights, in addition to configuration, data and code."""
    on_gpu = device.type == "cuda"
    return {
        "kind": device.type,
        **({"gpu": torch.cuda.get_device_name(device)} if on_gpu else {}),
        "processor": devices.processor(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "threads": str(torch.get_num_threads()),
        "precision": precision,
        "torch": str(torch.__version__),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def disable_algorithm_search() -> None:
    """Keep cuDNN from timing its algorithms, for the rest of this process.

    The search waits for the whole device, which CUDA does not allow while another thread captures a graph.
    """
    global _may_search
    _may_search = False


@contextmanager
def determinism(wanted: str, device: torch.device) -> Iterator[bool]:
    """Use only deterministic algorithms in this context if wanted ("auto": on a CPU), and yield whether this is so.

    Raises:
        RuntimeError: by torch, from an operation that has no deterministic algorithm.
    """
    on = wanted == "on" or (wanted == "auto" and device.type == "cpu")
    filling: Any = torch.utils.deterministic
    before = (
        torch.are_deterministic_algorithms_enabled(),
        torch.backends.cudnn.benchmark,
        filling.fill_uninitialized_memory,
    )
    if on:
        # CUDA's matrix library reads this at its start.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(on)
    torch.backends.cudnn.benchmark = not on and _may_search
    filling.fill_uninitialized_memory = False  # only helps code that reads uninitialized memory; slow
    try:
        yield on
    finally:
        torch.use_deterministic_algorithms(before[0])
        torch.backends.cudnn.benchmark = before[1]
        filling.fill_uninitialized_memory = before[2]
