"""Carries what a worker tells to whoever writes it down far away, in order, while the training goes on.

One batch is under way at a time: calls cannot overtake each other, also where a batch has to be sent again.
"""

from __future__ import annotations

import errno
import io
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from hierapp.errors import DiskFull, StaleAttemptError
from hierapp.execution.ray.remote_writer import Answer, Call

MOST = 1_000  # calls that wait; whoever tells more waits with them
BATCH = 200
PATIENCE_SECONDS = 1.0  # between tries on a full disk


@dataclass(frozen=True)
class _Item:
    call: Call
    outcome: Future[Any] | None = None  # of a call that somebody waits for


class Outbox:
    """A queue of calls and the thread that works on it.

    Args:
        tell: passes calls on and waits for the answer.
    """

    def __init__(self, tell: Callable[[Sequence[Call]], Answer]) -> None:
        self._tell = tell
        self._items: deque[_Item] = deque()
        self._changed = threading.Condition()
        self._failure: Exception | None = None  # what a call met that nobody waited for
        self._full: Exception | None = None  # no room there, which passes
        self._closed = False
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def send(self, name: str, *arguments: Any) -> None:
        """Tell something and go on.

        Raises:
            Exception: what an earlier call met; this one is not told then.
        """
        with self._changed:
            while len(self._items) >= MOST and not (self._failure or self._full):
                self._changed.wait()
            self._raise_failure()
            if self._full:
                raise self._full
            self._items.append(_Item((name, arguments)))
            self._changed.notify_all()

    def send_best_effort(self, name: str, *arguments: Any) -> None:
        """Tell something that may be left out where it cannot be told."""
        with self._changed:
            if not self._failure and len(self._items) < MOST:
                self._items.append(_Item((name, arguments)))
                self._changed.notify_all()

    def request(self, name: str, *arguments: Any) -> Any:
        """Tell something, after all that was told before, and wait for what it returns.

        Raises:
            Exception: what this or an earlier call met.
        """
        outcome: Future[Any] = Future()
        with self._changed:
            self._raise_failure()
            self._items.append(_Item((name, arguments), outcome))
            self._changed.notify_all()
        return outcome.result()

    def close(self, seconds: float = 10.0) -> None:
        """Carry what is left, for some seconds at most."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join(seconds)

    def _raise_failure(self) -> None:
        if (failure := self._failure) is not None:
            if not isinstance(failure, StaleAttemptError):
                self._failure = None  # told; the next call, with how the run ends, may be luckier
            raise failure

    def _work(self) -> None:
        while (batch := self._next()) is not None:
            try:
                answer = self._tell([item.call for item in batch])
            except Exception as error:
                answer = Answer(0, error=error)
            with self._changed:
                self._settle(batch, answer)
                self._changed.notify_all()
                if self._full and not self._closed:
                    self._changed.wait(PATIENCE_SECONDS)

    def _next(self) -> list[_Item] | None:
        """The next calls, up to one that somebody waits for; None when the outbox is closed and all is done."""
        with self._changed:
            while not self._items:
                if self._closed:
                    return None
                self._changed.wait()
            batch: list[_Item] = []
            for item in self._items:
                batch.append(item)
                if item.outcome or len(batch) == BATCH:
                    break
            return batch

    def _settle(self, batch: list[_Item], answer: Answer) -> None:
        for _ in range(answer.done):
            self._items.popleft()
        if answer.error is None:
            self._full = None
            if batch[-1].outcome:
                batch[-1].outcome.set_result(answer.value)
            return
        waiting = [item for item in self._items if item.outcome]
        if _is_full(answer.error) and not self._closed:
            # What was put is kept and tried again; whoever waits for an answer tries again himself.
            self._items = deque(item for item in self._items if not item.outcome)
            self._full = answer.error if self._items else None
        else:
            self._failure = None if waiting and not isinstance(answer.error, StaleAttemptError) else answer.error
            self._items.clear()
        for item in waiting:
            assert item.outcome is not None
            item.outcome.set_exception(answer.error)


class LogLines(io.TextIOBase):
    """Standard output of a worker, a call a line."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._line = ""

    def write(self, text: str) -> int:
        whole, newline, self._line = f"{self._line}{text}".rpartition("\n")
        if newline:
            self._outbox.send_best_effort("log", whole + newline)
        return len(text)


def _is_full(error: Exception) -> bool:
    return isinstance(error, DiskFull) or (isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT))
