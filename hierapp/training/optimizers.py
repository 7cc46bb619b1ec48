"""Optimizers by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import nn

from hierapp.training.config import RunConfig


def make_optimizer(config: RunConfig, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    """Make the configured optimizer, in the implementation with one kernel for all weights if available.

    Weight decay is L2 regularization in adam and sgd, and decoupled from the gradient in adamw (Loshchilov and Hutter
    2019). SGD uses Nesterov's momentum if it is not 0.
    """
    weights = list(parameters)
    fused = all(weight.device.type != "mps" for weight in weights)
    return OPTIMIZERS[config.optimizer](config, weights, fused)


def _adam(config: RunConfig, weights: list[nn.Parameter], fused: bool) -> torch.optim.Optimizer:
    return torch.optim.Adam(weights, config.learning_rate, weight_decay=config.weight_decay, fused=fused)


def _adamw(config: RunConfig, weights: list[nn.Parameter], fused: bool) -> torch.optim.Optimizer:
    return torch.optim.AdamW(weights, config.learning_rate, weight_decay=config.weight_decay, fused=fused)


def _sgd(config: RunConfig, weights: list[nn.Parameter], fused: bool) -> torch.optim.Optimizer:
    return torch.optim.SGD(
        weights,
        config.learning_rate,
        momentum=config.momentum,
        nesterov=config.momentum > 0,
        weight_decay=config.weight_decay,
        fused=fused,
    )


OPTIMIZERS: dict[str, Callable[[RunConfig, list[nn.Parameter], bool], torch.optim.Optimizer]] = {
    "adam": _adam,
    "adamw": _adamw,
    "sgd": _sgd,
}
