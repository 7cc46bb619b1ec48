"""Expected calibration error: how far probabilities are from the share of correct predictions (Guo et al. 2017)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

BINS = 15


def bin_counts(confidence: Floats, correct: NDArray[np.bool_], bins: int = BINS) -> Floats:
    """Count samples by bins of equal width of the probability of the prediction.

    Args:
        confidence: [n], the probability of each prediction.
        correct: [n], whether it is correct.
        bins: number of bins (default 15).

    Returns:
        [3, bins]: the number of samples, and the sums of `confidence` and `correct`.
    """
    edges = np.linspace(0, 1, bins + 1)
    place = np.clip(np.searchsorted(edges, confidence, side="right") - 1, 0, bins - 1)
    return np.stack(
        [np.bincount(place, values, minlength=bins) for values in (np.ones(len(place)), confidence, correct)]
    )


def calibration_error(counts: Floats) -> float:
    """Return the mean over bins of |accuracy - mean probability|, weighted by the number of samples; 0 without samples.

    >>> calibration_error(bin_counts(np.array([0.9, 0.9]), np.array([True, False]), 10))
    0.4
    """
    samples = float(counts[0].sum())
    return float(np.abs(counts[2] - counts[1]).sum() / samples) if samples else 0.0
