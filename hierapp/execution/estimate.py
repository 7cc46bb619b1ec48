"""About how long runs will take: from runs of this machine, else from a speed measured elsewhere."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from hierapp.data import registry as datasets
from hierapp.runs import Store
from hierapp.training import RunConfig, models

REFERENCE_PIXELS = 32 * 32  # at which the models' speeds were measured; the first run on a machine takes their place
START_SECONDS = 5.0  # a worker's imports and the loading of the data


@dataclass(frozen=True)
class Estimate:
    """Seconds for a whole plan, and whether they come from runs on this machine."""

    seconds: float
    measured_here: bool

    def __str__(self) -> str:
        return words(self.seconds)


def estimate(store: Store, configs: Sequence[RunConfig], at_once: int) -> Estimate:
    """How long the configurations take together when so many run at once."""
    known = _epoch_seconds(store)
    total, here = 0.0, True
    for config in configs:
        seconds = known.get((config.data, config.model))
        if seconds is None:
            here = False
            entry = datasets.find(config.data)
            height, width, _ = entry.image_shape
            speed = models.find(config.model).speed * REFERENCE_PIXELS / (height * width)
            seconds = entry.train_size / speed
        total += config.epochs * seconds + START_SECONDS
    return Estimate(total / max(1, min(at_once, len(configs))), here)


def words(seconds: float) -> str:
    """A duration as people say it.

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


def _epoch_seconds(store: Store) -> dict[tuple[str, str], float]:
    """Seconds that the last epoch of the latest run took, by data set and model."""
    return {
        (run.config.data, run.config.model): run.last["epoch_seconds"]
        for run in store.runs(states=("finished", "running"))
        if "epoch_seconds" in run.last
    }
