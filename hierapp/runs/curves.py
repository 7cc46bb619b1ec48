"""The curves of some runs, updated by reading only new rows."""

from __future__ import annotations

import bisect
from collections.abc import Sequence

from hierapp.runs.records import Points
from hierapp.runs.store import Store


class Curves:
    """A cache of curves for a page that refreshes.

    Args:
        store: the store of the runs.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.cursor = 0
        self.moved = 0  # rows read by the last call of `look`
        self._points: dict[str, Points] = {}

    def look(self, ids: Sequence[str]) -> dict[str, Points]:
        """Return the current (epoch, value) pairs for each run and metric, in order."""
        if set(ids) != set(self._points):
            self._points, self.cursor = {run: {} for run in ids}, 0
        changes = self.store.metrics_since(self.cursor, ids)
        for run, epoch in changes.cuts.items():
            self._points[run] = {
                name: [point for point in points if point[0] <= epoch] for name, points in self._points[run].items()
            }
        for run, name, epoch, value in changes.rows:
            points = self._points[run].setdefault(name, [])
            at = bisect.bisect_left(points, epoch, key=lambda point: point[0])
            points[at : at + (at < len(points) and points[at][0] == epoch)] = [(epoch, value)]
        self.cursor, self.moved = changes.cursor, len(changes.rows)
        return self._points
