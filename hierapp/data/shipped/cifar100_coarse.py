"""CIFAR-100 labeled by superclass."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hierapp.data import cifar
from hierapp.data.dataset import Arrays, Dataset, Part

_CLASSES = """
    aquatic_mammals fish flowers food_containers fruit_and_vegetables household_electrical_devices
    household_furniture insects large_carnivores large_man-made_outdoor_things large_natural_outdoor_scenes
    large_omnivores_and_herbivores medium_mammals non-insect_invertebrates people reptiles small_mammals trees
    vehicles_1 vehicles_2
"""


def read(dataset: Dataset, part: Part, folder: Path) -> Arrays:
    """Read CIFAR-100 with the superclass of each image, named by the data itself: some published tables of the
    superclasses are shifted by one."""
    batches, (meta,) = cifar.unpickled(dataset, part, folder), cifar.unpickled(dataset, None, folder)
    class_of = np.array([dataset.class_names.index(name.decode()) for name in meta[b"coarse_label_names"]], np.int64)
    return cifar.pixels(dataset, batches), class_of[np.concatenate([batch[b"coarse_labels"] for batch in batches])]


DATASET = Dataset(
    name="cifar100-coarse",
    title="CIFAR-100, 20 superclasses",
    summary="the same images and files, labeled by superclass",
    class_names=tuple(_CLASSES.split()),
    image_shape=(32, 32, 3),
    train_size=50_000,
    test_size=10_000,
    default_tree="cifar100-coarse",
    source=cifar.SOURCE,
    read=read,
    files=cifar.FILES_OF_100,
    archives=cifar.ARCHIVES_OF_100,
    torchvision_class="CIFAR100",
    order=5,
    start_order=3,
)
