"""Optimizers by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn

from hierapp.training.config import RunConfig

Weights = Iterable[nn.Parameter] | Iterable[dict[str, Any]]


def make_optimizer(config: RunConfig, parameters: Weights) -> torch.optim.Optimizer:
    """Make the configured optimizer, in the implementation with one kernel for all weights if available.

    Weight decay is L2 regularization in adam and sgd, and decoupled from the gradient in adamw (Loshchilov and Hutter
    2019). SGD uses Nesterov's momentum if it is not 0.

    Args:
        config: the configuration.
        parameters: weights, or groups of them; the rate of a group is multiplied by its "rate_factor".
    """
    weights: list[Any] = list(parameters)
    each = [weight for group in weights for weight in (group["params"] if isinstance(group, dict) else [group])]
    fused = all(weight.device.type != "mps" for weight in each)
    return OPTIMIZERS[config.optimizer](config, weights, fused)


def _adam(config: RunConfig, weights: list[Any], fused: bool) -> torch.optim.Optimizer:
    return torch.optim.Adam(weights, config.learning_rate, weight_decay=config.weight_decay, fused=fused)


def _adamw(config: RunConfig, weights: list[Any], fused: bool) -> torch.optim.Optimizer:
    return torch.optim.AdamW(weights, config.learning_rate, weight_decay=config.weight_decay, fused=fused)


def _sgd(config: RunConfig, weights: list[Any], fused: bool) -> torch.optim.Optimizer:
    return torch.optim.SGD(
        weights,
        config.learning_rate,
        momentum=config.momentum,
        nesterov=config.momentum > 0,
        weight_decay=config.weight_decay,
        fused=fused,
    )


OPTIMIZERS: dict[str, Callable[[RunConfig, list[Any], bool], torch.optim.Optimizer]] = {
    "adam": _adam,
    "adamw": _adamw,
    "sgd": _sgd,
}
