"""The writer for a run whose store is on another machine: it sends each call to the store actor there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayActorError

from hierapp.errors import StaleAttemptError
from hierapp.execution.ray.outbox import Answer, Call, Outbox
from hierapp.runs import Run
from hierapp.training.recorder import Confusion, EarlyEnd, RunWriter
from hierapp.utils.own_log import say


class RayRunWriter(RunWriter):
    """Sends what an attempt reports to a store actor, in order; see `SQLiteRunWriter`, which executes the calls.

    Args:
        store_actor: the handle of the StoreActor.
        run: the claimed run.
        version: the version of the scheduler's code, which is copied to the nodes.
    """

    def __init__(self, store_actor: Any, run: Run, version: str) -> None:
        self.store_actor, self.run, self.version = store_actor, run, version
        self.outbox = Outbox(self._tell)

    def take(self, pid: int, process: str) -> None:
        self.outbox.request("take", pid, process)

    def begin(self, device: str, version: str) -> None:
        self.outbox.request("begin", device, self.version)

    def restarted_at(self, epoch: float, progress: float, note: str | None = None) -> None:
        self.outbox.request("restarted_at", epoch, progress, note)

    def heartbeat(self) -> bool:
        return bool(self._now("heartbeat"))

    def is_asked_to_stop(self) -> bool:
        return bool(self._now("is_asked_to_stop"))

    def report(self, epoch: float, values: Mapping[str, float], progress: float) -> None:
        self.outbox.send("report", epoch, dict(values), progress)

    def end_epoch(self, epoch: int, values: Mapping[str, float], confusion: Confusion | None) -> None:
        self.outbox.send("end_epoch", epoch, dict(values), confusion)

    def finish(self, epoch: int, test: Mapping[str, Any], confusion: Confusion | None) -> None:
        self.outbox.request("finish", epoch, dict(test), confusion)

    def end(self, state: EarlyEnd, error: str | None = None) -> None:
        if state == "interrupted":
            # The node is shutting down, not the run: the scheduler finds the worker lost and resumes the run elsewhere.
            say(error or "the run's process was asked to stop")
            return
        self.outbox.request("end", state, error)

    def saved(self, file: Path) -> None:
        from hierapp.training import checkpoints

        before = checkpoints.PREVIOUS if file.name == checkpoints.FILE else None
        self.outbox.request("save_file", file.name, file.read_bytes(), before)

    def restore(self, folder: Path) -> None:
        """Copy the checkpoints of an earlier attempt into a folder."""
        for name, content in self.outbox.request("checkpoints").items():
            (folder / name).write_bytes(content)

    def _now(self, name: str) -> Any:
        """Call the store actor directly, ahead of the calls in the outbox."""
        answer = self._tell([(name, ())])
        if answer.error is not None:
            raise answer.error
        return answer.value

    def _tell(self, calls: Sequence[Call]) -> Answer:
        try:
            answer: Answer = ray.get(self.store_actor.tell.remote(self.run.id, self.run.attempt, calls))
        except RayActorError as error:
            # The store actor was removed; Ray would have restarted a dead one. The scheduler that now has the store
            # resumes the run from its last checkpoint.
            raise StaleAttemptError from error
        return answer
