"""Record what a worker on another machine sends: its calls in order, its log and its files.

A call may arrive twice, if the sender lost the answer. So all calls are idempotent: a repeated call changes nothing and
succeeds.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hierapp.errors import HierappError, StaleAttemptError
from hierapp.runs import Store
from hierapp.runs.states import State
from hierapp.runs.store import number_of
from hierapp.runs.writer import SQLiteRunWriter

Call = tuple[str, tuple[Any, ...]]  # a method name of RemoteWriterServer and its arguments


@dataclass(frozen=True)
class Answer:
    """How many of the calls were executed, the result of the last one, and the error of the next one."""

    done: int
    value: Any = None
    error: Exception | None = None


class RemoteWriterServer(SQLiteRunWriter):
    """The writer for an attempt whose worker cannot access the folder of the run.

    Args:
        store: the store to write.
        run: the id of the run.
        number: the number of the attempt.
    """

    def __init__(self, store: Store, run: str, number: int) -> None:
        super().__init__(store.database, number_of(run), number)
        self.store, self.id = store, run

    def carry_out(self, calls: Sequence[Call]) -> Answer:
        """Execute calls up to the first one that fails; the calls before it remain in effect."""
        value = None
        for done, (name, arguments) in enumerate(calls):
            try:
                value = getattr(self, name)(*arguments)
            except (HierappError, StaleAttemptError, OSError) as error:
                return Answer(done, error=error)
        return Answer(len(calls), value)

    def finish(self, epoch: int, test: Mapping[str, Any], confusion: NDArray[np.int64]) -> None:
        """Record the test metrics and that the run has finished, and delete its checkpoints."""
        try:
            super().finish(epoch, test, confusion)
        except StaleAttemptError:
            self._accept_if_it_ended("finished")
        for file in self.folder.glob("checkpoint.*"):
            file.unlink(missing_ok=True)

    def end(self, state: State, error: str | None = None) -> None:
        """Record that the run ended early, and why."""
        try:
            super().end(state, error)
        except StaleAttemptError:
            self._accept_if_it_ended(state)

    def files(self) -> dict[str, bytes]:
        """Return the checkpoints of the run by file name."""
        self.is_asked_to_stop()
        return {file.name: file.read_bytes() for file in sorted(self.folder.glob("checkpoint*.safetensors"))}

    def save_file(self, name: str, content: bytes, before: str | None = None) -> None:
        """Write a file of the run atomically.

        Args:
            name: the name of the file in the run's folder.
            content: the content of the file.
            before: the new name of an existing file of this name; by default it is replaced.
        """
        self.is_asked_to_stop()  # raises before anything is written
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.folder / Path(name).name
        side = file.with_name(f"{file.name}.part")
        try:
            with side.open("wb") as written:
                written.write(content)
                written.flush()
                os.fsync(written.fileno())
            # Inside the transaction, so that no other attempt can start between the ownership check and the rename.
            with self._transaction():
                if before is not None and file.exists():
                    file.replace(file.with_name(Path(before).name))
                side.replace(file)
        finally:
            with suppress(OSError):
                side.unlink(missing_ok=True)

    def log(self, text: str) -> None:
        """Append to the run's log, even after the run has ended, unless a newer attempt writes there."""
        if self.store.run(self.id).attempt != self.number:
            return
        with suppress(OSError):  # errors while writing the log are ignored
            self.folder.mkdir(parents=True, exist_ok=True)
            with (self.folder / "log.txt").open("a") as log:
                log.write(text)

    @cached_property
    def folder(self) -> Path:
        return self.store.run(self.id).folder

    def _accept_if_it_ended(self, state: State) -> None:
        """Accept a repeated call of this attempt, if the run has already ended in this state.

        Raises:
            StaleAttemptError: if the run has another attempt or ended in another state.
        """
        run = self.store.run(self.id)
        if (run.state, run.attempt) != (state, self.number):
            raise StaleAttemptError
