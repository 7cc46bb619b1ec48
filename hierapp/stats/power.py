"""What so many seeds can show at best, and how many it takes."""

from __future__ import annotations

import math

from hierapp.errors import ConfigError

MOST_SEEDS = 10_000


def best_possible_p(n: int, m: int | None = None) -> float:
    """The least p that a two-sided rank test can give, whatever the values.

    Args:
        n: seeds of the one group; or pairs, if there is no `m`.
        m: seeds of the other group.

    Returns:
        2 / (n + m choose n) of Mann-Whitney's test, 2 / 2^n of Wilcoxon's; 1 at most. With ties it is more.

    Raises:
        ConfigError: for a number below 1.

    >>> best_possible_p(3, 3), round(best_possible_p(4, 4), 3)
    (0.1, 0.029)
    >>> best_possible_p(5), best_possible_p(6)
    (0.0625, 0.03125)
    """
    if n < 1 or (m is not None and m < 1):
        raise ConfigError("A test needs at least one value on either side; give numbers from 1.")
    return min(1.0, 2 / (2**n if m is None else math.comb(n + m, n)))


def seeds_to_reach(alpha: float = 0.05, paired: bool = False) -> int:
    """The fewest seeds of each of two groups with which a rank test could give p < alpha at all.

    Raises:
        ConfigError: for an alpha that is not between 0 and 1.

    >>> seeds_to_reach(), seeds_to_reach(paired=True)
    (4, 6)
    """
    _check_share(alpha, "alpha")
    n = 1
    while best_possible_p(n, None if paired else n) >= alpha:
        n += 1
    return n


def seeds_needed(effect: float, power: float = 0.8, alpha: float = 0.05, paired: bool = False) -> int | None:
    """About how many seeds of each of two groups it takes to show an effect, if it is truly of this size.

    Noether's formula (1987) of the rank tests: z² / (12 c (1 - c) (P - 1/2)²) values in all, a share c of them of the
    one group, and of pairs z² / (3 (P - 1/2)²), with z the sum of the normal quantiles of 1 - alpha / 2 and of the
    power, and P = (1 + effect) / 2. Never fewer than `seeds_to_reach`. For large effects it asks for somewhat too many.

    Args:
        effect: Cliff's delta, or of pairs the rank-biserial correlation; its sign does not matter.
        power: how often the test is to show it.
        alpha: the p below which it counts as shown.
        paired: whether the seeds are pairs.

    Returns:
        Seeds of each group; None if it is none or so small that it takes more than 10,000.

    Raises:
        ConfigError: for an effect outside -1 to 1, or another share that is not between 0 and 1.

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
