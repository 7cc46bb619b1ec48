"""Integers that users give as lists, arrays or tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hierapp.errors import ConfigError, short


def indices(values: ArrayLike, what: str = "classes") -> NDArray[np.int64]:
    """Return integers as a flat array, from a list, an array or a tensor on any device.

    Raises:
        ConfigError: if a value is not a whole number, which names, scores and NaN are not.

    >>> indices([0, 2.0]).tolist()
    [0, 2]
    """
    given = np.asarray(here(values)).ravel()
    whole = given.astype(np.int64) if given.dtype.kind in "biu" or not given.size else None
    if given.dtype.kind == "f" and np.isfinite(given).all() and (np.abs(given) < 2**53).all():
        whole = given.astype(np.int64) if (given == np.floor(given)).all() else None
    if whole is None:
        wrong = given[given != np.floor(given)] if given.dtype.kind == "f" else given
        example = short(wrong[0].item() if hasattr(wrong[0], "item") else wrong[0]) if wrong.size else given.dtype
        raise ConfigError(
            f"Expected {what} as integers, their positions, but got {example}; give the index of the class, the"
            " argmax of its scores."
        )
    return whole


def here(values: Any) -> Any:
    """Move a tensor to the CPU; return anything else unchanged. Uses only its methods, so torch is not imported."""
    return values.detach().cpu() if hasattr(values, "detach") else values
