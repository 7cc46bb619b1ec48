"""Masked classes: logits and logarithms of -inf."""

from __future__ import annotations

import torch
from torch import Tensor


def finite(logs: Tensor) -> Tensor:
    """Replace -inf by a finite number whose exponential is 0, so that it times 0 is 0, and so is its gradient.

    >>> finite(torch.tensor([0.0, -torch.inf])).isfinite().all().item()
    True
    """
    return logs.clamp(min=torch.finfo(logs.dtype).min / 8)
