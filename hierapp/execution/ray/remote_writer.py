"""What a worker on another machine has written, on this side of the network: its calls in order, its log, its files.

A call may come twice, where whoever passes it on died after it was carried out and before it could say so. So each one
that is repeated changes nothing and succeeds as it did.
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

Call = tuple[str, tuple[Any, ...]]  # a method of RemoteWriterServer and its arguments


@dataclass(frozen=True)
class Answer:
    """How many of the calls were carried out, what the last one returned, and what the next one met."""

    done: int
    value: Any = None
    error: Exception | None = None


class RemoteWriterServer(SQLiteRunWriter):
    """An attempt whose worker has no view of the run's folder.

    Args:
        store: where it is written.
        run: the run's id.
        number: which attempt this is.
    """

    def __init__(self, store: Store, run: str, number: int) -> None:
        super().__init__(store.database, number_of(run), number)
        self.store, self.id = store, run

    def carry_out(self, calls: Sequence[Call]) -> Answer:
        """Do as told, up to the first call that fails; what was done before it stays done."""
        value = None
        for done, (name, arguments) in enumerate(calls):
            try:
                value = getattr(self, name)(*arguments)
            except (HierappError, StaleAttemptError, OSError) as error:
                return Answer(done, error=error)
        return Answer(len(calls), value)

    def finish(self, epoch: int, test: Mapping[str, Any], confusion: NDArray[np.int64]) -> None:
        """Record the test metrics and that the run is finished; its checkpoints are not needed any more."""
        try:
            super().finish(epoch, test, confusion)
        except StaleAttemptError:
            self._accept_if_it_ended("finished")
        for file in self.folder.glob("checkpoint.*"):
            file.unlink(missing_ok=True)

    def end(self, state: State, error: str | None = None) -> None:
        """Record that the run ended before it was done, and why."""
        try:
            super().end(state, error)
        except StaleAttemptError:
            self._accept_if_it_ended(state)

    def files(self) -> dict[str, bytes]:
        """The run's checkpoints by their names."""
        self.is_asked_to_stop()
        return {file.name: file.read_bytes() for file in sorted(self.folder.glob("checkpoint*.safetensors"))}

    def save_file(self, name: str, content: bytes, before: str | None = None) -> None:
        """Keep a file of the run, whole or not at all.

        Args:
            name: the file's name in the run's folder.
            content: its bytes.
            before: the name that the file of this name gets which was there before; by default it is replaced.
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
            # Inside, so that no other attempt can begin between the question whose the run is and the new name.
            with self._transaction():
                if before is not None and file.exists():
                    file.replace(file.with_name(Path(before).name))
                side.replace(file)
        finally:
            with suppress(OSError):
                side.unlink(missing_ok=True)

    def log(self, text: str) -> None:
        """Append to the run's log, also when it has ended, but not any more once another attempt writes there."""
        if self.store.run(self.id).attempt != self.number:
            return
        with suppress(OSError):  # a log that cannot be written stops nothing
            self.folder.mkdir(parents=True, exist_ok=True)
            with (self.folder / "log.txt").open("a") as log:
                log.write(text)

    @cached_property
    def folder(self) -> Path:
        return self.store.run(self.id).folder

    def _accept_if_it_ended(self, state: State) -> None:
        """Let a call pass that has been carried out before, by this very attempt.

        Raises:
            StaleAttemptError: if the run is another attempt's or ended in another way.
        """
        run = self.store.run(self.id)
        if (run.state, run.attempt) != (state, self.number):
            raise StaleAttemptError
