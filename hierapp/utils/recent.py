"""Results that several threads ask for again and again: each is computed once, and the most recent are kept."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Recent(Generic[T]):
    """The results that were asked for last, by key.

    Unlike `functools.lru_cache`, threads that ask for the same result at once wait for the first of them to compute it.

    Args:
        most: how many results are kept.

    >>> squares = Recent[int](most=2)
    >>> squares.get(3, lambda: 9), squares.get(3, lambda: 0)
    (9, 9)
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._lock = threading.Lock()
        self._entries: dict[Hashable, _Entry[T]] = {}  # the least recently asked for first

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return the result for the key, or that of `make`, which is then kept; nothing is if it raises an error."""
        with self._lock:
            entry = self._entries.pop(key, None) or _Entry()
            self._entries[key] = entry
            while len(self._entries) > self.most:
                del self._entries[next(iter(self._entries))]
        with entry.lock:
            if not entry.results:
                entry.results.append(make())
            return entry.results[0]


class _Entry(Generic[T]):
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.results: list[T] = []
