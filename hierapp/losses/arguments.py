"""What every loss takes in addition to its own options, checked."""

from __future__ import annotations

from typing import Literal, TypedDict, cast

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from hierapp.errors import ConfigError
from hierapp.losses.kernels.labels import Index

Reduction = Literal["mean", "sum", "none"]
REDUCTIONS = ("mean", "sum", "none")


class Shared(TypedDict, total=False):
    """Options that every loss takes in addition to its own; see `TreeLoss`."""

    reduction: Reduction
    weight: ArrayLike | Tensor | None
    ignore_index: int
    index: Index


def checked_reduction(reduction: str) -> Reduction:
    """Return the reduction, or raise a ConfigError that lists those there are."""
    if reduction not in REDUCTIONS:
        raise ConfigError(f"Expected reduction to be one of {', '.join(REDUCTIONS)} but got {reduction!r}.")
    return cast(Reduction, reduction)


def checked_index(index: str) -> Index:
    """Return what targets are positions in, or raise a ConfigError."""
    if index not in ("leaf", "node"):
        raise ConfigError(f"Expected index to be leaf or node, what targets are positions in, but got {index!r}.")
    return cast(Index, index)


def checked_weight(weight: ArrayLike | Tensor | None, size: int) -> Tensor | None:
    """Return class weights as float64 [size], or raise a ConfigError if they are not finite and non-negative."""
    if weight is None:
        return None
    try:
        # On the default device, like all other tables, wherever the weights are.
        values = torch.as_tensor(weight, dtype=torch.float64, device=torch.get_default_device()).detach().clone()
    except (TypeError, ValueError, RuntimeError):
        raise ConfigError("The class weights contain a value that is not a number; give one number per leaf.") from None
    if values.shape != (size,) or not (values.isfinite() & (values >= 0)).all():
        raise ConfigError(
            f"Expected class weights of shape [{size}], finite and non-negative, but got {list(values.shape)}"
            f"{' with other entries' if values.shape == (size,) else ''}."
        )
    return values
