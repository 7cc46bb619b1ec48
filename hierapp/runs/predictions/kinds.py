"""Tell probabilities, log-probabilities and logits apart, and convert each to log-probabilities."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from hierapp.errors import AmbiguousPredictionsError, PredictionsError
from hierapp.runs.predictions.raw import Kind
from hierapp.training.predictions import LEAST

KINDS: tuple[Kind, ...] = get_args(Kind)
TOLERANCE = 0.01  # of the sum of a row; 10,000 probabilities in half precision are off by some percent
HALF_TOLERANCE = 0.05
PART = 2**22  # numbers processed at once

Floats = NDArray[np.float64]


def kind_of(values: NDArray[Any], shown: str) -> Kind:
    """Determine what values [n, C] are.

    Negative and positive values together are logits. Rows that sum to 1 are probabilities, and rows whose exponentials
    do are log-probabilities.

    Raises:
        AmbiguousPredictionsError: if the values can be of several kinds, such as scores between 0 and 1 that do not sum
            to 1.
        PredictionsError: if a value is NaN.
    """
    _refuse_nan(values, shown)
    low, high = float(values.min()), float(values.max())
    if low < 0 < high:
        return "logits"
    tolerance = _tolerance(values)
    if low >= 0 and all(_sum_to_one(part.sum(1), tolerance) for _, part in _parts(values)):
        return "probabilities"
    if high <= 0 and all(_sum_to_one(np.exp(part).sum(1), tolerance) for _, part in _parts(values)):
        return "log-probabilities"
    what = "not negative, but their rows do not sum to 1" if low >= 0 else "not positive, but not log-probabilities"
    kinds: tuple[Kind, ...] = ("probabilities", "logits") if low >= 0 else ("log-probabilities", "logits")
    raise AmbiguousPredictionsError(
        f"The values of {shown} are {what}, so they may be logits or wrong; say what they are,"
        f" {' or '.join(kinds)} (--kind, or in the form).",
        kinds,
    )


def log_probabilities(values: NDArray[Any], kind: Kind, shown: str) -> NDArray[np.float32]:
    """Return the logarithms [n, C] of rows that sum to 1; a probability of 0 counts as 2 ** -25.

    Raises:
        PredictionsError: if a value is NaN or infinite, negative (probabilities), or a row does not sum to 1.
    """
    if kind not in KINDS:
        raise PredictionsError(f"Unknown kind {kind!r}; choose one of {', '.join(KINDS)}.")
    _refuse_nan(values, shown)
    found, tolerance = np.empty(values.shape, np.float32), _tolerance(values)
    for start, part in _parts(values):
        rows = slice(start, start + len(part))
        if kind == "probabilities":
            found[rows] = _of_probabilities(part, tolerance, start, shown)
        else:
            found[rows] = _of_logits(part, tolerance if kind == "log-probabilities" else None, start, shown)
    return found


def _of_probabilities(p: Floats, tolerance: float, start: int, shown: str) -> Floats:
    negative = (p < 0).any(1)
    if negative.any():
        row = int(negative.argmax())
        raise PredictionsError(
            f"Row {start + row + 1} of {shown} has the value {p[row].min():.4g}, which is no probability; if the values"
            " are log-probabilities or logits, say so (--kind, or in the form)."
        )
    sums = p.sum(1)
    _check_sums(sums, tolerance, start, shown, "probabilities")
    p = p / sums[:, None]
    logs: Floats = np.log(np.where(p > 0, p, LEAST))
    return logs


def _of_logits(z: Floats, tolerance: float | None, start: int, shown: str) -> Floats:
    """Return the log-softmax; with a tolerance, the exponentials must already sum to 1."""
    most = z.max(1, keepdims=True)
    wrong = ~np.isfinite(most[:, 0])
    if wrong.any():
        row = int(wrong.argmax())
        raise PredictionsError(
            f"Row {start + row + 1} of {shown} has no largest finite value ({most[row, 0]}); every row needs finite"
            " values: export the predictions again."
        )
    shifted = z - most
    log_sum = np.log(np.exp(shifted).sum(1, keepdims=True))
    if tolerance is not None:
        with np.errstate(over="ignore"):
            _check_sums(np.exp((log_sum + most)[:, 0]), tolerance, start, shown, "exponentials of log-probabilities")
    logs: Floats = shifted - log_sum
    logs[~np.isfinite(logs)] = np.log(LEAST)
    return logs


def _check_sums(sums: Floats, tolerance: float, start: int, shown: str, what: str) -> None:
    wrong = ~(np.abs(sums - 1) <= tolerance)
    if wrong.any():
        row = int(wrong.argmax())
        raise PredictionsError(
            f"Row {start + row + 1} of {shown} sums to {sums[row]:.4g}, but {what} sum to 1; if the values are logits,"
            " say so (--kind, or in the form)."
        )


def _refuse_nan(values: NDArray[Any], shown: str) -> None:
    for start, part in _parts(values):
        missing = np.isnan(part).any(1)
        if missing.any():
            raise PredictionsError(
                f"Row {start + int(missing.argmax()) + 1} of {shown} has a value that is missing or NaN; every row"
                " needs a number for each class: remove the row or predict it again."
            )


def _sum_to_one(sums: Floats, tolerance: float) -> bool:
    return bool((np.abs(sums - 1) <= tolerance).all())


def _tolerance(values: NDArray[Any]) -> float:
    return HALF_TOLERANCE if values.dtype.itemsize <= 2 else TOLERANCE


def _parts(values: NDArray[Any]) -> Iterator[tuple[int, Floats]]:
    """Yield the number of the first row and the values of groups of rows, in double precision."""
    step = max(1, PART // max(values.shape[1], 1))
    for start in range(0, len(values), step):
        yield start, values[start : start + step].astype(np.float64)
