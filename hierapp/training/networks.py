"""The whole network of a run: what normalizes its inputs, and the model."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from hierapp.losses.base import TreeLoss
from hierapp.training import models
from hierapp.training.batches import Normalizer
from hierapp.training.config import RunConfig
from hierapp.training.heads import FeatureNormalizer, PathHeadModel


def build(config: RunConfig, shape: tuple[int, ...], loss: TreeLoss, inputs: Tensor | None = None) -> nn.Sequential:
    """Build the normalization and the model; the initial weights are drawn from torch's random state.

    Args:
        config: a configuration; its model is used, and for a network of timm its fields of the group "network".
        shape: (H, W, C) of images uint8 [B, H, W, C], or (F,) of features [B, F].
        loss: the loss; the number of its outputs is that of the model.
        inputs: the training inputs, whose mean and deviation normalize; None if these, and all weights, will be loaded.

    Raises:
        ConfigError: if the model is not for such inputs, or does not fit the loss.
    """
    entry = models.find(config.model)
    if (len(shape) == 1) != (entry.kind == "features") and entry.kind is not None:
        models.require_kind(config.model, "features" if len(shape) == 1 else "images")
    if len(shape) == 1:
        features = torch.zeros(1, shape[0]) if inputs is None else inputs
        head = PathHeadModel(loss, shape[0]) if entry.reads_path else entry.build(shape, loss.num_outputs)
        return nn.Sequential(FeatureNormalizer(features), head)
    if models.is_timm(config.model):
        from hierapp.training import pretrained

        return pretrained.build(config, shape, loss.num_outputs, with_weights=inputs is not None)
    images = torch.zeros(1, 1, 1, shape[2], dtype=torch.uint8) if inputs is None else inputs
    options = {name: getattr(config, name) for name in entry.options}
    return nn.Sequential(Normalizer(images), entry.build(shape, loss.num_outputs, **options))


def trained_weights(config: RunConfig, network: nn.Module) -> list[nn.Parameter] | list[dict[str, Any]]:
    """Return what the optimizer trains: all weights, or those of a head and a body with a rate of its own."""
    if not models.is_timm(config.model):
        return list(network.parameters())
    head = [
        weight for name, weight in network.named_parameters() if ".head." in f".{name}" and ".body." not in f".{name}"
    ]
    known = {id(weight) for weight in head}
    body = [weight for weight in network.parameters() if weight.requires_grad and id(weight) not in known]
    groups: list[dict[str, Any]] = [{"params": head}]
    return [*groups, {"params": body, "rate_factor": config.backbone_rate}] if body else groups
