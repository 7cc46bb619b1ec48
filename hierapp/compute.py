"""What a training computes on: the device, the precision, and whether the same seed must give the same weights."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Literal

import torch

from hierapp import devices
from hierapp.errors import ConfigError

# Below so many numbers in a batch of images, half precision costs more than it saves on a CPU.
SMALL_BATCH = 50_000  # the digits have 8,192 in a batch of 128, Fashion-MNIST 100,352

Precision = Literal["float32", "bfloat16"]


def choose_device(wanted: str) -> torch.device:
    """The device for "auto" (cuda, else mps, else cpu) or the one that is asked for.

    Raises:
        ConfigError: if this machine does not have it.
    """
    has = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wanted == "auto":
        return torch.device(next(name for name, there in has.items() if there))
    if not has.get(wanted):
        raise ConfigError(
            f"The device {wanted!r} is not to be had here; choose one of"
            f" {', '.join(['auto', *(name for name, there in has.items() if there)])}."
        )
    return torch.device(wanted)


def choose_precision(wanted: str, device: torch.device, numbers: int) -> Precision:
    """The precision of convolutions and matrix products; everything else, losses first, is in float32.

    Args:
        wanted: "float32", "bfloat16", or "auto": bfloat16 where the hardware computes it natively and much faster,
            which are NVIDIA GPUs since Ampere, and CPUs with AMX for batches that are not small.
        device: where.
        numbers: in a batch of images.
    """
    if wanted != "auto":
        return "bfloat16" if wanted == "bfloat16" else "float32"
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    return "bfloat16" if device.type == "cpu" and numbers >= SMALL_BATCH and has_amx() else "float32"


def choose_graphs(wanted: str, device: torch.device, is_own: bool) -> bool:
    """Whether training steps are captured as a CUDA graph.

    Args:
        wanted: "on", "off", or "auto": on a CUDA device, for hierapp's own networks. A network that somebody else wrote
            may decide something in Python at each step, which a graph would decide once and for all.
        device: where.
        is_own: whether the network is the user's.

    Raises:
        ConfigError: if they are asked for on another device.
    """
    if wanted == "on" and device.type != "cuda":
        raise ConfigError(
            f"CUDA graphs are asked for, but the run's device is {device.type}; choose the device cuda or cuda_graphs"
            " auto."
        )
    return wanted == "on" or (wanted == "auto" and device.type == "cuda" and not is_own)


def has_amx() -> bool:
    """Whether this CPU multiplies matrices of bfloat16 by itself."""
    known = getattr(torch.cpu, "_is_amx_tile_supported", None)
    return bool(known and known())


def half(precision: Precision, device: torch.device) -> AbstractContextManager[object]:
    """A context in which networks compute in this precision."""
    if precision == "float32":
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16)


def conditions(device: torch.device, precision: str) -> dict[str, str]:
    """What decides, beside configuration, data and code, which bits a training ends with."""
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


@contextmanager
def determinism(wanted: str, device: torch.device) -> Iterator[bool]:
    """Meanwhile, if wanted ("auto": on a CPU), only algorithms that give the same bits each time; whether it is so.

    Raises:
        RuntimeError: by torch, from an operation that has no such algorithm.
    """
    on = wanted == "on" or (wanted == "auto" and device.type == "cpu")
    filling: Any = torch.utils.deterministic
    before = (
        torch.are_deterministic_algorithms_enabled(),
        torch.backends.cudnn.benchmark,
        filling.fill_uninitialized_memory,
    )
    if on:
        # Read by CUDA's matrix library when it starts.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(on)
    torch.backends.cudnn.benchmark = not on
    filling.fill_uninitialized_memory = False  # for those who read what they never wrote; it costs time
    try:
        yield on
    finally:
        torch.use_deterministic_algorithms(before[0])
        torch.backends.cudnn.benchmark = before[1]
        filling.fill_uninitialized_memory = before[2]
