"""Bring the runs of a store into any state, as schedulers and workers would."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from hierapp.runs import Store
from hierapp.runs.states import State
from hierapp.runs.writer import SQLiteRunWriter


def working(store: Store, run: str) -> SQLiteRunWriter:
    """The run as its worker writes it; it is claimed, and all that wait before it."""
    while store.run(run).state == "queued":
        assert store.claim()
    return store.writer(run)


def end(store: Store, run: str, state: State, error: str | None = None, test: Mapping[str, Any] | None = None) -> None:
    """Let a run end."""
    attempt = working(store, run)
    if state == "finished":
        attempt.finish(store.run(run).config.epochs, test or {}, np.eye(10, dtype=np.int64))
    else:
        attempt.end(state, error)
