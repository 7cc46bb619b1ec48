"""The parts of a data set that a run trains on, with fewer or weaker labels if asked for, and that it holds out."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from hierapp.data import label_maps, registry as datasets
from hierapp.data.registry import ImageSet
from hierapp.training import weak_labels
from hierapp.training.batches import DeviceDataset
from hierapp.training.config import RunConfig
from hierapp.trees import LabelTree, library as tree_library


class Parts(NamedTuple):
    """The images of a run, on its device.

    Attributes:
        training: those that train the network.
        validation: those that select the epoch.
        calibration: those that do neither; None without `calibration_share`.
    """

    training: DeviceDataset
    validation: DeviceDataset
    calibration: DeviceDataset | None


def split(config: RunConfig, tree: LabelTree, whole: ImageSet, device: torch.device) -> Parts:
    """Split the training part of a data set for a run.

    Args:
        config: a configuration; its seed draws the parts, and its group "labels" changes the training labels.
        tree: the label tree.
        whole: the data set's training part.
        device: the device.
    """
    # Images with label maps are of no class, so they are drawn from all.
    strata = label_maps.strata(whole.labels.numpy())
    fitting, held_out = datasets.split(strata, seed=config.seed)
    images = DeviceDataset.of(whole, tree, device, bool(config.coarse_share))
    training = _training_part(config, tree, whole, images, fitting, strata)
    if not config.calibration_share:
        return Parts(training, images.take(held_out), None)
    selecting, apart = datasets.split(strata[held_out], config.calibration_share, config.seed)
    return Parts(training, images.take(held_out[selecting]), images.take(held_out[apart]))


def _training_part(
    config: RunConfig,
    tree: LabelTree,
    whole: ImageSet,
    images: DeviceDataset,
    fitting: NDArray[np.int64],
    labels: NDArray[np.int64],
) -> DeviceDataset:
    rows = weak_labels.kept_share(fitting, labels[fitting], config.train_share, config.seed)
    training = images.take(rows)
    if config.label_noise:
        # Which classes are alike is a property of the data, whatever tree is trained with.
        own = tree_library.load(datasets.find(config.data).default_tree)
        siblings = weak_labels.siblings_of(own, own.positions_of(whole.class_names))
        changed = weak_labels.noisy(labels[rows], siblings, config.label_noise, config.seed)
        targets = tree.positions_of(whole.class_names)
        given = (tree.leaf_nodes[targets] if config.coarse_share else targets)[changed]
        training.leaves = torch.as_tensor(given, device=training.leaves.device)
    if config.coarse_share:
        coarse = weak_labels.coarsened(training.leaves.cpu().numpy(), tree, config.coarse_share, config.seed)
        training.leaves = torch.as_tensor(coarse, device=training.leaves.device)
    return training
