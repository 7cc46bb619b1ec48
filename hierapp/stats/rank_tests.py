"""Rank tests, exact by the permutation distribution of the ranks as they are, ties included.

scipy's exact tables know no ties, and its enumeration of permutations takes a second for 10 against 10. Counting
sums of ranks one rank at a time takes a millisecond for any ties; where there are none the two agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hierapp.stats.samples import Floats, Values, differences, levelled, matched, read

# Up to so many values together, or pairs that differ, the test is exact. All counts fit into 63 bits.
MOST_EXACT = 50

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class RankTest:
    """A two-sided test.

    Attributes:
        p: how likely a difference at least this clear is where there is none.
        statistic: U of the first list: in how many pairs of one value of each it has the higher one, ties half; for
            Wilcoxon's test the sum of the ranks of the differences above 0.
        method: "exact", or the normal "approximation" with ties counted.
        ties: whether some ranks are shared.
        zeros: pairs without a difference, which Wilcoxon's test leaves out.
    """

    p: float
    statistic: float
    method: Literal["exact", "approximation"]
    ties: bool = False
    zeros: int = 0


def mann_whitney(a: Values, b: Values) -> RankTest:
    """The Mann-Whitney U test (Wilcoxon's rank sum test), two-sided.

    Exact for up to 50 values together: of all ways to split the values into lists of these lengths, the share with
    a rank sum at least as far out, the smaller tail twice. With ties that is the exact test given these ties.

    Raises:
        ConfigError: for an empty list or a value that is not finite.

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

        # The test is of ranks, so that it may as well read them.
        p = stats.mannwhitneyu(doubled[:n], doubled[n:], method="asymptotic").pvalue if np.ptp(doubled) else 1.0
        return RankTest(float(p), statistic, "approximation", ties)
    return RankTest(_two_sided(_sums_of_n(n, tuple(sorted(doubled.tolist()))), total), statistic, "exact", ties)


def wilcoxon(a: Values, b: Values) -> RankTest:
    """Wilcoxon's signed-rank test of pairs, two-sided, `a` less `b`.

    Pairs without a difference are left out, as Wilcoxon did. Exact for up to 50 others: of all ways to give their
    ranks a sign, the share with a sum at least as far out.

    Raises:
        ConfigError: for lists that are not pairs (mappings with other seeds, lists of other lengths), empty ones, or a
            value that is not finite.

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
    """Twice the ranks from 1, whole numbers also where ties share the mean of theirs.

    >>> doubled_ranks(np.array([5.0, 7.0, 5.0])).tolist()
    [3, 6, 3]
    """
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    last = count.cumsum()
    ranks: Counts = (2 * last - count + 1)[place]
    return ranks


@lru_cache(maxsize=512)
def _sums_of_n(n: int, ranks: Sequence[int]) -> Counts:
    """In how many ways n of the ranks have each sum, int64 [sum of ranks + 1]."""
    ways = np.zeros((n + 1, sum(ranks) + 1), np.int64)
    ways[0, 0] = 1
    for rank in ranks:
        ways[1:, rank:] += ways[:-1, : ways.shape[1] - rank].copy()
    chosen: Counts = ways[n]
    return chosen


@lru_cache(maxsize=512)
def _signed_sums(ranks: Sequence[int]) -> Counts:
    """In how many ways some of the ranks, any number of them, have each sum, int64 [sum of ranks + 1]."""
    ways = np.zeros(sum(ranks) + 1, np.int64)
    ways[0] = 1
    for rank in ranks:
        ways[rank:] += ways[: len(ways) - rank].copy()
    return ways


def _two_sided(ways: Counts, total: int) -> float:
    """The smaller tail twice, 1 at most; the distribution of tied ranks need not be symmetric."""
    tail = min(int(ways[: total + 1].sum()), int(ways[total:].sum()))
    return min(1.0, 2 * tail / int(ways.sum()))
