"""Equivalence of paired values: two one-sided t tests against a margin (Schuirmann 1987)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from hierapp.errors import ConfigError
from hierapp.stats.effect_sizes import Interval
from hierapp.stats.samples import Values, differences, matched


@dataclass(frozen=True)
class Equivalence:
    """Result of two one-sided tests.

    Attributes:
        margin: the differences from -margin to margin count as none.
        p: the larger p of the two tests; below alpha the means are equivalent.
        interval: the interval of level 1 - 2 alpha for the mean difference, which lies within the margin exactly if
            p < alpha; None for differences that do not vary.
    """

    margin: float
    p: float
    interval: Interval | None


def equivalence(a: Values, b: Values, margin: float, alpha: float = 0.05) -> Equivalence:
    """Test whether the mean of pairs `a` minus `b` lies within a margin, by two one-sided t tests.

    The null hypotheses are that the true mean difference is at most -margin, and that it is at least margin; both must
    be rejected. The tests assume normal noise of the differences.

    Args:
        a: values, one per replicate; or a mapping from seed to value.
        b: the same for the second list.
        margin: the largest difference that does not matter, fixed before the values are seen.
        alpha: determines the level of the interval (default 0.05, thus 90 %).

    Raises:
        ConfigError: if the lists are not pairs, there are fewer than two, a value is not finite, or the margin is not
            above 0.

    >>> found = equivalence([0.501, 0.499, 0.502, 0.498], [0.5, 0.5, 0.5, 0.5], margin=0.01)
    >>> found.p < 0.05, round(found.interval.low, 4), round(found.interval.high, 4)
    (True, -0.0021, 0.0021)
    """
    if not margin > 0:
        raise ConfigError(f"Expected the margin of equivalence to be above 0 but got {margin:g}.")
    x, y, _ = matched(a, b, paired=True)
    n = len(x)
    if n < 2:
        raise ConfigError("Equivalence needs two pairs or more; train another seed of both groups.")
    change = x - y
    mean = float(change.mean())
    if not np.ptp(differences(x, y)):
        return Equivalence(margin, 0.0 if abs(mean) < margin else 1.0, None)
    from scipy import special

    error = float(change.std(ddof=1)) / math.sqrt(n)
    p = float(special.stdtr(n - 1, (abs(mean) - margin) / error))
    half = float(special.stdtrit(n - 1, 1 - alpha)) * error
    return Equivalence(margin, p, Interval(mean - half, mean + half, 1 - 2 * alpha, "t"))
