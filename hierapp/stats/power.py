"""Power of the rank tests: the smallest p that a number of seeds can reach, and the number of seeds needed."""

from __future__ import annotations

import math

from hierapp.errors import ConfigError

MOST_SEEDS = 10_000


def best_possible_p(n: int, m: int | None = None) -> float:
    """Return the smallest p that a two-sided rank test can give, whatever the values.

    Args:
        n: seeds of the first group; or pairs, if there is no `m`.
        m: seeds of the second group.

    Returns:
        2 / (n + m choose n) for Mann-Whitney's test, 2 / 2^n for Wilcoxon's; at most 1. Ties increase it.

    Raises:
        ConfigError: if a number is below 1.

    >>> best_possible_p(3, 3), round(best_possible_p(4, 4), 3)
    (0.1, 0.029)
    >>> best_possible_p(5), best_possible_p(6)
    (0.0625, 0.03125)
    """
    if n < 1 or (m is not None and m < 1):
        raise ConfigError("A test needs at least one value on each side; give numbers of 1 or more.")
    return min(1.0, 2 / (2**n if m is None else math.comb(n + m, n)))


def seeds_to_reach(alpha: float = 0.05, paired: bool = False) -> int:
    """Return the smallest number of seeds per group with which a rank test can give p < alpha at all.

    Raises:
        ConfigError: if alpha is not between 0 and 1.

    >>> seeds_to_reach(), seeds_to_reach(paired=True)
    (4, 6)
    """
    _check_share(alpha, "alpha")
    n = 1
    while best_possible_p(n, None if paired else n) >= alpha:
        n += 1
    return n


def seeds_needed(effect: float, power: float = 0.8, alpha: float = 0.05, paired: bool = False) -> int | None:
    """Return the approximate number of seeds per group that shows an effect of this size.

    Source: Noether's formulas (1987) for the rank tests. Two groups need z² / (12 c (1 - c) (P - 1/2)²) values in
    total, with a share c of them in one group; pairs need z² / (3 (P - 1/2)²). Here z is the sum of the normal
    quantiles of 1 - alpha / 2 and of the power, and P = (1 + effect) / 2. The result is at least `seeds_to_reach`. For
    large effects it is slightly too high.

    Args:
        effect: Cliff's delta, or the rank-biserial correlation for pairs; its sign does not matter.
        power: the probability that the test shows the effect (default 0.8).
        alpha: the p below which a difference is significant (default 0.05).
        paired: whether the seeds are pairs; False by default.

    Returns:
        Seeds per group; None if the effect is 0 or so small that more than 10,000 are needed.

    Raises:
        ConfigError: if the effect is not from -1 to 1, or power or alpha is not between 0 and 1.

    >>> seeds_needed(0.5), seeds_needed(1.0), seeds_needed(0.6, paired=True), seeds_needed(0.0)
    (21, 6, 30, None)
    """
    _check_share(power, "power")
    _check_share(alpha, "alpha")
    if not -1 <= effect <= 1:
        raise ConfigError(f"Expected an effect from -1 to 1 but got {effect:g}.")
    from scipy import special

    z = float(special.ndtri(1 - alpha / 2) + special.ndtri(power))
    at_one = (4 if paired else 2) * z**2 / 3  # seeds for an effect of 1
    if at_one > MOST_SEEDS * effect**2:
        return None
    return max(math.ceil(at_one / effect**2), seeds_to_reach(alpha, paired))


def _check_share(value: float, name: str) -> None:
    if not 0 < value < 1:
        raise ConfigError(f"Expected {name} to be between 0 and 1 but got {value:g}.")
