"""Numeric result of comparing two lists of values."""

from __future__ import annotations

from dataclasses import dataclass

from hierapp.stats.effect_sizes import Effect
from hierapp.stats.power import seeds_needed
from hierapp.stats.rank_tests import RankTest
from hierapp.stats.samples import Replicates, Sample


@dataclass(frozen=True)
class Difference:
    """Numeric comparison of two lists of values; every difference is that of the first minus the second.

    Attributes:
        first: name of the first.
        second: name of the second.
        replicates: what a value stands for: "seeds", one training each, or "test folds" of a single training, which say
            nothing about other trainings.
        paired: whether the values are pairs; if so Wilcoxon's test is used, else Mann-Whitney's.
        a: the first list, described.
        b: the second list, described.
        mann_whitney: the test of the two lists, whether paired or not.
        wilcoxon: the test of the pairs; None without pairs.
        cliffs_delta: effect size, from -1 to 1.
        rank_biserial: effect size of the pairs; None without pairs.
        wins: number of pairs in which the first is higher; None without pairs.
        mean_difference: mean of the first minus that of the second.
        alpha: the p below which a difference is significant; intervals contain the true value with probability
            1 - alpha.
        relevant: the smallest difference of means that matters to the user; None if not given.
        are_equal: whether all values are equal, or, for pairs, both values of each pair.
        p_adjusted: p after Holm's correction over all comparisons made together; p itself for a single comparison.
        least_p: the smallest p_adjusted possible with this number of seeds.
        comparisons: number of comparisons made together.
    """

    first: str
    second: str
    replicates: Replicates
    paired: bool
    a: Sample
    b: Sample
    mann_whitney: RankTest
    wilcoxon: RankTest | None
    cliffs_delta: Effect
    rank_biserial: float | None
    wins: int | None
    mean_difference: Effect
    alpha: float
    relevant: float | None
    are_equal: bool
    p_adjusted: float
    least_p: float
    comparisons: int = 1

    @property
    def test(self) -> RankTest:
        """The test used: Wilcoxon's for pairs, else Mann-Whitney's."""
        return self.mann_whitney if self.wilcoxon is None else self.wilcoxon

    @property
    def p(self) -> float:
        """Uncorrected p of the test used."""
        return self.test.p

    @property
    def effect(self) -> float:
        """Effect size that belongs to the test used, from -1 to 1: above 0 if the first tends to be higher."""
        return self.cliffs_delta.value if self.rank_biserial is None else self.rank_biserial

    @property
    def is_measurable(self) -> bool:
        """Whether this number of seeds could have shown any difference."""
        return self.least_p < self.alpha

    @property
    def is_significant(self) -> bool:
        """Whether the difference is significant: p_adjusted < alpha."""
        return self.p_adjusted < self.alpha

    @property
    def seeds_needed(self) -> int | None:
        """Approximate number of seeds per group to show an effect of the observed size with a power of 80 % in the same
        number of comparisons; None if there is no effect, more than 10,000 are needed, or the replicates are not seeds.
        """
        if self.replicates != "seeds":
            return None
        return seeds_needed(self.effect, alpha=self.alpha / self.comparisons, paired=self.paired)
