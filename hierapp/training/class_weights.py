"""Class weights by frequency, for data sets in which some classes are rare."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from hierapp.training.batches import DeviceDataset
from hierapp.trees import LabelTree


def median_frequency(part: DeviceDataset, tree: LabelTree) -> NDArray[np.float64]:
    """Return the weight of each leaf, [L]: the median of the frequencies divided by its own (Eigen and Fergus 2015).

    The frequency of a class is the number of its pixels divided by that of all pixels of the images in which it occurs,
    so that a class is not rare because it is in few images. Without label maps it is the share of its images. A class
    that does not occur has the weight 0, and a coarse label counts for no class.

    Args:
        part: the training images.
        tree: the label tree.
    """
    size = len(tree.leaves)
    counts, around = np.zeros(size), np.zeros(size)
    labels = len(tree.nodes) + 1  # also enough where labels are nodes
    for each in part.leaves if part.has_maps else [part.leaves]:
        found = torch.bincount(each.flatten().long(), minlength=labels)[:labels].cpu().numpy()
        found = found[tree.leaf_nodes] if part.of_nodes else found[:size]
        counts += found
        around += (found > 0) * found.sum() if part.has_maps else found.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        frequency = np.where(counts > 0, counts / around, np.nan)
    weights: NDArray[np.float64] = np.nan_to_num(np.nanmedian(frequency) / frequency)
    return weights
