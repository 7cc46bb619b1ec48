"""The actor that trains one run on a node of a Ray cluster and reports to the store actor."""

from __future__ import annotations

import os
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import ray
from numpy.typing import NDArray
from ray.exceptions import ObjectLostError, RayTaskError

from hierapp.data import registry as datasets
from hierapp.data.dataset import Part
from hierapp.data.image_set import ImageSet
from hierapp.errors import HierappError, StaleAttemptError
from hierapp.execution.ray.outbox import LogLines
from hierapp.execution.ray.writer import RayRunWriter
from hierapp.execution.worker import work
from hierapp.runs import Run
from hierapp.utils import locks, parts, processes
from hierapp.utils.own_log import say

FOLDERS = "hierapp-run-"


@dataclass(frozen=True)
class Job:
    """A claimed run, the version of the scheduler's code, which is copied to the nodes, and the number of threads."""

    run: Run
    version: str
    threads: int


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
            train(self.store_actor, self.job)
        except Exception:
            traceback.print_exc()  # to Ray's logs
        ray.actor.exit_actor()  # type: ignore[no-untyped-call]


def train(store_actor: Any, job: Job) -> None:
    """Train a run in a separate folder, with its output in the run's log."""
    writer = RayRunWriter(store_actor, job.run, job.version)
    log = LogLines(writer.outbox)
    with redirect_stdout(log), redirect_stderr(log):
        try:
            writer.take(os.getpid(), processes.identity(os.getpid()) or "")
            import torch

            torch.set_num_threads(job.threads)
            with own_folder() as folder:
                writer.restore(folder)
                work(writer, job.run, folder, partial(load, store_actor))
        except StaleAttemptError:
            return
        finally:
            writer.outbox.close()


def load(store_actor: Any, name: str, part: Part) -> ImageSet:
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
        found = _images(store_actor, name, part)
    except ObjectLostError:  # the store actor died, and with it the objects it had stored
        found = _images(store_actor, name, part)
    # Copied, because arrays in the object store are read-only.
    images, labels, class_names, content_hash, coarse_names = found
    copies = torch.from_numpy(images.copy()), torch.from_numpy(labels.copy())
    return ImageSet(*copies, class_names, content_hash, coarse_names)


def _images(
    store_actor: Any, name: str, part: Part
) -> tuple[NDArray[Any], NDArray[np.int64], tuple[str, ...], str | None, tuple[str, ...]]:
    try:
        (reference,) = ray.get(store_actor.images.remote(name, part))
        found: tuple[NDArray[Any], NDArray[np.int64], tuple[str, ...], str | None, tuple[str, ...]]
        found = ray.get(reference)
    except RayTaskError as error:
        raise (error.cause if isinstance(error.cause, HierappError) else error) from None
    return found


@contextmanager
def own_folder() -> Iterator[Path]:
    """Context manager: a folder for the files of one worker. Folders of workers that were killed are removed."""
    for left in Path(tempfile.gettempdir()).glob(f"{FOLDERS}*"):
        with suppress(OSError), locks.take(left / "lock") or nullcontext() as lock:
            if lock is not None:
                parts.remove(left)
    # The folder is renamed only once it is locked: otherwise another worker would remove it as a leftover.
    folder = Path(tempfile.mkdtemp(prefix="hierapp-new-"))
    with locks.holding(folder / "lock"):
        folder = folder.rename(folder.with_name(folder.name.replace("hierapp-new-", FOLDERS)))
        try:
            yield folder
        finally:
            parts.remove(folder)
