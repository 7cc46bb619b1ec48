"""Lists of values: reading, checks, pairing by seed, description."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray

from hierapp.errors import ConfigError

Floats = NDArray[np.float64]
Values = Sequence[float] | Floats | Mapping[int, float]  # a mapping is from seed to value
Replicates = Literal["seeds", "test folds"]
NAMES = ("the first", "the second")

# Values that differ by less than the rounding error are equal: 0.3 - 0.2 ties with 0.2 - 0.1.
_DIGITS = 12


@dataclass(frozen=True)
class Sample:
    """Description of a list of values; the deviation is that of the sample, None for a single value."""

    n: int
    mean: float
    median: float
    deviation: float | None

    @classmethod
    def of(cls, values: Values, name: str = "the list") -> Sample:
        """Describe a list of values.

        >>> Sample.of([1.0, 2.0, 6.0])
        Sample(n=3, mean=3.0, median=2.0, deviation=2.6457513110645907)
        """
        array = read(values, name)
        deviation = float(array.std(ddof=1)) if len(array) > 1 else None
        return cls(len(array), float(array.mean()), float(np.median(array)), deviation)


def read(values: Values, name: str = "the list") -> Floats:
    """Return the values as an array [n]; those of a mapping in the order of their seeds.

    Raises:
        ConfigError: if there are no values, or one is not a finite number.
    """
    given = [values[seed] for seed in sorted(values)] if isinstance(values, Mapping) else values
    try:
        array = np.array(given, np.float64)
    except (TypeError, ValueError):
        raise ConfigError(
            f"The values of {name} contain something that is not a number; give a list of numbers."
        ) from None
    if array.ndim != 1 or not len(array):
        raise ConfigError(
            f"Expected a list of values of {name} but got shape {list(array.shape)}; give one or more values."
        )
    if not np.isfinite(array).all():
        raise ConfigError(
            f"The values of {name} contain one that is not finite; leave out the runs without a finite value."
        )
    return array


def matched(
    a: Values, b: Values, paired: bool | None = None, names: tuple[str, str] = NAMES
) -> tuple[Floats, Floats, bool]:
    """Return both lists as arrays, and whether they are pairs.

    Args:
        a: values, or a mapping from seed to value.
        b: the same for the second list.
        paired: None pairs the values if both are mappings with the same seeds; True requires pairs, by seed, or by
            position for two lists without seeds; False never pairs.
        names: names of the lists in the error message.

    Raises:
        ConfigError: as `read`; and if pairs are required but the lists cannot be paired.
    """
    x, y = read(a, names[0]), read(b, names[1])
    by_seed = isinstance(a, Mapping), isinstance(b, Mapping)
    same = all(by_seed) and cast("Mapping[int, float]", a).keys() == cast("Mapping[int, float]", b).keys()
    if not paired:
        return x, y, paired is None and same
    if by_seed[0] != by_seed[1] or (all(by_seed) and not same):
        raise ConfigError(
            f"The seeds of {names[0]} and {names[1]} are not the same; train the missing runs, or compare unpaired."
        )
    if len(x) != len(y):
        raise ConfigError(
            f"Pairs need the same number of values on each side, but {names[0]} has {len(x)} and {names[1]} {len(y)}."
        )
    return x, y, True


def levelled(values: Floats, scale: float | None = None) -> Floats:
    """Express values in whole units of the 12th digit of the scale (default: the largest value), which creates ties.

    >>> difference = levelled(np.array([0.3, 0.2]) - np.array([0.2, 0.1]), scale=0.3)
    >>> bool(difference[0] == difference[1])
    True
    """
    most = float(np.abs(values).max()) if scale is None else scale
    if most < 1e-280:  # all are 0, or too small for 12 digits
        return values
    unit = 10.0 ** (math.floor(math.log10(most)) + 1 - _DIGITS)
    rounded: Floats = np.rint(values / unit)
    return rounded


def differences(x: Floats, y: Floats) -> Floats:
    """Return x - y in multiples of the rounding unit, so that equal differences are equal; for ranks, not display."""
    return levelled(x - y, float(max(np.abs(x).max(), np.abs(y).max())))
