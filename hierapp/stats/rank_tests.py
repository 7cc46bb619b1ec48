"""Rank tests, exact by the permutation distribution of the observed ranks, including ties.

scipy's exact tables do not support ties, and its enumeration of permutations takes a second for two groups of 10.
Counting the sums of ranks one rank at a time takes a millisecond with any ties; without ties the two agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hierapp.stats.samples import Floats, Values, differences, levelled, matched, read

# Up to this many values in total, or pairs that differ, the test is exact. All counts fit into 63 bits.
MOST_EXACT = 50

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class RankTest:
    """Result of a two-sided test.

    Attributes:
        p: the probability of a difference at least this large if there is no true difference.
        statistic: U of the first list, the number of pairs (one value of each list) where it has the higher value, with
            ties as half; for Wilcoxon's test, the sum of the ranks of the positive differences.
        method: "exact", or the normal "approximation" corrected for ties.
        ties: whether some ranks are shared.
        zeros: number of pairs without a difference, which Wilcoxon's test ignores.
    """

    p: float
    statistic: float
    method: Literal["exact", "approximation"]
    ties: bool = False
    zeros: int = 0


def mann_whitney(a: Values, b: Values) -> RankTest:
    """Compute the Mann-Whitney U test (Wilcoxon's rank sum test), two-sided.

    It is exact for up to 50 values in total: p is the share of all splits of the values into lists of these lengths
    whose rank sum is at least as extreme, as twice the smaller tail. With ties it is the exact test given these ties.

    Raises:
        ConfigError: if a list is empty or a value is not finite.

    >>> mann_whitney([3, 4, 5], [0, 1, 2])
    RankTest(p=0.1, statistic=9.0, method='exact', ties=False, zeros=0)
    """
    x, y = read(a), read(b)
    doubled = doubled_ranks(levelled(np.concatenate([x, y])))
    n, total = len(x), int(doubled[: len(x)].sum())
    statistic = total / 2 - n * (n + 1) / 2
    ties = len(np.unique(doubled)) < len(doubled)
    if len(doubled) > MOST_EXACT:
        from scipy import stats

        # The test depends only on ranks, so scipy can read the ranks.
        p = stats.mannwhitneyu(doubled[:n], doubled[n:], method="asymptotic").pvalue if np.ptp(doubled) else 1.0
        return RankTest(float(p), statistic, "approximation", ties)
    return RankTest(_two_sided(_sums_of_n(n, tuple(sorted(doubled.tolist()))), total), statistic, "exact", ties)


def wilcoxon(a: Values, b: Values) -> RankTest:
    """Compute Wilcoxon's signed-rank test of pairs, two-sided, of `a` minus `b`.

    Pairs without a difference are ignored, as in Wilcoxon's original. The test is exact for up to 50 other pairs: p is
    the share of all assignments of signs to their ranks whose sum is at least as extreme.

    Raises:
        ConfigError: if the lists are not pairs (mappings with different seeds, lists of different lengths) or are
            empty, or a value is not finite.

    >>> wilcoxon([3, 5, 8, 10], [1, 4, 4, 13])
    RankTest(p=0.625, statistic=7.0, method='exact', ties=False, zeros=0)
    """
    x, y, _ = matched(a, b, paired=True)
    changes = differences(x, y)
    moved = changes[changes != 0]
    zeros = len(changes) - len(moved)
    doubled = doubled_ranks(np.abs(moved))
    total = int(doubled[moved > 0].sum())
    ties = len(np.unique(doubled)) < len(doubled)
    if len(moved) > MOST_EXACT:
        from scipy import stats

        p = stats.wilcoxon(moved, method="asymptotic", correction=True).pvalue
        return RankTest(float(p), total / 2, "approximation", ties, zeros)
    return RankTest(_two_sided(_signed_sums(tuple(sorted(doubled.tolist()))), total), total / 2, "exact", ties, zeros)


def doubled_ranks(values: Floats) -> Counts:
    """Return twice the ranks, counted from 1: integers even where ties share the mean of their ranks.

    >>> doubled_ranks(np.array([5.0, 7.0, 5.0])).tolist()
    [3, 6, 3]
    """
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    last = count.cumsum()
    ranks: Counts = (2 * last - count + 1)[place]
    return ranks


@lru_cache(maxsize=512)
def _sums_of_n(n: int, ranks: Sequence[int]) -> Counts:
    """Return the number of ways in which n of the ranks have each sum, int64 [sum of ranks + 1]."""
    ways = np.zeros((n + 1, sum(ranks) + 1), np.int64)
    ways[0, 0] = 1
    for rank in ranks:
        ways[1:, rank:] += ways[:-1, : ways.shape[1] - rank].copy()
    chosen: Counts = ways[n]
    return chosen


@lru_cache(maxsize=512)
def _signed_sums(ranks: Sequence[int]) -> Counts:
    """Return the number of ways in which any subset of the ranks has each sum, int64 [sum of ranks + 1]."""
    ways = np.zeros(sum(ranks) + 1, np.int64)
    ways[0] = 1
    for rank in ranks:
        ways[rank:] += ways[: len(ways) - rank].copy()
    return ways


def _two_sided(ways: Counts, total: int) -> float:
    """Return twice the smaller tail, at most 1; the distribution of tied ranks need not be symmetric."""
    tail = min(int(ways[: total + 1].sum()), int(ways[total:].sum()))
    return min(1.0, 2 * tail / int(ways.sum()))
