"""The numbers of a comparison of two lists of values."""

from __future__ import annotations

from dataclasses import dataclass

from hierapp.stats.effect_sizes import Effect
from hierapp.stats.power import seeds_needed
from hierapp.stats.rank_tests import RankTest
from hierapp.stats.samples import Replicates, Sample


@dataclass(frozen=True)
class Difference:
    """Two lists of values compared, in numbers; every difference is that of the first less the second.

    Attributes:
        first: name of the first.
        second: name of the second.
        replicates: what one value of a list is: a training with its own "seed", or one of the "test folds" of a single
            training, which tell nothing of other trainings.
        paired: whether the values are pairs; then Wilcoxon's test counts, else Mann-Whitney's.
        a: the first list, described.
        b: the second list, described.
        mann_whitney: the test of the two lists, pairs or not.
        wilcoxon: the test of the pairs; None without pairs.
        cliffs_delta: size of the difference, from -1 to 1.
        rank_biserial: that of the pairs; None without pairs.
        wins: in how many pairs the first is higher; None without pairs.
        mean_difference: mean of the first less that of the second.
        alpha: the p below which a difference counts as shown; the intervals hold the truth with 1 - alpha.
        relevant: the least difference of means that matters to whoever asks; None if they did not say.
        are_equal: whether all values are the same, or of pairs both of each pair.
        p_adjusted: p after Holm's correction over all comparisons asked at once; p itself of one alone.
        least_p: the least that p_adjusted could have been with so many seeds.
        comparisons: how many were asked at once.
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
        """The test that counts: Wilcoxon's of pairs, else Mann-Whitney's."""
        return self.mann_whitney if self.wilcoxon is None else self.wilcoxon

    @property
    def p(self) -> float:
        """p of the test that counts, without correction."""
        return self.test.p

    @property
    def effect(self) -> float:
        """The size that belongs to the test that counts, from -1 to 1: above 0 where the first tends to be higher."""
        return self.cliffs_delta.value if self.rank_biserial is None else self.rank_biserial

    @property
    def is_measurable(self) -> bool:
        """Whether so many seeds could have shown any difference."""
        return self.least_p < self.alpha

    @property
    def is_significant(self) -> bool:
        """Whether a difference was shown: p_adjusted < alpha."""
        return self.p_adjusted < self.alpha

    @property
    def seeds_needed(self) -> int | None:
        """About how many seeds of each would show an effect of the size seen, four times of five, in as many
        comparisons; None if there is none to show, or more than 10,000, or if the replicates are no seeds.
        """
        if self.replicates != "seeds":
            return None
        return seeds_needed(self.effect, alpha=self.alpha / self.comparisons, paired=self.paired)
