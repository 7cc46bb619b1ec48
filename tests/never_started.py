"""Stands in for `processes.spawn` where nothing is to be started."""

from __future__ import annotations

import os
from collections.abc import Sequence


class NeverStarted:
    """Keeps what would have been started; each holds the lock that it would have inherited, until it `die`s."""

    def __init__(self) -> None:
        self.commands: list[list[str]] = []
        self._locks: list[int] = []

    def __call__(self, arguments: Sequence[str], *rest: object, files: Sequence[int] = (), **named: object) -> None:
        if arguments[0] == "hierapp.execution":
            return  # schedulers are started by everything, and by some tests' own hands
        self.commands.append(list(arguments))
        self._locks += map(os.dup, files)

    def die(self) -> None:
        while self._locks:
            os.close(self._locks.pop())

    def __del__(self) -> None:
        self.die()
