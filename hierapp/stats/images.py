"""Comparison of two single trainings on the same test images, and the folds of one test set."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hierapp.errors import ConfigError
from hierapp.stats.effect_sizes import Interval
from hierapp.stats.samples import NAMES
from hierapp.stats.wording import p_value


@dataclass(frozen=True)
class McNemar:
    """McNemar's test of two trainings on the same images.

    Attributes:
        first: name of the first.
        second: name of the second.
        images: number of images.
        both: number of images that both classify correctly.
        only_first: number of images that only the first classifies correctly.
        only_second: number of images that only the second classifies correctly.
        p: p of the exact two-sided test; images that both classify correctly or both incorrectly do not affect it.
        difference: accuracy of the first minus that of the second.
        interval: interval of the difference, by Agresti and Min (2005).
        alpha: the p below which a difference is significant.
    """

    first: str
    second: str
    images: int
    both: int
    only_first: int
    only_second: int
    p: float
    difference: float
    interval: Interval
    alpha: float

    @property
    def neither(self) -> int:
        """Number of images that both classify incorrectly."""
        return self.images - self.both - self.only_first - self.only_second

    @property
    def is_significant(self) -> bool:
        """Whether the difference between these two trainings is significant."""
        return self.p < self.alpha

    @property
    def sentence(self) -> str:
        """What the test shows about the two trainings, and what it does not."""
        p = p_value(self.p, self.alpha)
        counts = (
            f"Of {self.images:,} images, {self.only_first:,} are classified correctly by {self.first} only and"
            f" {self.only_second:,} by {self.second} only (p {'' if p.startswith('less') else '= '}{p}; McNemar,"
            " exact):"
        )
        if self.is_significant:
            higher = self.first if self.difference > 0 else self.second
            what = f"on images like these, {higher} is correct more often."
        else:
            what = "that does not show which of the two is correct more often."
        return (
            f"{counts} {what} This holds for these two training runs; only more seeds can show whether it holds for"
            " their configurations."
        )

    def as_dict(self) -> dict[str, Any]:
        """Return all values, for JSON."""
        said = {"neither": self.neither, "is_significant": self.is_significant, "sentence": self.sentence}
        return asdict(self) | said


def mcnemar(
    first_right: ArrayLike, second_right: ArrayLike, names: tuple[str, str] = NAMES, alpha: float = 0.05
) -> McNemar:
    """Compute McNemar's test of two trainings on the same test images, exact by the binomial distribution.

    Args:
        first_right: bool [K], whether the first is correct on each image.
        second_right: bool [K], the same for the second, with the images in the same order.
        names: names of the two in the sentence; "the first" and "the second" by default.
        alpha: the p below which a difference is significant (default 0.05).

    Raises:
        ConfigError: if the lists differ in length, are empty, or contain values other than true and false.

    >>> found = mcnemar([True] * 9 + [False], [True] * 3 + [False] * 7)
    >>> found.only_first, found.only_second, found.p, found.difference
    (6, 0, 0.03125, 0.6)
    """
    one, other = _flags(first_right, names[0]), _flags(second_right, names[1])
    if len(one) != len(other):
        raise ConfigError(
            f"McNemar's test needs the same images for both, but {names[0]} has {len(one)} and {names[1]} has"
            f" {len(other)}."
        )
    if not 0 < alpha < 1:
        raise ConfigError(f"Expected alpha to be between 0 and 1 but got {alpha:g}.")
    from scipy import special, stats

    b, c, images = int((one & ~other).sum()), int((other & ~one).sum()), len(one)
    p = float(stats.binomtest(b, b + c).pvalue) if b + c else 1.0
    # Wald's interval after adding half an image to each of the four cells.
    half = float(special.ndtri(1 - alpha / 2)) * math.sqrt(b + c + 1 - (b - c) ** 2 / (images + 2)) / (images + 2)
    middle = (b - c) / (images + 2)
    interval = Interval(max(-1.0, middle - half), min(1.0, middle + half), 1 - alpha, "agresti-min")
    return McNemar(*names, images, int((one & other).sum()), b, c, p, (b - c) / images, interval, alpha)


def test_folds(correct: ArrayLike, folds: int = 10, seed: int = 0) -> tuple[float, ...]:  # noqa: PT028 - no test
    """Compute the accuracy of one training on each of the folds of one test set (Loss in Layers uses ten).

    The seed determines the folds, which have the same images for every training with the same number of test images.
    Compare the accuracies with `compare(..., replicates="test folds")`: they show the noise of the data, not that of
    training.

    Args:
        correct: bool [K], whether the training is correct on each test image.
        folds: number of folds (default 10), which are as equal in size as possible.
        seed: determines which image is in which fold; 0 by default.

    Raises:
        ConfigError: if a value is not true or false, or the number of folds is not from 2 to the number of images.

    >>> test_folds([True, True, False, True], folds=2)
    (0.5, 1.0)
    """
    right = _flags(correct, "the training")
    if not 2 <= folds <= len(right):
        raise ConfigError(f"Expected 2 to {len(right)} folds, at most one per image, but got {folds}.")
    order = np.random.default_rng(seed).permutation(len(right))
    return tuple(float(right[part].mean()) for part in np.array_split(order, folds))


def _flags(values: ArrayLike, name: str) -> NDArray[np.bool_]:
    given = np.asarray(values)
    if given.ndim != 1 or not given.size or not np.isin(given, (0, 1)).all():
        raise ConfigError(f"Expected a list of booleans for {name}: whether it is correct on each test image.")
    return given.astype(np.bool_)
