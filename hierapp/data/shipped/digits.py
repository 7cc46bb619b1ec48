"""scikit-learn's handwritten digits."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hierapp.data.dataset import Arrays, Dataset, Part
from hierapp.data.image_set import TEST_SEED, split


def read(dataset: Dataset, part: Part, folder: Path) -> Arrays:
    """Read scikit-learn's digits, scaled from 0..16 to 0..255; the test part is a stratified fifth (TEST_SEED)."""
    pixels, labels = _digits()
    images = np.rint(pixels * (255 / 16)).astype(np.uint8).reshape(-1, *dataset.image_shape)
    chosen = split(labels, 0.2, TEST_SEED)[0 if part == "train" else 1]
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


DATASET = Dataset(
    name="digits",
    title="Digits",
    summary="scikit-learn's digits, 8 × 8, gray",
    class_names=tuple("0123456789"),
    image_shape=(8, 8, 1),
    train_size=1_438,
    test_size=359,
    default_tree="digits",
    source="Alpaydin and Kaynak (1998), Optical Recognition of Handwritten Digits, UCI; comes with scikit-learn.",
    read=read,
    order=1,
    start_order=5,
)
