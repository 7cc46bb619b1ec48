"""Appendix A: time the hierarchical loss as a loop over samples and nodes, with matrices, and as in hierapp."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, ValidationError

from hierapp.errors import StoreError
from hierapp.reproduction import results
from hierapp.reproduction.presets import SizeName
from hierapp.trees import LabelTree
from hierapp.utils import files, locks, private
from hierapp.utils.background import Job
from hierapp.utils.reading import read_bytes
from hierapp.version import code_version

BATCH = 128
WAYS = ("loop", "matrices", "hierapp")
# Rounds, and batches per round; the tensor versions get more batches, otherwise a round is too short to measure.
ROUNDS: dict[SizeName, tuple[int, int]] = {"quick": (5, 10), "full": (4, 313)}
MORE = 10


class Timing(BaseModel):
    """The seconds per batch, forward and backward, of each implementation: one value per round."""

    batch: int
    batches: int
    seconds: dict[str, list[float]]
    version: str = ""

    @property
    def ratios(self) -> list[float]:
        """The speed-up of hierapp over the loop: one value per round."""
        return [loop / ours for loop, ours in zip(self.seconds["loop"], self.seconds["hierapp"], strict=True)]

    def median(self, way: str) -> float:
        """Return the median seconds per batch of an implementation."""
        return statistics.median(self.seconds[way])


def measure(tree: LabelTree, rounds: int, batches: int) -> Timing:
    """Time the three implementations in turn on one CPU thread, with random logits.

    In each round the loop runs `batches` batches and the others MORE times as many.
    """
    import torch
    from torch import Tensor

    from hierapp.losses import make_loss, reference

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        drawn = torch.Generator().manual_seed(0)
        target = torch.randint(len(tree.leaves), (BATCH,), generator=drawn)
        logits = torch.randn(BATCH, len(tree.nodes) - 1, generator=drawn, requires_grad=True)
        matrices = make_loss("hierarchical", tree, matrix_form=True).float()
        ours = make_loss("hierarchical", tree).float()
        ways: dict[str, Callable[[], Tensor]] = {
            "loop": lambda: reference.literal_loop(tree, logits, target).mean(),
            "matrices": lambda: matrices(logits, target),
            "hierapp": lambda: ours(logits, target),
        }

        def seconds(way: str, count: int) -> float:
            started = time.perf_counter()
            for _ in range(count):
                logits.grad = None
                ways[way]().backward()  # type: ignore[no-untyped-call]
            return (time.perf_counter() - started) / count

        for way in WAYS:
            seconds(way, 1)
        found: dict[str, list[float]] = {way: [] for way in WAYS}
        for _ in range(rounds):
            for way in WAYS:
                found[way].append(seconds(way, batches if way == "loop" else MORE * batches))
    finally:
        torch.set_num_threads(before)
    return Timing(batch=BATCH, batches=rounds * batches, seconds=found, version=code_version())


def start(size: SizeName, data: str) -> None:
    """Start a measurement in a separate process; do nothing while one is running.

    Raises:
        StoreError: if its log cannot be written.
    """
    with _told():
        private.make_folder(results.folder())
        with _job().held(locks.GLANCE_SECONDS) as lock:
            if lock is not None:
                _job().hand_over(lock, ["hierapp", "reproduce", "appendix-a", "--size", size, "--data", data])


def is_running() -> bool:
    """Return whether a measurement started with `start` is still running."""
    return _job().is_running()


def kept(size: SizeName, data: str) -> Timing | None:
    """Load the saved measurement; None if there is none or it is broken."""
    try:
        return Timing.model_validate_json(read_bytes(_file(size, data)))
    except (OSError, ValidationError):
        return None


def keep(found: Timing, size: SizeName, data: str) -> None:
    """Save a measurement.

    Raises:
        StoreError: if it cannot be written.
    """
    file = _file(size, data)
    with _told():
        private.make_folder(file.parent)
        files.replace(found.model_dump_json().encode(), file)


def _file(size: SizeName, data: str) -> Path:
    return results.folder() / f"appendix-a-{size}-{data}.json"


def _job() -> Job:
    return Job(results.folder() / "appendix-a.lock", results.folder() / "appendix-a.log")


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"The folder {results.folder()} cannot be written ({error.strerror or error}); make it writable and free"
            " some space."
        ) from error
