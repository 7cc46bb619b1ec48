"""The whole network of a run: what normalizes its inputs, and the model."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hierapp.losses.base import TreeLoss
from hierapp.training import models
from hierapp.training.batches import Normalizer
from hierapp.training.heads import FeatureNormalizer, PathHeadModel


def build(model: str, shape: tuple[int, ...], loss: TreeLoss, inputs: Tensor | None = None) -> nn.Sequential:
    """Build the normalization and the model; the initial weights are drawn from torch's random state.

    Args:
        model: a name for `models.find`.
        shape: (H, W, C) of images uint8 [B, H, W, C], or (F,) of features [B, F].
        loss: the loss; the number of its outputs is that of the model.
        inputs: the training inputs, whose mean and deviation normalize; None if these will be loaded.

    Raises:
        ConfigError: if the model is not for such inputs, or does not fit the loss.
    """
    entry = models.find(model)
    models.require_kind(model, "features" if len(shape) == 1 else "images")
    if len(shape) == 1:
        features = torch.zeros(1, shape[0]) if inputs is None else inputs
        head = PathHeadModel(loss, shape[0]) if entry.reads_path else entry.build(shape, loss.num_outputs)
        return nn.Sequential(FeatureNormalizer(features), head)
    images = torch.zeros(1, 1, 1, shape[2], dtype=torch.uint8) if inputs is None else inputs
    return nn.Sequential(Normalizer(images), entry.build(shape, loss.num_outputs))
