"""Learning rate schedules: pure functions of the position in the training, so that no state is stored.

Each is tested against torch.optim.lr_scheduler, step by step.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from hierapp.training.config import RunConfig

# As in torch's OneCycleLR: the share of the steps with increasing rate, and the divisors of the first and last rate.
ONE_CYCLE_RISE, ONE_CYCLE_START, ONE_CYCLE_END = 0.3, 25.0, 1e4


@dataclass(frozen=True)
class Place:
    """A step of the training: the number of steps done before it, per epoch, and in total."""

    step: int
    per_epoch: int
    total: int


def learning_rate(config: RunConfig, place: Place) -> float:
    """Return the learning rate of one step.

    - constant: the configured rate
    - step: multiplied by `step_factor` every `step_epochs` epochs (StepLR)
    - cosine: along half a cosine to 0 (Loshchilov and Hutter 2017, without restarts)
    - one-cycle: from 1/25 of the rate up to it in the first three tenths of the steps, then down to 1/250,000, both
      along a cosine (Smith and Topin 2018, as in torch's OneCycleLR, but with constant momentum)

    For the first three, the rate increases linearly during the first `warmup_epochs`.

    >>> run = RunConfig.make(data="digits", tree="digits", loss="cross-entropy", epochs=20, learning_rate=0.1)
    >>> [round(learning_rate(run, Place(step, 10, 200)), 4) for step in (0, 49, 50, 199)]
    [0.1, 0.1, 0.08, 0.0512]
    """
    return config.learning_rate * SCHEDULES[config.schedule](config, place) * _warmth(config, place)


def _warmth(config: RunConfig, place: Place) -> float:
    steps = 0.0 if config.schedule == "one-cycle" else config.warmup_epochs * place.per_epoch
    return min(1.0, (place.step + 1) / steps) if steps else 1.0


def _constant(config: RunConfig, place: Place) -> float:
    return 1.0


def _step(config: RunConfig, place: Place) -> float:
    return float(config.step_factor ** (place.step // place.per_epoch // config.step_epochs))


def _cosine(config: RunConfig, place: Place) -> float:
    warm = min(config.warmup_epochs * place.per_epoch, place.total - 1)
    return (1 + math.cos(math.pi * max(0.0, place.step - warm) / (place.total - warm))) / 2


def _one_cycle(config: RunConfig, place: Place) -> float:
    last, top = place.total - 1, ONE_CYCLE_RISE * place.total - 1
    if place.step <= top:
        return _between(1 / ONE_CYCLE_START, 1.0, place.step / top if top > 0 else 1.0)
    return _between(1.0, 1 / ONE_CYCLE_START / ONE_CYCLE_END, (place.step - top) / (last - top) if last > top else 0.0)


def _between(start: float, end: float, share: float) -> float:
    return end + (start - end) / 2 * (1 + math.cos(math.pi * share))


SCHEDULES: dict[str, Callable[[RunConfig, Place], float]] = {
    "constant": _constant,
    "step": _step,
    "cosine": _cosine,
    "one-cycle": _one_cycle,
}
