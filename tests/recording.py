"""What a worker writes of its run, for tests that only need it written.

Two ways, for the store is being given attempts; once it has them the other way goes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hierapp.store import Store


def epoch(store: Store, run: str, number: int, confusion: np.ndarray, **values: float) -> None:
    """Record an epoch of a running run."""
    if hasattr(store, "attempt"):
        store.attempt(run).end_epoch(number, values, confusion)
    else:
        store.end_epoch(run, number, values, confusion)


def process(store: Store, run: str, pid: int) -> None:
    """Note which process works on a run."""
    if hasattr(store, "attempt"):
        store.attempt(run).take(pid, "of another machine")
    else:
        store.set_process(run, pid, 1.0)


def end(store: Store, run: str, state: str, test: dict[str, Any], error: str | None = None) -> None:
    """End a running run."""
    if not hasattr(store, "attempt"):
        store.end(run, state, error=error, test=test)
    elif state == "finished":
        store.attempt(run).finish(1, test, np.eye(10, dtype=np.int64))
    else:
        store.attempt(run).end(state, error)
