"""Helpers that turn evidence into numbers and curves for verdicts and plots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from hierapp.analysis.comparison import words
from hierapp.reproduction.results import Line
from hierapp.reproduction.rules import Verdict
from hierapp.stats import Sample
from hierapp.utils.text import pluralize

FOLDS = 10
FEWEST_EPOCHS = 3  # the minimum for a second difference
SHOWN_CLASSES = 3
MOST_POINTS = 60
WEIGHTED = ", weighted"  # suffix of a class name


def mean_in_words(values: Sequence[float]) -> str:
    """Format the mean and the standard deviation as text."""
    return words(Sample.of([float(value) for value in values])) or ""


def roughness(curves: NDArray[np.float64]) -> float:
    """Return the mean absolute second difference of curves [epochs, n] over the epochs.

    >>> roughness(np.array([[0.0], [1.0], [2.0], [2.0]]))
    0.5
    """
    return float(np.abs(np.diff(curves, 2, axis=0)).mean())


def most_frequent_mistake(counts: NDArray[np.int64], row: int) -> int:
    """Return the class with which a class is most often confused."""
    wrong = counts[row].copy()
    wrong[row] = -1
    return int(wrong.argmax())


def line(curves: Mapping[int, Sequence[float]]) -> Line | None:
    """Return the mean over seeds of curves over the epochs, up to the shortest curve; None if there are no curves."""
    lines = [curve for curve in curves.values() if curve]
    if not lines:
        return None
    values = np.array([curve[: min(map(len, lines))] for curve in lines], dtype=float)
    return _thin(values.mean(0), values.std(0, ddof=1) if len(values) > 1 else None, len(values))


def class_lines(plain: NDArray[np.float64], weighted: NDArray[np.float64], classes: Sequence[str]) -> dict[str, Line]:
    """Return the curves, plain and weighted, of the classes with the worst, median and best final accuracy."""
    order = np.argsort(plain[-1], kind="stable")
    chosen = dict.fromkeys(int(order[place]) for place in (0, len(order) // 2, len(order) - 1)[:SHOWN_CLASSES])
    found = {}
    for column in chosen:
        found[classes[column]] = _thin(plain[:, column], None, 1)
        found[f"{classes[column]}{WEIGHTED}"] = _thin(weighted[:, column], None, 1)
    return found


def folds_p(folds: Mapping[str, Sequence[float]]) -> dict[tuple[str, str], float]:
    """Return p of Mann-Whitney's test for each pair of groups, over the folds of one training run of each."""
    from hierapp.stats import mann_whitney

    return {(one, other): mann_whitney(folds[one], folds[other]).p for one, other in combinations(folds, 2)}


def folds_verdict(found: Mapping[int, Mapping[tuple[str, str], float]], alpha: float) -> Verdict:
    """Decide whether no pair is significant, for each seed: always, never, or depending on the seed."""
    from hierapp.stats.wording import p_value

    first = min(found)
    told = ", ".join(f"{one} and {other} p = {p_value(p)}" for (one, other), p in found[first].items())
    told = told.replace("= less than", "<")
    hits = [seed for seed in found if min(found[seed].values()) < alpha]
    said = f"On ten folds of the training with seed {first}: {told}."
    if not hits:
        return Verdict("agrees", f"{said} No p is below {alpha:g} with any of {pluralize(len(found), 'seed')}.")
    if len(hits) == len(found):
        return Verdict(
            "differs", f"{said} At least one p is below {alpha:g} with each of {pluralize(len(found), 'seed')}."
        )
    return Verdict(
        "cannot tell",
        f"{said} At least one p is below {alpha:g} with {len(hits)} of {pluralize(len(found), 'seed')}: the result"
        " depends on the training run.",
    )


def _thin(mean: NDArray[np.float64], deviation: NDArray[np.float64] | None, n: int) -> Line:
    """Thin a curve to a limited number of points, including the last one, with four digits."""
    step = max(1, -(-len(mean) // MOST_POINTS))
    places = list(range(len(mean)))[::-1][::step][::-1]
    return Line(
        epochs=[place + 1.0 for place in places],
        mean=[round(float(mean[place]), 4) for place in places],
        deviation=None if deviation is None else [round(float(deviation[place]), 4) for place in places],
        n=n,
    )
