"""Metrics of classes whose order has a meaning, such as ages: how far predictions are from the true class."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hierapp.errors import ConfigError
from hierapp.metrics.counts import triplets
from hierapp.metrics.spec import MetricSpec

if TYPE_CHECKING:
    from scipy.sparse import csr_array

METRICS = (
    MetricSpec("mean_absolute_error", "mean absolute error", "label", False),
    MetricSpec("within_one_class", "within one class", "share", True),
    MetricSpec("within_two_classes", "within two classes", "share", True),
)
_NUMBER = r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?"
_INTERVAL = re.compile(rf"({_NUMBER})(?:\s*[-–]\s*({_NUMBER}))?")


def class_values(ordered: Sequence[str]) -> NDArray[np.float64]:
    """Return the number of each class: its name, the middle of an interval, or its rank if a name is neither.

    Args:
        ordered: the names of the classes, in their order.

    >>> class_values(["0-9", "10-19", "20-29"]).tolist(), class_values(["child", "adult"]).tolist()
    ([4.5, 14.5, 24.5], [0.0, 1.0])
    """
    found = [_INTERVAL.fullmatch(name.strip()) for name in ordered]
    if not all(found):
        return np.arange(len(ordered), dtype=np.float64)
    ends = [(float(each[1]), float(each[2] or each[1])) for each in found if each]
    return np.array([(low + high) / 2 for low, high in ends], np.float64)


def ordered_report(
    confusion: ArrayLike | csr_array, classes: Sequence[str], ordered: Sequence[str]
) -> dict[str, float]:
    """Compute the metrics of ordered classes.

    Args:
        confusion: counts [L, L], rows true; an array or sparse.
        classes: the names of rows and columns, such as `tree.leaves`.
        ordered: the same names in their order, such as the data set's `class_names`.

    Returns:
        - mean_absolute_error: the mean of |v_true - v_predicted|, with the number v of a class as in `class_values`
        - within_one_class, within_two_classes: the share of samples whose prediction is at most one (two) places of
          the order from the true class

    Raises:
        ConfigError: if the names are not the same.

    >>> ordered_report([[8, 2, 0], [0, 9, 1], [1, 0, 9]], ["1", "2", "5"], ["1", "2", "5"])
    {'mean_absolute_error': 0.3, 'within_one_class': 0.9666666666666667, 'within_two_classes': 1.0}
    """
    place = {name: rank for rank, name in enumerate(ordered)}
    if len(place) != len(ordered) or set(place) != set(classes):
        raise ConfigError("Expected the ordered classes to be those of the confusion matrix; give the same names.")
    ranks = np.array([place[name] for name in classes], np.int64)
    values = class_values(ordered)[ranks]
    true, predicted, counts = triplets(confusion)
    total = max(int(counts.sum()), 1)
    steps = np.abs(ranks[true] - ranks[predicted])
    away = np.abs(values[true] - values[predicted])
    return {
        "mean_absolute_error": float((counts * away).sum() / total),
        "within_one_class": float(counts[steps <= 1].sum() / total),
        "within_two_classes": float(counts[steps <= 2].sum() / total),
    }
