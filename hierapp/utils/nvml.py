"""The status of NVIDIA GPUs, from the driver.

Errors are returned as text, because the status page must also work on a faulty machine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hierapp.utils.devices import cards

NO_PACKAGE = "the package nvidia-ml-py is not installed"


@dataclass(frozen=True)
class Card:
    """The status of a GPU: memory in bytes and load from 0 to 1, None if not reported, and the reason for that."""

    name: str
    memory_used: int | None = None
    memory_total: int | None = None
    load: float | None = None
    problem: str | None = None


def read() -> list[Card]:
    """Return the GPUs that this process may use, in the order of `devices.cards`."""
    return [_read(card) for card in cards()]


def driver() -> dict[str, str]:
    """Return the versions of the driver and of the newest CUDA it supports; empty without a GPU."""
    if not cards():
        return {}
    try:
        import pynvml
    except ImportError:
        return {"NVIDIA driver": NO_PACKAGE}
    try:
        pynvml.nvmlInit()
        cuda = pynvml.nvmlSystemGetCudaDriverVersion()
        return {
            "NVIDIA driver": str(pynvml.nvmlSystemGetDriverVersion()),
            "CUDA of the driver": f"{cuda // 1000}.{cuda % 1000 // 10}",
        }
    except pynvml.NVMLError as error:
        return {"NVIDIA driver": str(error)}


def _read(card: str) -> Card:
    try:
        import pynvml  # only imported if there is a GPU
    except ImportError:
        return Card(f"NVIDIA GPU {card}", problem=NO_PACKAGE)
    try:
        # NVML stays initialized: if no other process uses the driver, each initialization takes a second.
        pynvml.nvmlInit()
        # CUDA_VISIBLE_DEVICES names a GPU by number or by UUID.
        find = pynvml.nvmlDeviceGetHandleByIndex if card.isdecimal() else pynvml.nvmlDeviceGetHandleByUUID
        handle = find(int(card) if card.isdecimal() else card)
        name = str(pynvml.nvmlDeviceGetName(handle))
    except pynvml.NVMLError as error:
        return Card(f"NVIDIA GPU {card}", problem=str(error))
    problems: list[str] = []

    def read_value(what: str, ask: Callable[[Any], Any]) -> Any:
        """Read one value; it may be unavailable, as the load of a GPU partition (MIG) is."""
        try:
            return ask(handle)
        except pynvml.NVMLError as error:
            problems.append(f"{what}: {error}")
            return None

    memory = read_value("memory", pynvml.nvmlDeviceGetMemoryInfo)
    load = read_value("load", pynvml.nvmlDeviceGetUtilizationRates)
    return Card(
        name,
        None if memory is None else int(memory.used),
        None if memory is None else int(memory.total),
        None if load is None else load.gpu / 100,
        "; ".join(problems) or None,
    )
