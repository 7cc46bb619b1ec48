"""Effect sizes with intervals: Cliff's delta, rank-biserial correlation, difference of means."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from hierapp.stats.rank_tests import doubled_ranks
from hierapp.stats.samples import Floats, Values, differences, levelled, matched, read

# With fewer values per list the bootstrap has too few to estimate the spread: at n = 5 at most 61 % of its 95 %
# intervals of Cliff's delta contained the true value (docs/statistics.md).
FEWEST_BOOTSTRAP = 10
DRAWS = 2_000


@dataclass(frozen=True)
class Interval:
    """A confidence interval: the share `level` of such intervals contains the true value."""

    low: float
    high: float
    level: float
    method: Literal["newcombe", "t", "bootstrap", "agresti-min"]


@dataclass(frozen=True)
class Effect:
    """An effect size with its interval, None if the values are too few or all equal.

    `bootstrap` is a second interval with fewer assumptions, computed from 10 values per list.
    """

    value: float
    interval: Interval | None
    bootstrap: Interval | None = None


def cliffs_delta(a: Values, b: Values, level: float = 0.95) -> Effect:
    """Compute Cliff's delta: the share of pairs (one value of each list) where `a` is higher minus that where `b` is.

    The value is 1 if all of `a` are above all of `b`, 0 if neither tends to be higher, -1 in the opposite case. The
    interval is Newcombe's (2006, method 5): it is valid for few values, and its width is not 0 if the lists do not
    overlap. It assumes independent lists, which is conservative for positively correlated pairs. The bootstrap interval
    is bias-corrected and accelerated (BCa).

    Raises:
        ConfigError: if a list is empty or a value is not finite.

    >>> found = cliffs_delta([3, 4, 5], [0, 1, 2])
    >>> found.value, round(found.interval.low, 2), found.interval.high, found.bootstrap
    (1.0, 0.0, 1.0, None)
    """
    x, y = read(a), read(b)
    ranks = levelled(np.concatenate([x, y]))
    x, y = ranks[: len(x)], ranks[len(x) :]
    value = float(_delta(x, y))
    return Effect(value, _newcombe(value, len(x), len(y), level), _bootstrapped(_delta, x, y, level, paired=False))


def mean_difference(
    a: Values, b: Values, paired: bool = False, level: float = 0.95, largest: float | None = None
) -> Effect:
    """Compute the mean of `a` minus the mean of `b`, with Welch's interval, or Student's for pairs.

    Both intervals assume normally distributed noise. The interval is None if a list has a single value or the values do
    not vary, because the noise is then unknown. `largest` is the largest possible difference, such as 1 for shares:
    intervals end there.

    Raises:
        ConfigError: if a list is empty, a value is not finite, or the lists are not pairs.

    >>> found = mean_difference([2.0, 3.0, 4.0], [0.0, 1.0, 2.0])
    >>> round(found.value, 9), round(found.interval.low, 2), round(found.interval.high, 2)
    (2.0, -0.27, 4.27)
    """
    x, y, _ = matched(a, b, paired)
    value = float(x.mean() - y.mean())
    intervals = _student(x, y, paired, level), _bootstrapped(_mean_gap, x, y, level, paired)
    return Effect(value, *(_within(interval, largest) for interval in intervals))


def _within(interval: Interval | None, largest: float | None) -> Interval | None:
    """Return the part of an interval that is possible."""
    if interval is None or largest is None:
        return interval
    return replace(interval, low=max(interval.low, -largest), high=min(interval.high, largest))


def rank_biserial(a: Values, b: Values) -> float:
    """Compute the matched-pairs rank-biserial correlation: the share of signed ranks for `a` minus that for `b`.

    This is the effect size of Wilcoxon's test, from -1 to 1. Pairs without a difference are ignored; the value is 0 if
    all pairs are.

    Raises:
        ConfigError: as `wilcoxon`.

    >>> rank_biserial([3, 5, 8, 10], [1, 4, 4, 13])  # ranks 2, 1, 4 against 3
    0.4
    """
    x, y, _ = matched(a, b, paired=True)
    changes = differences(x, y)
    moved = changes[changes != 0]
    if not len(moved):
        return 0.0
    ranks = doubled_ranks(np.abs(moved))
    return float((np.sign(moved) * ranks).sum() / ranks.sum())


def _delta(x: Floats, y: Floats, axis: int = -1) -> Floats:
    """Compute delta of [..., n] and [..., m]; scipy's bootstrap passes the axis, always the last."""
    share: Floats = np.sign(x[..., :, None] - y[..., None, :]).mean(axis=(-2, -1))
    return share


def _mean_gap(x: Floats, y: Floats, axis: int = -1) -> Floats:
    gap: Floats = x.mean(axis=-1) - y.mean(axis=-1)
    return gap


def _newcombe(delta: float, n: int, m: int, level: float) -> Interval:
    """Return the interval that solves (seen - true)² = z² V(true), with Hanley and McNeil's variance of P(a > b)."""
    from scipy import optimize, special

    seen, z, more = (delta + 1) / 2, float(special.ndtri((1 + level) / 2)), (n + m) / 2 - 1

    def gap(true: float) -> float:
        spread = true * (1 - true) * (1 + more * ((1 - true) / (2 - true) + true / (1 + true))) / (n * m)
        return (seen - true) ** 2 - z * z * spread

    edge = 1e-9  # at 0 and 1 the variance is 0, so the observed value there is a meaningless root
    low = 0.0 if seen < edge else float(optimize.brentq(gap, 0.0, min(seen, 1 - edge)))
    high = 1.0 if seen > 1 - edge else float(optimize.brentq(gap, max(seen, edge), 1.0))
    return Interval(2 * low - 1, 2 * high - 1, level, "newcombe")


def _student(x: Floats, y: Floats, paired: bool, level: float) -> Interval | None:
    n, m = len(x), len(y)
    if min(n, m) < 2:
        return None
    if paired:
        change = x - y
        square, freedom = float(change.var(ddof=1)) / n, n - 1.0
        flat = not np.ptp(differences(x, y))
    else:
        one, other = float(x.var(ddof=1)) / n, float(y.var(ddof=1)) / m
        square = one + other
        flat = not (np.ptp(x) or np.ptp(y))
        freedom = 0.0 if flat else square**2 / (one**2 / (n - 1) + other**2 / (m - 1))
    if flat:
        return None
    from scipy import special

    half = float(special.stdtrit(freedom, (1 + level) / 2)) * math.sqrt(square)
    middle = float(x.mean() - y.mean())
    return Interval(middle - half, middle + half, level, "t")


def _bootstrapped(
    statistic: Callable[[Floats, Floats], Floats], x: Floats, y: Floats, level: float, paired: bool
) -> Interval | None:
    """Return the BCa interval with a fixed random seed; None if there are too few values or all draws are equal."""
    if min(len(x), len(y)) < FEWEST_BOOTSTRAP:
        return None
    from scipy import stats

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)
        found = stats.bootstrap(
            (x, y),
            statistic,
            paired=paired,
            vectorized=True,
            n_resamples=DRAWS,
            confidence_level=level,
            rng=np.random.default_rng(0),
        ).confidence_interval
    low, high = float(found.low), float(found.high)
    return Interval(low, high, level, "bootstrap") if math.isfinite(low) and math.isfinite(high) else None
