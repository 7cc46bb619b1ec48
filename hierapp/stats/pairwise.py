"""Two settings against each other."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from hierapp.errors import ConfigError
from hierapp.stats import wording
from hierapp.stats.effect_sizes import Effect, cliffs_delta, mean_difference, rank_biserial
from hierapp.stats.power import best_possible_p, seeds_needed
from hierapp.stats.rank_tests import RankTest, mann_whitney, wilcoxon
from hierapp.stats.samples import NAMES, Figures, Replicates, Sample, differences, levelled, matched


@dataclass(frozen=True)
class Comparison:
    """Two lists of figures compared; every difference is that of the first less the second.

    Attributes:
        first: name of the first.
        second: name of the second.
        replicates: what one figure of a list is: a training with its own "seed", or one of the "test folds" of a single
            training, which tell nothing of other trainings.
        paired: whether the figures are pairs; then Wilcoxon's test counts, else Mann-Whitney's.
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
        are_equal: whether all figures are the same, or of pairs both of each pair.
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

    @property
    def sentence(self) -> str:
        """What the figures say, and what they do not, in plain words."""
        return wording.of(self)

    def as_dict(self) -> dict[str, Any]:
        """All of it for JSON."""
        return asdict(self) | {
            "test": "mann_whitney" if self.wilcoxon is None else "wilcoxon",
            "p": self.p,
            "is_measurable": self.is_measurable,
            "is_significant": self.is_significant,
            "seeds_needed": self.seeds_needed,
            "sentence": self.sentence,
        }


def compare(
    a: Figures,
    b: Figures,
    paired: bool | None = None,
    *,
    names: tuple[str, str] = NAMES,
    replicates: Replicates = "seeds",
    alpha: float = 0.05,
    relevant: float | None = None,
) -> Comparison:
    """Compare two lists of figures: tests, sizes with their intervals, and a sentence.

    Args:
        a: figures, one a replicate; or for each seed its figure.
        b: likewise.
        paired: None pairs where both tell their seeds and these are the same; True demands it, by seed, or by place
            for two lists; False never does.
        names: what the two are called in the sentence.
        replicates: "seeds", trainings of their own; "test folds", parts of one test set.
        alpha: the p below which a difference counts as shown.
        relevant: the least difference of means that matters, in the unit of the figures.

    Raises:
        ConfigError: for an empty list, a figure that is not finite, pairs that are none, an alpha that is not between 0
            and 1, or a relevant difference that is not above 0.

    >>> print(compare([0.70, 0.71, 0.72], [0.66, 0.68, 0.69], names=("hxe", "simloss")).sentence)
    With 3 seeds against 3 no difference could have reached p < 0.05 (the least possible is 0.10); 4 against 4 or more \
could. Seen: the mean of hxe is higher than that of simloss by 0.0333. If the true difference were as clear as the one \
seen, about 6 seeds each would show it 4 times of 5.
    """
    if not 0 < alpha < 1:
        raise ConfigError(f"Expected alpha to be between 0 and 1 but got {alpha:g}.")
    if relevant is not None and not relevant > 0:
        raise ConfigError(f"Expected the relevant difference to be above 0 but got {relevant:g}.")
    x, y, pairs = matched(a, b, paired, names)
    rank_sum = mann_whitney(x, y)
    signed = wilcoxon(x, y) if pairs else None
    gaps = differences(x, y) if pairs else levelled(np.concatenate([x, y]))
    return Comparison(
        first=names[0],
        second=names[1],
        replicates=replicates,
        paired=pairs,
        a=Sample.of(x),
        b=Sample.of(y),
        mann_whitney=rank_sum,
        wilcoxon=signed,
        cliffs_delta=cliffs_delta(x, y, 1 - alpha),
        rank_biserial=rank_biserial(x, y) if pairs else None,
        wins=int((gaps > 0).sum()) if pairs else None,
        mean_difference=mean_difference(x, y, pairs, 1 - alpha),
        alpha=alpha,
        relevant=relevant,
        are_equal=not gaps.any() if pairs else not np.ptp(gaps),
        p_adjusted=rank_sum.p if signed is None else signed.p,
        least_p=best_possible_p(len(x), None if pairs else len(y)),
    )
