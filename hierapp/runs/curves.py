"""The curves of some runs, updated by reading only new rows."""

from __future__ import annotations

import bisect
import threading
from collections.abc import Collection, Sequence

from hierapp.runs.records import Points
from hierapp.runs.store import Store


class Curves:
    """A cache of curves for pages that refresh; threads can share it.

    Args:
        store: the store of the runs.
        names: the metrics; all by default.
    """

    def __init__(self, store: Store, names: Collection[str] | None = None) -> None:
        self.store = store
        self.names = names
        self.cursor = 0
        self.moved = 0  # rows read by the last call of `look`
        self._points: dict[str, Points] = {}
        self._looking = threading.Lock()

    def look(self, ids: Sequence[str]) -> dict[str, Points]:
        """Return the current (epoch, value) pairs for each run and metric, in order; do not change them."""
        with self._looking:
            if set(ids) != set(self._points):
                self._points, self.cursor = {run: {} for run in ids}, 0
            changes = self.store.metrics_since(self.cursor, ids, self.names)
            for run, epoch in changes.cuts.items():
                self._points[run] = {
                    name: [point for point in points if point[0] <= epoch] for name, points in self._points[run].items()
                }
            self._add(changes.rows)
            self.cursor, self.moved = changes.cursor, len(changes.rows)
            return dict(self._points)

    def _add(self, rows: Sequence[tuple[str, str, float, float]]) -> None:
        """Add rows; what an earlier call has returned stays as it is, because another thread may be reading it."""
        changed: dict[str, Points] = {}
        for run, name, epoch, value in rows:
            if run not in changed:
                changed[run] = {each: list(points) for each, points in self._points[run].items()}
            points = changed[run].setdefault(name, [])
            if not points or points[-1][0] < epoch:
                points.append((epoch, value))
            else:
                at = bisect.bisect_left(points, epoch, key=lambda point: point[0])
                points[at : at + (points[at][0] == epoch)] = [(epoch, value)]
        self._points |= changed
