"""Check that rows are log-probabilities or probabilities: they are easily mistaken for each other, and for logits."""

from __future__ import annotations

from typing import Any

import numpy as np

from hierapp.errors import ConfigError

# Of the sum of a row. Sums of 10,000 probabilities in half precision are off by some percent.
TOLERANCE, HALF_TOLERANCE = 0.01, 0.05


def check_log_probs(rows: Any) -> None:
    """Raise a ConfigError unless the exponentials of each row sum to about 1; -inf is the log of 0.

    Args:
        rows: [n, L], an array or a tensor of any floating type.

    >>> check_log_probs(np.log([[0.7, 0.3]]))
    """
    is_half = str(rows.dtype).removeprefix("torch.") in ("float16", "bfloat16")
    # numpy does not support bfloat16.
    exact = rows.detach().double() if hasattr(rows, "double") and rows.device.type != "mps" else rows
    with np.errstate(over="ignore"):
        sums = exact.exp().sum(1) if hasattr(exact, "exp") else np.exp(np.asarray(exact, np.float64)).sum(1)
    _check(sums, HALF_TOLERANCE if is_half else TOLERANCE, "log-probabilities, whose exponentials sum", "log_softmax")


def check_probs(rows: Any) -> None:
    """Raise a ConfigError unless each row [n, L] has non-negative numbers that sum to about 1.

    >>> check_probs(np.array([[0.7, 0.3]]))
    """
    sums = rows.sum(1)
    _check(sums if (rows >= 0).all() else sums * np.nan, HALF_TOLERANCE, "probabilities, which sum", "softmax")


def _check(sums: Any, tolerance: float, what: str, function: str) -> None:
    wrong = ~(abs(sums - 1) <= tolerance)  # also NaN
    if bool(wrong.any()):
        raise ConfigError(
            f"Expected {what} to 1 in each row, but got a sum of {float(sums[wrong][0]):.4g}; apply {function} to"
            " logits first."
        )
