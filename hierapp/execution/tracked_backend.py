"""The backend for runs that belong to a user's own training loop: it only finds out when the loop's process is gone."""

from __future__ import annotations

import time
from collections.abc import Sequence

from hierapp.execution.backend import Slot
from hierapp.runs import Run, Store
from hierapp.utils import processes

SILENCE_SECONDS = 30.0  # without a heartbeat, until a process that is not visible from here counts as gone
GONE = (
    "The process of this training loop is gone: it was terminated or crashed before it called finish; what it reported"
    " until then is kept."
)
SILENT = "The process of this training loop, on another machine or in another container, no longer reports."


class TrackedBackend:
    """Watches tracked runs; it neither starts nor ends a process.

    Args:
        store: the store of the runs.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._seen: dict[str, tuple[float | None, float]] = {}  # the last heartbeat, and when it was seen first

    def free_slots(self, running: Sequence[Run]) -> list[Slot]:
        return []

    def start(self, run: Run) -> None:
        """There is nothing to do: no run waits for this backend."""

    def lost_reason(self, run: Run) -> str | None:
        if run.process is not None and not processes.is_foreign(run.process):
            return None if processes.alive(run.process, self.store.folder) else GONE
        # Without a process: between the first two steps of `track`, unless it was terminated there.
        before, since = self._seen.get(run.id, (None, 0.0))
        if before != run.heartbeat:
            self._seen[run.id] = (run.heartbeat, time.monotonic())
            return None
        if time.monotonic() - since < SILENCE_SECONDS:
            return None
        return GONE if run.process is None else SILENT

    def never_started(self, run: Run) -> bool:
        return False

    def kill(self, run: Run) -> None:
        """There is nothing to do: the next report of the loop raises `Cancelled`. Its process may be a notebook."""

    def close(self) -> None:
        """There is nothing to do."""
