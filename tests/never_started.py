"""Stands in for `processes.spawn` where nothing is to be started."""

from __future__ import annotations

import os
from collections.abc import Sequence


class Gone:
    """A process that is not there."""

    pid = 2**22 + 5


class NeverStarted:
    """Keeps what would have been started; each holds the lock that it would have inherited, until it `die`s."""

    def __init__(self) -> None:
        self.commands: list[list[str]] = []
        self._locks: list[int] = []

    def __call__(self, arguments: Sequence[str], *rest: object, files: Sequence[int] = (), **named: object) -> Gone:
        if arguments[0] != "hierapp.execution":  # schedulers are started by everything, and by some tests' own hands
            self.commands.append(list(arguments))
            self._locks += map(os.dup, files)
        return Gone()

    def die(self) -> None:
        while self._locks:
            os.close(self._locks.pop())

    def __del__(self) -> None:
        self.die()
