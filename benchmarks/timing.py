"""Times of several ways to do a thing, in turn, round by round, so that ratios hold where a machine's speed drifts."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping

import torch

Times = dict[str, list[float]]


def in_turn(
    ways: Mapping[str, Callable[[], object]],
    rounds: int,
    warm_up: int = 3,
    clock: Callable[[], float] = time.perf_counter,
) -> Times:
    """Seconds of each way in each round by a clock; those of the first rounds are dropped."""
    seconds: Times = {name: [] for name in ways}
    for turn in range(rounds + warm_up):
        for name, way in ways.items():
            started = clock()
            way()
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            if turn >= warm_up:
                seconds[name].append(clock() - started)
    return seconds


def ratio(times: list[float], reference: list[float]) -> tuple[float, float, float]:
    """Median and quartiles of the ratio, round by round."""
    each = [mine / theirs for mine, theirs in zip(times, reference, strict=True)]
    low, middle, high = statistics.quantiles(each, n=4)
    return middle, low, high
