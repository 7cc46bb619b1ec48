"""Predictions of a finished run's network for any images, with weights from the run's folder, on the CPU."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hierapp import losses
from hierapp.errors import ConfigError, StoreError
from hierapp.training import models
from hierapp.training.config import RunConfig
from hierapp.trees import LabelTree

if TYPE_CHECKING:
    from torch import nn

    from hierapp.losses.base import TreeLoss

FILE = "model.safetensors"
BATCH = 256


def predict(folder: Path, config: RunConfig, tree: LabelTree, images: NDArray[Any]) -> NDArray[np.float32]:
    """Compute the log-probabilities [n, L] of the leaves in float32, with the weights of the best epoch; imports torch.

    For a run trained in bfloat16, the outputs stored for its test images agree with these to about two digits only.

    Args:
        folder: the run's folder, with its `model.safetensors`.
        config: the run's configuration.
        tree: the run's tree.
        images: uint8 [n, H, W, C], of the same shape as the training images; or features, floats [n, F].

    Raises:
        StoreError: if the weights are missing, broken, or those of another network.
        ConfigError: if the images are not such an array, or have a different shape.
    """
    import torch

    _require(folder / FILE)
    are_images = images.dtype == np.uint8 and images.ndim == 4
    if not are_images and not (images.dtype in (np.float16, np.float32) and images.ndim == 2):
        raise ConfigError(
            f"Expected images as uint8 [n, H, W, C], or features as float32 [n, F], but got {images.dtype}"
            f" {list(images.shape)}; convert them."
        )
    # A similarity affects the loss but not the predictions; a run may have only the name of its similarity.
    options = {name: value for name, value in config.options.items() if name != "similarity"}
    loss = losses.make_loss(config.loss, tree, **options)
    network = _network(folder / FILE, config, images.shape[1:], loss)
    found = []
    with torch.inference_mode():
        for start in range(0, len(images), BATCH):
            batch = torch.from_numpy(np.ascontiguousarray(images[start : start + BATCH]))
            found.append(loss.leaf_log_probs(network(batch).float()))
        values: NDArray[np.float32] = torch.cat(found).numpy() if found else np.empty((0, len(tree.leaves)), np.float32)
    if not np.isfinite(values).all():
        raise StoreError(f"The network of {folder / FILE} outputs values that are not finite; train the run again.")
    return values


def _require(file: Path) -> None:
    if not file.exists():
        raise StoreError(
            f"There are no weights in {file.parent}; only finished runs that were trained here have weights: train the"
            " run again."
        )


def _network(file: Path, config: RunConfig, shape: models.Shape, loss: TreeLoss) -> nn.Module:
    """Return the network with its weights, in evaluation mode."""
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from hierapp.training import networks

    try:
        stored = load_file(file)
    except (OSError, SafetensorError) as error:
        raise StoreError(f"The weights in {file} are broken; train the run again.") from error
    # The stored tensors include mean and scale of the training inputs.
    network = networks.build(config, shape, loss)
    try:
        network.load_state_dict(stored)
    except RuntimeError as error:
        seen = " x ".join(map(str, shape))
        raise StoreError(
            f"The weights in {file} do not fit {config.model} for inputs of {seen} and {loss.num_outputs} logits; use"
            " inputs of the run's data set, or train the run again."
        ) from error
    return network.eval().to(memory_format=torch.channels_last)
