"""Comparison of two groups."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from hierapp.errors import ConfigError
from hierapp.stats import wording
from hierapp.stats.difference import Difference
from hierapp.stats.effect_sizes import cliffs_delta, mean_difference, rank_biserial
from hierapp.stats.power import best_possible_p
from hierapp.stats.rank_tests import mann_whitney, wilcoxon
from hierapp.stats.samples import NAMES, Replicates, Sample, Values, differences, levelled, matched


@dataclass(frozen=True)
class Comparison(Difference):
    """A comparison of two lists of values, with its meaning in words."""

    @property
    def sentence(self) -> str:
        """What the values show, and what they do not, in plain words."""
        return wording.of(self)

    def as_dict(self) -> dict[str, Any]:
        """Return all values, for JSON."""
        return asdict(self) | {
            "test": "mann_whitney" if self.wilcoxon is None else "wilcoxon",
            "p": self.p,
            "is_measurable": self.is_measurable,
            "is_significant": self.is_significant,
            "seeds_needed": self.seeds_needed,
            "sentence": self.sentence,
        }


def compare(
    a: Values,
    b: Values,
    paired: bool | None = None,
    *,
    names: tuple[str, str] = NAMES,
    replicates: Replicates = "seeds",
    alpha: float = 0.05,
    relevant: float | None = None,
    largest: float | None = None,
) -> Comparison:
    """Compare two lists of values: tests, effect sizes with intervals, and a sentence.

    Args:
        a: values, one per replicate; or a mapping from seed to value.
        b: the same for the second list.
        paired: None (default) pairs the values if both are mappings with the same seeds; True requires pairs, by seed,
            or by position for two lists; False never pairs.
        names: names of the two in the sentence; "the first" and "the second" by default.
        replicates: "seeds" (default), independent trainings; "test folds", parts of one test set.
        alpha: the p below which a difference is significant (default 0.05).
        relevant: the smallest difference of means that matters, in the unit of the values; None (default) for none.
        largest: the largest possible difference, such as 1 for shares, at which intervals end; None (default) for none.

    Raises:
        ConfigError: if a list is empty, a value is not finite, the lists cannot be paired, alpha is not between 0 and
            1, or the relevant difference is not above 0.

    >>> print(compare([0.70, 0.71, 0.72], [0.66, 0.68, 0.69], names=("hxe", "simloss")).sentence)
    With 3 seeds against 3, no difference could have reached p < 0.05 (the smallest possible p is 0.10); 4 against 4 \
or more could. Seen: the mean of hxe is higher than that of simloss by 0.0333. If the true effect is as large as the \
observed one, about 6 seeds each would give a power of 80 %.
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
        mean_difference=mean_difference(x, y, pairs, 1 - alpha, largest),
        alpha=alpha,
        relevant=relevant,
        are_equal=not gaps.any() if pairs else not np.ptp(gaps),
        p_adjusted=rank_sum.p if signed is None else signed.p,
        least_p=best_possible_p(len(x), None if pairs else len(y)),
    )
