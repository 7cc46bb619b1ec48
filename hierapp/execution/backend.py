"""What the scheduler asks of a way to start runs; `local` and `ray` have one each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from hierapp.runs import Run

LOG = "launcher.log"  # in the store's folder: what the scheduler and the processes of GPUs say


@dataclass(frozen=True)
class Slot:
    """Place for a run: what it may ask for as its device ("auto", "cuda", ...), and where it would go."""

    accepts: tuple[str, ...]
    device: str


class Backend(Protocol):
    """A way to start runs, look after them and end them."""

    def free_slots(self, running: Sequence[Run]) -> list[Slot]:
        """Where one more run could start now, the best place first."""

    def start(self, run: Run) -> None:
        """Start a worker for a run that was just claimed."""

    def lost_reason(self, run: Run) -> str | None:
        """Why the run's worker is gone without a word, or None while it lives or may come to be."""

    def never_started(self, run: Run) -> bool:
        """Whether no worker ever took the run, and none will."""

    def kill(self, run: Run) -> None:
        """End the run's worker at once."""

    def close(self) -> None:
        """Let go of what is held between runs: none is left."""
