"""Readers of the published data sets: one function per file format, `read(dataset, part, folder)`."""

from __future__ import annotations

import io
import pickle
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hierapp.data.dataset import Arrays, Dataset, Part, read
from hierapp.data.image_set import split

# scikit-learn's digits are not split; this seed draws the fifth that is the test part, the same on every machine.
DIGITS_SEED = 20240229


def read_digits(dataset: Dataset, part: Part, folder: Path) -> Arrays:
    """Read scikit-learn's digits, scaled from 0..16 to 0..255; the test part is a stratified fifth (DIGITS_SEED)."""
    pixels, labels = _digits()
    images = np.rint(pixels * (255 / 16)).astype(np.uint8).reshape(-1, *dataset.image_shape)
    chosen = split(labels, 0.2, DIGITS_SEED)[0 if part == "train" else 1]
    return images[chosen], labels[chosen]


@cache
def _digits() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return scikit-learn's digits: [n, 64] from 0 to 16, and the labels [n]. Importing scikit-learn takes seconds, so
    its file is read without it where it is at its usual place."""
    package = find_spec("sklearn")
    file = Path(str(package and package.origin)).parent / "datasets" / "data" / "digits.csv.gz"
    if file.is_file():
        table = np.loadtxt(file, delimiter=",")
        return table[:, :-1], table[:, -1].astype(np.int64)
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    return pixels, labels.astype(np.int64)


def read_idx(dataset: Dataset, part: Part, folder: Path) -> Arrays:
    """Read the format of MNIST: a file of pixels with a header of 16 bytes and a file of labels with one of 8."""
    pixels, labels = (
        read(file, path, dataset.name) for file, path in dataset.places(folder).items() if file.part == part
    )
    images = np.frombuffer(pixels, np.uint8, offset=16).reshape(-1, *dataset.image_shape)
    return images.copy(), np.frombuffer(labels, np.uint8, offset=8).astype(np.int64)


def read_cifar(dataset: Dataset, part: Part, folder: Path) -> Arrays:
    """Read the "python version" of CIFAR: pickles of rows of 3,072 bytes, one plane per colour.

    torchvision.datasets.CIFAR10 returns the same, but also hashes the test part, and its import takes seconds.
    """
    batches = _unpickled(dataset, part, folder)
    labels = [batch[b"labels"] if b"labels" in batch else batch[b"fine_labels"] for batch in batches]
    return _pixels(dataset, batches), np.concatenate(labels).astype(np.int64)


def read_cifar_coarse(dataset: Dataset, part: Part, folder: Path) -> Arrays:
    """Read CIFAR-100 with the superclass of each image, named by the data itself: some published tables of the
    superclasses are shifted by one."""
    batches, (meta,) = _unpickled(dataset, part, folder), _unpickled(dataset, None, folder)
    class_of = np.array([dataset.class_names.index(name.decode()) for name in meta[b"coarse_label_names"]], np.int64)
    return _pixels(dataset, batches), class_of[np.concatenate([batch[b"coarse_labels"] for batch in batches])]


def read_npz(dataset: Dataset, part: Part, folder: Path) -> Arrays:
    """Read features, labels and flags of the test part from an npz file with the arrays features, labels and test."""
    ((file, path),) = dataset.places(folder).items()
    with np.load(io.BytesIO(read(file, path, dataset.name)), allow_pickle=False) as stored:
        rows = np.flatnonzero(stored["test"] == (part == "test"))
        return stored["features"][rows], stored["labels"][rows].astype(np.int64)


def read_abalone(dataset: Dataset, part: Part, folder: Path) -> Arrays:
    """Read the measurements of abalones: sex as three columns of 0 and 1, seven numbers standardized by the training
    part, and the rings as classes. The test part is a stratified fifth (DIGITS_SEED)."""
    ((file, path),) = dataset.places(folder).items()
    rows = [line.split(",") for line in read(file, path, dataset.name).decode().split()]
    place = {name: position for position, name in enumerate(dataset.class_names)}
    labels = np.array([place[row[-1]] for row in rows], np.int64)
    sex = np.array([[row[0] == each for each in "FIM"] for row in rows], np.float64)
    features = np.concatenate([sex, np.array([row[1:-1] for row in rows], np.float64)], 1)
    chosen = dict(zip(("train", "test"), split(labels, 0.2, DIGITS_SEED), strict=True))
    training = features[chosen["train"]]
    scaled = ((features - training.mean(0)) / training.std(0)).astype(np.float32)
    return scaled[chosen[part]], labels[chosen[part]]


def _unpickled(dataset: Dataset, part: Part | None, folder: Path) -> list[dict[bytes, Any]]:
    """Unpickle the files of a part, or for None the file that belongs to both parts."""
    # Safe to unpickle: `read` only returns the published bytes. "latin1" would be slower.
    return [
        pickle.loads(read(file, path, dataset.name), encoding="bytes")  # noqa: S301
        for file, path in dataset.places(folder).items()
        if file.part == part
    ]


def _pixels(dataset: Dataset, batches: list[dict[bytes, Any]]) -> NDArray[np.uint8]:
    height, width, channels = dataset.image_shape
    planes = [batch[b"data"].reshape(-1, channels, height, width) for batch in batches]
    images = np.empty((sum(map(len, planes)), height, width, channels), np.uint8)
    np.concatenate([batch.transpose(0, 2, 3, 1) for batch in planes], out=images)
    return images
