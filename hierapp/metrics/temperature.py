"""Temperature scaling: one number that makes a network's probabilities as calibrated as it can (Guo et al. 2017)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from hierapp.decoding import arrays
from hierapp.decoding.checks import check_log_probs
from hierapp.errors import ConfigError
from hierapp.utils.indices import indices

# Range of the temperature: that of a network that is always right would be 0.
LOW, HIGH = 0.01, 100.0
# Log-probabilities below this are those of classes that never occur.
LEAST = -1e4
STEPS = 60
PART = 2**22


def fit_temperature(leaf_log_probs: Any, target: ArrayLike) -> float:
    """Compute the temperature T from 0.01 to 100 for which softmax(log p / T) has the least log loss.

    The log loss is convex in 1 / T; Newton's method finds its minimum, with bisection where it steps too far. Fit it on
    samples that did not train the network, such as the validation part; `with_temperature` applies it.

    Args:
        leaf_log_probs: [n, L] log-probabilities, or logits of a flat softmax after log_softmax: array or tensor.
        target: [n], positions of the true classes.

    Raises:
        ConfigError: if there are no samples, the lengths differ, a row does not sum to 1, or a target is not a class.

    >>> log_p = np.log([[0.9, 0.1], [0.9, 0.1], [0.9, 0.1], [0.9, 0.1]])
    >>> round(fit_temperature(log_p, [0, 0, 0, 1]), 4)  # right in three of four: log(9) / log(3)
    2.0
    """
    true = indices(target)
    if getattr(leaf_log_probs, "ndim", 0) != 2 or len(leaf_log_probs) != len(true) or not len(true):
        raise ConfigError(
            f"Expected log-probabilities [n, L] of at least one sample and n targets, but got {len(true)} targets for"
            f" {list(getattr(leaf_log_probs, 'shape', []))}."
        )
    size = leaf_log_probs.shape[1]
    if not 0 <= true.min() <= true.max() < size:
        raise ConfigError(f"Expected classes from 0 to {size - 1} but got {true.min()} to {true.max()}.")
    step = max(1, PART // size)
    parts = [slice(start, start + step) for start in range(0, len(true), step)]
    for part in parts:
        check_log_probs(leaf_log_probs[part])

    def derivatives(inverse: float) -> tuple[float, float]:
        found = [_derivatives(leaf_log_probs[part], true[part], inverse) for part in parts]
        return sum(each[0] for each in found), sum(each[1] for each in found)

    low, high, inverse = 1 / HIGH, 1 / LOW, 1.0
    if derivatives(low)[0] >= 0:
        return HIGH
    if derivatives(high)[0] <= 0:
        return LOW
    for _ in range(STEPS):
        slope, curvature = derivatives(inverse)
        low, high = (low, inverse) if slope > 0 else (inverse, high)
        newton = inverse - slope / curvature if curvature > 0 else math.nan
        # Bisect in the logarithm where Newton's step leaves the bracket.
        following = newton if low < newton < high else math.sqrt(low * high)
        if abs(following - inverse) <= 1e-8 * inverse:
            break
        inverse = following
    return float(1 / inverse)


def with_temperature(leaf_log_probs: Any, temperature: float) -> Any:
    """Return log softmax(log p / T), of the kind, type and shape of the input, [n, L].

    Raises:
        ConfigError: if the temperature is not a finite number above 0.

    >>> np.exp(with_temperature(np.log([[0.9, 0.1]]), 2.0)).round(4).tolist()
    [[0.75, 0.25]]
    """
    if not (math.isfinite(temperature) and temperature > 0):
        raise ConfigError(f"Expected the temperature to be a finite number above 0 but got {temperature}.")
    xp = arrays.namespace(leaf_log_probs)
    scaled = arrays.double(leaf_log_probs) / temperature
    scaled = scaled - xp.amax(scaled, 1)[:, None]
    found = scaled - xp.log(xp.exp(scaled).sum(1))[:, None]
    return found.to(leaf_log_probs.dtype) if arrays.is_tensor(leaf_log_probs) else found.astype(leaf_log_probs.dtype)


def _derivatives(rows: Any, true: Any, inverse: float) -> tuple[float, float]:
    """Return the sums over samples of the first and second derivative of the log loss by 1 / T."""
    xp = arrays.namespace(rows)
    log_p = arrays.double(rows).clip(LEAST, None)
    scaled = log_p * inverse
    p = xp.exp(scaled - xp.amax(scaled, 1)[:, None])
    p = p / p.sum(1)[:, None]
    mean = (p * log_p).sum(1)
    own = arrays.along(log_p, arrays.as_array(np.asarray(true), rows)[:, None])[:, 0]
    spread = (p * (log_p - mean[:, None]) ** 2).sum(1)
    return float((mean - own).sum()), float(spread.sum())
