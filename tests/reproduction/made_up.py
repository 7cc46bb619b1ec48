"""Evidence made up: accuracies around a mean, with the same seeds for every group."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from hierapp.reproduction.evidence import ClassCurves, Evidence
from hierapp.reproduction.figures import HIERARCHICAL, find
from hierapp.reproduction.presets import Figure
from hierapp.reproduction.timing import Timing
from hierapp.trees import library as tree_library

TREE = tree_library.load("cifar10")
NOISE = (0.001, -0.001, 0.0005, -0.0005, 0.0)
EPOCHS = 10


def figure(name: str) -> Figure:
    (found,) = find([name])
    return found


def seeds(mean: float, n: int = 5) -> dict[int, float]:
    """A figure for each seed, with a little noise that is another one for another mean."""
    turn = round(1000 * mean) % 5
    return {seed: mean + NOISE[(seed + turn) % 5] for seed in range(n)}


def curve(last: float, rate: float = 1.0) -> tuple[float, ...]:
    """Validation accuracy that comes up to `last`, the faster the higher the rate."""
    return tuple(last * (1 - float(np.exp(-rate * epoch))) for epoch in range(1, EPOCHS + 1))


def evidence(
    which: Figure,
    accuracy: Mapping[str, float] | None = None,
    rate: Mapping[str, float] | None = None,
    n: int = 5,
    **more: Any,
) -> Evidence:
    """Every group at 0.7, but for those of other accuracies, and with curves of these rates."""
    means = {group.name: (accuracy or {}).get(group.name, 0.7) for group in which.groups}
    return Evidence(
        TREE,
        {
            name: {seed: {"accuracy": value, "mean_distance": 0.5} for seed, value in seeds(mean, n).items()}
            for name, mean in means.items()
        },
        {
            name: {seed: curve(value, (rate or {}).get(name, 1.0)) for seed, value in seeds(mean, n).items()}
            for name, mean in means.items()
        },
        {name: dict.fromkeys(range(n), 10.0) for name in means},
        **more,
    )


def confusion(cars_as_trucks: int, cats_as_dogs: int) -> dict[str, dict[int, np.ndarray]]:
    """Counts of five seeds, a few more or less."""
    made = {}
    for seed, more in enumerate((-4, 0, 4, -2, 2)):
        counts = np.eye(10, dtype=np.int64) * 700
        for (true, predicted), count in (
            (("automobile", "truck"), cars_as_trucks),
            (("cat", "dog"), cats_as_dogs),
        ):
            counts[TREE.leaves.index(true), TREE.leaves.index(predicted)] = count + more
        made[seed] = counts
    return {HIERARCHICAL.name: made}


def classes(plain: float, weighted: float) -> dict[str, dict[int, ClassCurves]]:
    """Curves of classes that jump up and down by so much, a little different with each seed."""
    made = {}
    for seed in range(5):
        wave = np.where(np.arange(EPOCHS) % 2, 1.0, -1.0)[:, None] * (1 + 0.01 * seed * np.arange(10))
        made[seed] = ClassCurves(0.6 + plain * wave, 0.5 + weighted * (wave * (1 + 0.01 * (seed % 2))))
    return {HIERARCHICAL.name: made}


def right(shares: Mapping[str, float], n: int = 5, images: int = 10_000) -> dict[str, dict[int, np.ndarray]]:
    """On which images each training is right."""
    return {
        name: {
            seed: np.random.default_rng([seed, number]).permutation(images) < round(share * images) for seed in range(n)
        }
        for number, (name, share) in enumerate(shares.items())
    }


def timing(*ratios: float) -> Timing:
    return Timing(
        batch=128,
        batches=50,
        seconds={"loop": list(ratios), "matrices": [2.0] * len(ratios), "hierapp": [1.0] * len(ratios)},
    )
