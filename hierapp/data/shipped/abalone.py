"""Abalone: ages as ordered classes, from measurements."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hierapp.data.dataset import Arrays, Dataset, File, Part, read as read_file
from hierapp.data.image_set import TEST_SEED, split


def read(dataset: Dataset, part: Part, folder: Path) -> Arrays:
    """Read the measurements of abalones: sex as three columns of 0 and 1, seven numbers standardized by the training
    part, and the rings as classes. The test part is a stratified fifth (TEST_SEED)."""
    ((file, path),) = dataset.places(folder).items()
    rows = [line.split(",") for line in read_file(file, path, dataset.name).decode().split()]
    place = {name: position for position, name in enumerate(dataset.class_names)}
    labels = np.array([place[row[-1]] for row in rows], np.int64)
    sex = np.array([[row[0] == each for each in "FIM"] for row in rows], np.float64)
    features = np.concatenate([sex, np.array([row[1:-1] for row in rows], np.float64)], 1)
    chosen = dict(zip(("train", "test"), split(labels, 0.2, TEST_SEED), strict=True))
    training = features[chosen["train"]]
    scaled = ((features - training.mean(0)) / training.std(0)).astype(np.float32)
    return scaled[chosen[part]], labels[chosen[part]]


DATASET = Dataset(
    name="abalone",
    title="Abalone",
    summary="features: sex and 7 measurements of abalones; the classes are the rings, in order",
    class_names=tuple(map(str, (*range(1, 28), 29))),
    image_shape=(0, 0, 0),
    train_size=3_342,
    test_size=835,
    default_tree="abalone",
    source="Nash et al. (1994), The Population Biology of Abalone, UCI, CC BY 4.0; the age in"
    " years is 1.5 more than the rings.",
    read=read,
    files=(File("abalone/abalone.data", 191_873, "a769fd0119787cac09158fe08971e480"),),
    archives=(File("abalone.data", 191_873, "a769fd0119787cac09158fe08971e480"),),
    url="https://archive.ics.uci.edu/ml/machine-learning-databases/abalone/abalone.data",
    ordinal=True,
    features=10,
    order=7,
    start_order=7,
)
