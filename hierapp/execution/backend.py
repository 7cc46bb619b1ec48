"""The interface between the scheduler and a backend, which starts runs; `local` and `ray` implement it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from hierapp.runs import Run

LOG = "launcher.log"  # in the store's folder: the log of the scheduler and of the GPU workers


@dataclass(frozen=True)
class Slot:
    """A free place for a run: the devices that the run may ask for ("auto", "cuda", ...) and where the place is."""

    accepts: tuple[str, ...]
    device: str


class Backend(Protocol):
    """Starts, monitors and ends runs."""

    def free_slots(self, running: Sequence[Run]) -> list[Slot]:
        """Return the places where one more run can start now, best first."""

    def start(self, run: Run) -> None:
        """Start a worker for a claimed run."""

    def lost_reason(self, run: Run) -> str | None:
        """Return why the worker of a run is gone without a report; None while it lives or may still start."""

    def never_started(self, run: Run) -> bool:
        """Return whether no worker has taken the run and none will."""

    def kill(self, run: Run) -> None:
        """End the run's worker at once."""

    def close(self) -> None:
        """Release resources; called when no run is left."""
