"""Send the calls of a worker to the remote writer, in order, while the training continues.

Only one batch is in transit at a time, so that calls keep their order even if a batch is sent again.
"""

from __future__ import annotations

import io
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from hierapp.errors import StaleAttemptError
from hierapp.utils.disk import is_full

MOST = 1_000  # maximum number of waiting calls; further senders block
BATCH = 200
PATIENCE_SECONDS = 1.0  # between attempts on a full disk


Call = tuple[str, tuple[Any, ...]]  # the name of a method of SQLiteRunWriter and its arguments


@dataclass(frozen=True)
class Answer:
    """How many of the calls were executed, the result of the last one, and the error of the next one."""

    done: int
    value: Any = None
    error: Exception | None = None


@dataclass(frozen=True)
class _Item:
    call: Call
    outcome: Future[Any] | None = None  # set for a call whose result the sender waits for


class Outbox:
    """A queue of calls and the thread that sends them.

    Args:
        tell: sends calls and waits for the answer.
    """

    def __init__(self, tell: Callable[[Sequence[Call]], Answer]) -> None:
        self._tell = tell
        self._items: deque[_Item] = deque()
        self._changed = threading.Condition()
        self._failure: Exception | None = None  # the error of a call that no sender waits for
        self._full: Exception | None = None  # the remote disk is full, which is temporary
        self._closed = False
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def send(self, name: str, *arguments: Any) -> None:
        """Queue a call and return.

        Raises:
            Exception: the error of an earlier call; this call is not queued then.
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
        """Queue a call that may be dropped if it cannot be sent."""
        with self._changed:
            if not self._failure and len(self._items) < MOST:
                self._items.append(_Item((name, arguments)))
                self._changed.notify_all()

    def request(self, name: str, *arguments: Any) -> Any:
        """Queue a call after all earlier ones and wait for its result.

        Raises:
            Exception: the error of this or an earlier call.
        """
        outcome: Future[Any] = Future()
        with self._changed:
            self._raise_failure()
            self._items.append(_Item((name, arguments), outcome))
            self._changed.notify_all()
        return outcome.result()

    def close(self, seconds: float = 10.0) -> None:
        """Send the remaining calls, for at most `seconds`."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join(seconds)

    def _raise_failure(self) -> None:
        if (failure := self._failure) is not None:
            if not isinstance(failure, StaleAttemptError):
                self._failure = None  # reported; the next call, which records the end of the run, may succeed
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
        """Return the next calls, up to one whose sender waits; None when the outbox is closed and empty."""
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
        if is_full(answer.error) and not self._closed:
            # Calls without a waiting sender stay in the queue; a waiting sender tries again.
            self._items = deque(item for item in self._items if not item.outcome)
            self._full = answer.error if self._items else None
        else:
            self._failure = None if waiting and not isinstance(answer.error, StaleAttemptError) else answer.error
            self._items.clear()
        for item in waiting:
            assert item.outcome is not None
            item.outcome.set_exception(answer.error)


class LogLines(io.TextIOBase):
    """The standard output of a worker, sent as one call per line."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._line = ""

    def write(self, text: str) -> int:
        whole, newline, self._line = f"{self._line}{text}".rpartition("\n")
        if newline:
            self._outbox.send_best_effort("log", whole + newline)
        return len(text)
