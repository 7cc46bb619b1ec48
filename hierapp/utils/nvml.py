"""What NVIDIA's driver tells of its GPUs.

Whatever goes wrong there is told in a word: who asks for a machine's health must get an answer on a sick one too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hierapp.utils.devices import cards

NO_PACKAGE = "the package nvidia-ml-py is not installed"


@dataclass(frozen=True)
class Card:
    """One GPU as it stands: memory in bytes, load from 0 to 1, None where the driver does not tell, and why."""

    name: str
    memory_used: int | None = None
    memory_total: int | None = None
    load: float | None = None
    problem: str | None = None


def read() -> list[Card]:
    """The GPUs that this process may use, in the order of `devices.cards`."""
    return [_read(card) for card in cards()]


def driver() -> dict[str, str]:
    """The versions of the driver and of the newest CUDA that it runs; empty without a GPU."""
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
        import pynvml  # only where there is a card to ask for
    except ImportError:
        return Card(f"NVIDIA GPU {card}", problem=NO_PACKAGE)
    try:
        # It stays open: where nothing else holds the driver, opening it anew takes a second each time.
        pynvml.nvmlInit()
        # CUDA_VISIBLE_DEVICES may name a card by its number or by its UUID.
        find = pynvml.nvmlDeviceGetHandleByIndex if card.isdecimal() else pynvml.nvmlDeviceGetHandleByUUID
        handle = find(int(card) if card.isdecimal() else card)
        name = str(pynvml.nvmlDeviceGetName(handle))
    except pynvml.NVMLError as error:
        return Card(f"NVIDIA GPU {card}", problem=str(error))
    problems: list[str] = []

    def read_value(what: str, ask: Callable[[Any], Any]) -> Any:
        """One figure; a part of a GPU (MIG) has no load of its own, say."""
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
