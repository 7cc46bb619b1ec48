"""Comparison of many groups with each other or with a baseline, with Holm's correction for multiple tests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np

from hierapp.errors import ConfigError, some
from hierapp.stats.pairwise import Comparison, compare
from hierapp.stats.samples import Replicates, Sample, Values


@dataclass(frozen=True)
class Family:
    """Comparisons made together.

    Attributes:
        samples: each group's values, described.
        comparisons: all pairs in the order of the groups, or each group against the baseline.
        baseline: the group that all others are compared with; None if all are compared with each other.
    """

    samples: dict[str, Sample]
    comparisons: tuple[Comparison, ...]
    baseline: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return all values, for JSON."""
        return {
            "samples": {name: asdict(sample) for name, sample in self.samples.items()},
            "comparisons": [comparison.as_dict() for comparison in self.comparisons],
            "baseline": self.baseline,
        }


def holm(p_values: Iterable[float]) -> list[float]:
    """Adjust p values by Holm's step-down correction (1979), in the given order.

    If you reject where the adjusted p is below alpha, the probability of one or more wrong rejections is at most alpha,
    however the tests depend on each other. The smallest p is multiplied by the number of tests, the next by one less,
    and so on; no adjusted p is smaller than the one before it.

    Raises:
        ConfigError: if a p is not from 0 to 1.

    >>> holm([0.01, 0.04, 0.03, 0.005])
    [0.03, 0.06, 0.06, 0.02]
    """
    p = np.array(list(p_values), np.float64)
    if p.ndim != 1 or not ((p >= 0) & (p <= 1)).all():
        raise ConfigError("Expected p values from 0 to 1; give a list of them.")
    order = p.argsort(kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1.0)
    return [float(value) for value in adjusted]


def compare_all(
    groups: Mapping[str, Values],
    baseline: str | None = None,
    paired: bool | None = None,
    *,
    replicates: Replicates = "seeds",
    alpha: float = 0.05,
    relevant: float | None = None,
    largest: float | None = None,
) -> Family:
    """Compare all groups with each other, or with a baseline, corrected for the number of comparisons.

    Args:
        groups: for each group its values, or a mapping from seed to value.
        baseline: a group; the others are compared only with it. Fewer comparisons give each one more power.
        paired: see `compare`; None decides for each two groups by their seeds.
        replicates: see `compare`.
        alpha: see `compare`.
        relevant: see `compare`.
        largest: see `compare`.

    Raises:
        ConfigError: as `compare`; and if there are fewer than two groups, or the baseline is not one of them.

    >>> values = {"plain": {0: 0.66, 1: 0.67, 2: 0.65}, "hxe": {0: 0.68, 1: 0.69, 2: 0.67}, "soft": {0: 0.66}}
    >>> [(each.first, each.second, each.paired, round(each.p_adjusted, 2)) for each in compare_all(values).comparisons]
    [('plain', 'hxe', True, 0.75), ('plain', 'soft', False, 1.0), ('hxe', 'soft', False, 1.0)]
    >>> [(each.first, each.second) for each in compare_all(values, baseline="plain").comparisons]
    [('hxe', 'plain'), ('soft', 'plain')]
    """
    if len(groups) < 2:
        raise ConfigError(f"A comparison needs two groups but got {len(groups)}; add runs of another group.")
    if baseline is not None and baseline not in groups:
        raise ConfigError(f"The baseline {baseline!r} is not one of the groups; choose one of {some(list(groups))}.")
    asked = combinations(groups, 2) if baseline is None else ((name, baseline) for name in groups if name != baseline)
    alone = [
        compare(
            groups[first],
            groups[second],
            paired,
            names=(first, second),
            replicates=replicates,
            alpha=alpha,
            relevant=relevant,
            largest=largest,
        )
        for first, second in asked
    ]
    # Holm's correction is monotonic in every p: applied to the smallest possible ones it returns the smallest possible.
    corrected = zip(alone, holm(each.p for each in alone), holm(each.least_p for each in alone), strict=True)
    return Family(
        {name: Sample.of(values, name) for name, values in groups.items()},
        tuple(replace(each, p_adjusted=p, least_p=least, comparisons=len(alone)) for each, p, least in corrected),
        baseline,
    )
