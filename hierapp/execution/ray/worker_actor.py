"""The actor that trains one run on a node of a Ray cluster and reports to the store actor."""

from __future__ import annotations

import fcntl
import os
import tempfile
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import ray
from numpy.typing import NDArray
from ray.exceptions import ObjectLostError, RayActorError, RayTaskError

from hierapp.data import registry as datasets
from hierapp.data.dataset import Part
from hierapp.data.image_set import ImageSet
from hierapp.errors import HierappError, StaleAttemptError
from hierapp.execution.ray.outbox import LogLines, Outbox
from hierapp.execution.ray.remote_writer import Answer, Call
from hierapp.execution.recorder import say
from hierapp.execution.worker import work
from hierapp.runs import Run
from hierapp.runs.states import State
from hierapp.utils import parts, processes

FOLDERS = "hierapp-run-"


@dataclass(frozen=True)
class Job:
    """A claimed run, the version of the scheduler's code, which is copied to the nodes, and the number of threads."""

    run: Run
    version: str
    threads: int


class RemoteRunWriter:
    """A `recorder.RunWriter` for a store on another machine.

    Args:
        store_actor: the handle of the StoreActor.
        job: the job of the worker.
    """

    def __init__(self, store_actor: Any, job: Job) -> None:
        self.store_actor, self.job = store_actor, job
        self.outbox = Outbox(self._tell)

    def take(self) -> None:
        self.outbox.request("take", os.getpid(), processes.identity(os.getpid()) or "")

    def begin(self, device: str, version: str) -> None:
        self.outbox.request("begin", device, self.job.version)

    def restarted_at(self, epoch: float, progress: float, note: str | None = None) -> None:
        self.outbox.request("restarted_at", epoch, progress, note)

    def heartbeat(self) -> bool:
        return bool(self._now("heartbeat"))

    def is_asked_to_stop(self) -> bool:
        return bool(self._now("is_asked_to_stop"))

    def report(self, epoch: float, values: Mapping[str, float], progress: float) -> None:
        self.outbox.send("report", epoch, dict(values), progress)

    def end_epoch(self, epoch: int, values: Mapping[str, float], confusion: NDArray[np.int64]) -> None:
        self.outbox.send("end_epoch", epoch, dict(values), confusion)

    def finish(self, epoch: int, test: Mapping[str, Any], confusion: NDArray[np.int64]) -> None:
        self.outbox.request("finish", epoch, dict(test), confusion)

    def end(self, state: State, error: str | None = None) -> None:
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
        for name, content in self.outbox.request("files").items():
            (folder / name).write_bytes(content)

    def load(self, name: str, part: Part) -> ImageSet:
        """Return a part of a data set: for a catalogue data set this node's copy if present, else the store actor's.

        Raises:
            DatasetError: if the store actor does not have it either.
        """
        # A user's own data set of this name may be a different one on this node.
        if name in datasets.DATASETS and datasets.status(name).state == "ready":
            return datasets.load(name, part)
        import torch

        say(f"the {part} part of {name} comes from the store's machine")
        try:
            images, labels, class_names, content_hash = self._images(name, part)
        except ObjectLostError:  # the store actor died, and with it the objects it had stored
            images, labels, class_names, content_hash = self._images(name, part)
        # Copied, because arrays in the object store are read-only.
        return ImageSet(torch.from_numpy(images.copy()), torch.from_numpy(labels.copy()), class_names, content_hash)

    def _images(
        self, name: str, part: Part
    ) -> tuple[NDArray[np.uint8], NDArray[np.int64], tuple[str, ...], str | None]:
        try:
            (reference,) = ray.get(self.store_actor.images.remote(name, part))
            found: tuple[NDArray[np.uint8], NDArray[np.int64], tuple[str, ...], str | None] = ray.get(reference)
        except RayTaskError as error:
            raise (error.cause if isinstance(error.cause, HierappError) else error) from None
        return found

    def _now(self, name: str) -> Any:
        """Call the store actor directly, ahead of the calls in the outbox."""
        answer = self._tell([(name, ())])
        if answer.error is not None:
            raise answer.error
        return answer.value

    def _tell(self, calls: Sequence[Call]) -> Answer:
        run = self.job.run
        try:
            answer: Answer = ray.get(self.store_actor.tell.remote(run.id, run.attempt, calls))
        except RayActorError as error:
            # The store actor was removed; Ray would have restarted a dead one. The scheduler that now has the store
            # resumes the run from its last checkpoint.
            raise StaleAttemptError from error
        return answer


class RunActor:
    """The worker of a run. It starts and ends on its own, so that it does not depend on its creator.

    Args:
        store_actor: the handle of the StoreActor.
        job: the job of the worker.
    """

    def __init__(self, store_actor: Any, job: Job) -> None:
        self.store_actor, self.job = store_actor, job
        ray.get_runtime_context().current_actor.work.remote()

    def work(self) -> None:
        try:
            train(RemoteRunWriter(self.store_actor, self.job))
        except Exception:
            traceback.print_exc()  # to Ray's logs
        ray.actor.exit_actor()  # type: ignore[no-untyped-call]


def train(writer: RemoteRunWriter) -> None:
    """Train a run in a separate folder, with its output in the run's log."""
    log = LogLines(writer.outbox)
    with redirect_stdout(log), redirect_stderr(log):
        try:
            writer.take()
            import torch

            torch.set_num_threads(writer.job.threads)
            with own_folder() as folder:
                writer.restore(folder)
                work(writer, writer.job.run, folder, writer.load)
        except StaleAttemptError:
            return
        finally:
            writer.outbox.close()


@contextmanager
def own_folder() -> Iterator[Path]:
    """Context manager: a folder for the files of one worker. Folders of workers that were killed are removed."""
    for left in Path(tempfile.gettempdir()).glob(f"{FOLDERS}*"):
        with suppress(OSError), (left / "lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            parts.remove(left)
    # The folder is renamed only once it is locked: otherwise another worker would remove it as a leftover.
    folder = Path(tempfile.mkdtemp(prefix="hierapp-new-"))
    with (folder / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        folder = folder.rename(folder.with_name(folder.name.replace("hierapp-new-", FOLDERS)))
        try:
            yield folder
        finally:
            parts.remove(folder)
