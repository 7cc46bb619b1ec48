"""Estimate how long runs take, from earlier runs on this machine or else from reference speeds."""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from hierapp.data import registry as datasets
from hierapp.runs import Run, Store
from hierapp.training import RunConfig, models

REFERENCE_NUMBERS = 32 * 32  # pixels or features of the reference speeds, which the first run replaces
START_SECONDS = 5.0  # a worker's imports and the loading of the data
LOOKED_AT = 60  # of the latest runs
POOLED = 3  # runs whose median is taken


@dataclass(frozen=True)
class Estimate:
    """The estimated seconds for a plan, and whether they come from runs on this machine."""

    seconds: float
    measured_here: bool

    def __str__(self) -> str:
        return words(self.seconds)


@dataclass(frozen=True)
class Timing:
    """How long a finished run took.

    Attributes:
        config: its configuration.
        epoch: seconds of an epoch.
        rest: seconds beside its epochs: the start, the data, the test.
        at_once: how many runs ran meanwhile, itself included, on average.
    """

    config: RunConfig
    epoch: float
    rest: float
    at_once: float

    def resembles(self, config: RunConfig, at_once: int) -> tuple[bool, bool]:
        """Return how well it predicts a configuration with `at_once` runs in parallel; more is greater."""
        mine = self.config
        return (
            mine.batch_size == config.batch_size and mine.train_share == config.train_share,
            round(self.at_once) == at_once,
        )


def estimate(store: Store, configs: Sequence[RunConfig], at_once: int) -> Estimate:
    """Estimate how long the configurations take in total, in their order, with `at_once` runs in parallel."""
    places = max(1, min(at_once, len(configs)))
    known: dict[tuple[str, str], list[Timing]] = {}
    for timing in _timings(store):
        known.setdefault((timing.config.data, timing.config.model), []).append(timing)
    here, free = True, [0.0] * places
    for config in configs:
        timings = known.get((config.data, config.model))
        here &= timings is not None
        takes = _of_timings(timings, config, places) if timings else _of_reference(config)
        heapq.heappush(free, heapq.heappop(free) + takes)
    return Estimate(max(free), here)


def words(seconds: float) -> str:
    """Format a duration for display.

    >>> words(3), words(50), words(200), words(9000)
    ('a few seconds', '50 seconds', '3 minutes', '2.5 hours')
    """
    if seconds < 10:
        return "a few seconds"
    if seconds < 90:
        return f"{10 * math.ceil(seconds / 10)} seconds"
    if seconds < 5400:
        return f"{round(seconds / 60)} minutes"
    return f"{seconds / 3600:.1f} hours"


def _of_timings(timings: Sequence[Timing], config: RunConfig, at_once: int) -> float:
    """Return the seconds of a run from those of the latest runs that resemble it most."""
    best = max(timing.resembles(config, at_once) for timing in timings)
    alike = [timing for timing in timings if timing.resembles(config, at_once) == best][-POOLED:]
    shares = [timing.epoch * config.train_share / timing.config.train_share for timing in alike]
    return config.epochs * median(shares) + median(timing.rest for timing in alike)


def _of_reference(config: RunConfig) -> float:
    entry = datasets.find(config.data)
    numbers = entry.features or entry.image_shape[0] * entry.image_shape[1]
    speed = models.find(config.model).speed * REFERENCE_NUMBERS / numbers
    return config.epochs * config.train_share * entry.train_size / speed + START_SECONDS


def _timings(store: Store) -> list[Timing]:
    """Return what the latest runs say, oldest first."""
    runs = [run for run in store.runs() if run.origin == "trained" and run.claimed is not None][-LOOKED_AT:]
    return [timing for run in runs if (timing := _timing(run, runs)) is not None]


def _timing(run: Run, runs: Sequence[Run]) -> Timing | None:
    epoch, started, ended = run.last.get("epoch_seconds"), run.claimed, run.ended
    if epoch is None or started is None or run.state not in ("finished", "running"):
        return None
    if run.state == "running" or ended is None or run.attempt > 1:  # of a resumed run only the last part is known
        return Timing(run.config, epoch, START_SECONDS, _meanwhile(run, runs))
    total, done = max(ended - started, 0.0), max(run.epoch, 1)
    # The last epoch may have been slower than the others.
    epoch = min(epoch, total / done)
    return Timing(run.config, epoch, total - done * epoch, _meanwhile(run, runs))


def _meanwhile(run: Run, runs: Sequence[Run]) -> float:
    """Return how many runs ran while a run did, itself included, on average."""
    start, end = run.claimed or 0.0, run.ended or math.inf
    if not start < end < math.inf:
        return 1.0
    both = sum(
        max(0.0, min(end, other.ended or end) - max(start, other.claimed or start))
        for other in runs
        if other is not run
    )
    return 1 + both / (end - start)
