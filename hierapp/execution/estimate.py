"""Estimate how long runs take, from earlier runs on this machine or else from reference speeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from hierapp.data import registry as datasets
from hierapp.runs import Store
from hierapp.training import RunConfig, models

REFERENCE_NUMBERS = 32 * 32  # pixels or features of the reference speeds, which the first run replaces
START_SECONDS = 5.0  # a worker's imports and the loading of the data


@dataclass(frozen=True)
class Estimate:
    """The estimated seconds for a plan, and whether they come from runs on this machine."""

    seconds: float
    measured_here: bool

    def __str__(self) -> str:
        return words(self.seconds)


def estimate(store: Store, configs: Sequence[RunConfig], at_once: int) -> Estimate:
    """Estimate how long the configurations take in total, with `at_once` runs in parallel."""
    known = _epoch_seconds(store)
    total, here = 0.0, True
    for config in configs:
        seconds = known.get((config.data, config.model))
        if seconds is None:
            here = False
            entry = datasets.find(config.data)
            numbers = entry.features or entry.image_shape[0] * entry.image_shape[1]
            speed = models.find(config.model).speed * REFERENCE_NUMBERS / numbers
            seconds = entry.train_size / speed
        total += config.epochs * seconds + START_SECONDS
    return Estimate(total / max(1, min(at_once, len(configs))), here)


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


def _epoch_seconds(store: Store) -> dict[tuple[str, str], float]:
    """Return the seconds per epoch of the latest run, by data set and model."""
    return {
        (run.config.data, run.config.model): run.last["epoch_seconds"]
        for run in store.runs(states=("finished", "running"))
        if "epoch_seconds" in run.last
    }
