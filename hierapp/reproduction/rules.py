"""The rules that decide whether a figure's runs agree with the paper, differ from it, or are inconclusive.

All rules are pure functions. Differences are paired by seed, with Student's 95 % interval. All thresholds are defined
here and were chosen before anything was run; docs/reproduce.md gives the reasons.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np

from hierapp.stats import mean_difference
from hierapp.utils.text import pluralize

Kind = Literal["agrees", "differs", "cannot tell"]
Seeds = Mapping[int, float]
WORST_FIRST: tuple[Kind, ...] = ("differs", "cannot tell")

SAME = 0.02  # accuracies that differ by less count as the same
NOT_LESS = 0.005  # a difference that is certainly smaller than this counts as none
SLIGHT = 0.05  # "slightly" means at most this
AS_GOOD = 0.01  # "the best" may be this much below another
FASTER = 2.0  # "much faster" means this many times fewer epochs
LEVEL = 0.8  # the share of the best accuracy up to which epochs are counted
AS_ROUGH = 0.05  # roughnesses within this share of each other are the same
WIDEST = 0.5  # an interval of counts wider than this share of the claimed count is inconclusive
TIMES = 3.0  # a speed-up within this factor of the paper's agrees with it


@dataclass(frozen=True)
class Verdict:
    """A verdict and one sentence that gives the reason, with numbers."""

    kind: Kind
    sentence: str


@dataclass(frozen=True)
class Gap:
    """A difference of means with its interval and the number of seeds; the interval is infinite for a single seed."""

    value: float
    low: float
    high: float
    n: int


def gap(a: Seeds, b: Seeds) -> Gap:
    """Return the mean of `a` minus the mean of `b` over the seeds that both have.

    If they have no seeds in common, all seeds of each are used, unpaired.

    >>> found = gap({0: 0.7, 1: 0.72, 2: 0.71}, {0: 0.69, 1: 0.70, 2: 0.70, 3: 0.1})
    >>> round(found.value, 4), found.n, found.low < found.value < found.high
    (0.0133, 3, True)
    """
    both = sorted(a.keys() & b.keys())
    x, y = ([each[seed] for seed in both or sorted(each)] for each in (a, b))
    found, n = mean_difference(x, y, paired=bool(both)), min(len(x), len(y))
    if found.interval is not None:
        return Gap(found.value, found.interval.low, found.interval.high, n)
    if n > 1:  # all differences are the same
        return Gap(found.value, found.value, found.value, n)
    return Gap(found.value, -math.inf, math.inf, n)


def points(value: float) -> str:
    """Format a difference of accuracies in percentage points.

    >>> points(-0.0123)
    '−1.2'
    """
    return f"{100 * value:+.1f}".replace("-", "−")


def in_words(found: Gap, names: tuple[str, str]) -> str:
    """Describe a difference of accuracies as the beginning of a sentence."""
    start = f"{names[0]} minus {names[1]} is {points(found.value)} points"
    if found.n < 2:
        return f"{start} with one seed, which does not show the size of the noise"
    return f"{start} over {pluralize(found.n, 'seed')} (95 % interval {points(found.low)} to {points(found.high)})"


def same_accuracy(a: Seeds, b: Seeds, names: tuple[str, str], margin: float = SAME) -> Verdict:
    """Decide whether two groups have the same accuracy.

    It agrees if the interval of the difference lies within the margin, and differs if the difference is as large as the
    margin and its interval excludes 0.
    """
    found = gap(a, b)
    said = in_words(found, names)
    if -margin < found.low and found.high < margin:
        return Verdict("agrees", f"{said}: within ±{100 * margin:g} points.")
    if abs(found.value) >= margin and (found.low > 0 or found.high < 0):
        return Verdict("differs", f"{said}: {100 * margin:g} points or more apart.")
    few = "" if found.n < 2 else f": neither the same within ±{100 * margin:g} points nor different by the interval"
    return Verdict("cannot tell", f"{said}{few}.")


def all_same_accuracy(groups: Mapping[str, Seeds], baseline: str | None = None, margin: float = SAME) -> Verdict:
    """Decide whether all groups have the same accuracy: each against the baseline or, without one, every pair."""
    pairs: Iterable[tuple[str, str]] = combinations(groups, 2)
    if baseline is not None:
        pairs = [(name, baseline) for name in groups if name != baseline]
    found = {(one, other): same_accuracy(groups[one], groups[other], (one, other), margin) for one, other in pairs}
    if len(found) > 1 and all(verdict.kind == "agrees" for verdict in found.values()):
        widest = max(found, key=lambda pair: abs(gap(groups[pair[0]], groups[pair[1]]).value))
        return Verdict("agrees", f"The largest of {len(found)} differences: {found[widest].sentence}")
    return together(list(found.values()))


def together(verdicts: Sequence[Verdict]) -> Verdict:
    """Combine verdicts that must all hold: return the worst one, with the sentences that decide it."""
    for kind in WORST_FIRST:
        deciding = [each.sentence for each in verdicts if each.kind == kind]
        if deciding:
            rest = len(verdicts) - len(deciding)
            more = f" Not decisive: {pluralize(rest, 'other comparison')}." if rest else ""
            return Verdict(kind, " ".join(deciding) + more)
    return Verdict("agrees", " ".join(each.sentence for each in verdicts))


def below(lower: Seeds, upper: Seeds, names: tuple[str, str], most: float | None = None) -> Verdict:
    """Decide whether one group has a lower accuracy than another, by at most `most` if that is given.

    It agrees if the interval of the difference lies on the right side of 0. It differs if the difference is certainly
    less than half a point (which includes the opposite sign) or certainly more than `most`.
    """
    found = gap(upper, lower)
    said = in_words(found, (names[1], names[0]))
    if found.high < NOT_LESS and not found.low > 0:
        return Verdict("differs", f"{said}: not lower with {names[0]} by half a point or more.")
    if most is not None and found.low > most:
        return Verdict("differs", f"{said}: more than the {100 * most:g} points that count as slight.")
    if found.low > 0 and (most is None or found.value <= most):
        return Verdict("agrees", f"{said}: lower with {names[0]}.")
    few = "" if found.n < 2 else ": the interval includes both a difference and none"
    return Verdict("cannot tell", f"{said}{few}.")


def best(chosen: str, groups: Mapping[str, Seeds]) -> Verdict:
    """Decide whether no other group is better than the chosen one by a point or more.

    It agrees if that is excluded for all groups, and differs if it is shown for one.
    """
    found = []
    for name in groups:
        if name == chosen:
            continue
        between = gap(groups[chosen], groups[name])
        said = in_words(between, (chosen, name))
        if between.low > -AS_GOOD:
            found.append(Verdict("agrees", f"{said}."))
        elif between.high < 0 and between.value <= -AS_GOOD:
            found.append(Verdict("differs", f"{said}: {name} is better."))
        else:
            found.append(Verdict("cannot tell", f"{said}: this does not exclude that {name} is better."))
    return together(found)


def epochs_to(curve: Sequence[float], level: float, start: float) -> float | None:
    """Return the number of epochs after which a curve reaches a level; None if it never does.

    The curve is interpolated linearly, with `start` as the value before the first epoch.

    >>> epochs_to([0.4, 0.6], 0.5, start=0.1)
    1.5
    """
    before = start
    for epoch, value in enumerate(curve):
        if value >= level:
            return epoch + ((level - before) / (value - before) if value > before else 0.0)
        before = value
    return None


def faster(
    quick: Mapping[int, Sequence[float]], slow: Mapping[int, Sequence[float]], names: tuple[str, str], chance: float
) -> Verdict:
    """Decide whether one group needs at most half the epochs of another to reach 0.8 of the first group's best
    accuracy.

    It agrees if that holds for every seed, and differs if it holds for none and the other group always reaches the
    level. At least two seeds are needed.
    """
    needed, ratios, never = [], [], 0
    for seed in sorted(quick.keys() & slow.keys()):
        level = LEVEL * max(quick[seed])
        first, second = epochs_to(quick[seed], level, chance), epochs_to(slow[seed], level, chance)
        assert first is not None
        never += second is None
        needed.append(first)
        # A curve that never reaches the level needs more than all its epochs.
        ratios.append((len(slow[seed]) if second is None else second) / max(first, 1e-9))
    n = len(ratios)
    said = (
        f"{names[0]} reaches {LEVEL:g} of its best validation accuracy after {np.mean(needed):.2g} epochs on average"
        f" over {pluralize(n, 'seed')}, {names[1]} after {'more than ' if never else ''}{np.mean(ratios):.2g} times as"
        " many"
    )
    if n < 2:
        return Verdict("cannot tell", f"{said}; one seed is not enough.")
    if min(ratios) >= FASTER:
        return Verdict("agrees", f"{said}: {FASTER:g} times or more with every seed.")
    if max(ratios) < FASTER and not never:
        return Verdict("differs", f"{said}: less than {FASTER:g} times with every seed.")
    return Verdict("cannot tell", f"{said}: not {FASTER:g} times with every seed, or not trained long enough.")


def smoother(ratios: Seeds, what: str) -> Verdict:
    """Decide whether the ratio of two roughnesses is below 1.

    It agrees if its interval lies below 1 and its mean below 0.95, and differs if the interval lies above 1 or within 5
    % of it.
    """
    found = gap(ratios, dict.fromkeys(ratios, 1.0))
    value, low, high = (1 + each for each in (found.value, found.low, found.high))
    said = f"{what} are {value:.2f} times as rough over {pluralize(found.n, 'seed')}"
    if found.n < 2:
        return Verdict("cannot tell", f"{said}, which does not show the size of the noise.")
    said += f" (95 % interval {low:.2f} to {high:.2f})"
    if high < 1 and value < 1 - AS_ROUGH:
        return Verdict("agrees", f"{said}: smoother.")
    if low > 1 or (low > 1 - AS_ROUGH and high < 1 + AS_ROUGH):
        return Verdict("differs", f"{said}: not smoother.")
    return Verdict("cannot tell", f"{said}: the interval includes both.")


def expected(counts: Seeds, claimed: float, what: str) -> Verdict:
    """Decide whether a claimed count is plausible for one more seed, that is, within the 95 % prediction interval.

    An interval that extends further than half of the claimed count is inconclusive, unless the claim is outside it.
    """
    values = np.array([counts[seed] for seed in sorted(counts)], dtype=float)
    n, mean = len(values), float(values.mean())
    if n < 2:
        return Verdict(
            "cannot tell", f"{mean:.0f} {what} with one seed, which cannot confirm or exclude the paper's {claimed:g}."
        )
    from scipy import special

    half = float(special.stdtrit(n - 1, 0.975)) * float(values.std(ddof=1)) * math.sqrt(1 + 1 / n)
    said = f"{mean:.0f} {what} on average over {pluralize(n, 'seed')}"
    said += f"; 95 % prediction interval for another seed: {max(0.0, mean - half):.0f} to {mean + half:.0f}"
    if abs(claimed - mean) > half:
        return Verdict("differs", f"{said}, which excludes {claimed:g}.")
    if half > WIDEST * claimed:
        return Verdict("cannot tell", f"{said}, which is too wide to decide about {claimed:g}.")
    return Verdict("agrees", f"{said}, which includes {claimed:g}.")


def speed_up(ratios: Sequence[float], claimed: float) -> Verdict:
    """Decide whether measured ratios are within a factor of 3 of the claimed one: all, none, or some of them."""
    low, high = claimed / TIMES, claimed * TIMES
    within = [low <= ratio <= high for ratio in ratios]
    said = (
        f"The tensor version is {np.median(ratios):,.0f} times as fast as the loop (median of {len(ratios)} rounds,"
        f" {min(ratios):,.0f} to {max(ratios):,.0f})"
    )
    if all(within):
        return Verdict("agrees", f"{said}: within a factor of {TIMES:g} of {claimed:g}.")
    if not any(within):
        return Verdict("differs", f"{said}: not within a factor of {TIMES:g} of {claimed:g}.")
    return Verdict("cannot tell", f"{said}: some rounds are within a factor of {TIMES:g} of {claimed:g}, some are not.")
