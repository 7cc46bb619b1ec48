"""Predicted label maps of a finished run beside the true ones: which images are worst, and what is wrong in them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hierapp.data import map_pictures, registry as datasets
from hierapp.data.content import ContentHashes
from hierapp.errors import DatasetError
from hierapp.runs import Run
from hierapp.training import map_predictions
from hierapp.trees import LabelTree


@dataclass(frozen=True, eq=False)
class TestMaps:
    """The test images of a run with their true maps; positions in the leaves of the run's tree, or void."""

    __test__ = False

    images: NDArray[np.uint8]
    maps: NDArray[Any]
    leaf_of_label: NDArray[np.int64]
    tree: LabelTree
    folder: Path

    def __len__(self) -> int:
        return len(self.images)

    def true(self, row: int) -> NDArray[np.int64]:
        """Return the true leaves of an image [H, W]; void is the number of leaves."""
        labels = self.maps[row].astype(np.int64)
        found: NDArray[np.int64] = self.leaf_of_label[np.minimum(labels, len(self.leaf_of_label) - 1)]
        return found

    def predicted(self, row: int) -> NDArray[np.int64]:
        """Return the predicted leaves of an image [H, W]."""
        return map_predictions.read(self.folder, row).astype(np.int64)


def of_run(run: Run, folder: Path | str | None = None) -> TestMaps:
    """Return the test images and maps of a finished run.

    Raises:
        DatasetError: if the data set is missing or not the one that the run was tested on.
        StoreError: if the run has no predicted maps.
    """
    about = map_predictions.about(run.folder)
    now = datasets.content_hashes(about.data, folder)
    images, maps = datasets.arrays(about.data, "test", folder)
    entry = datasets.find(about.data, folder)
    if entry.kind != "segmentation" or ContentHashes(test=run.content.test).differ(now):
        raise DatasetError(
            f"The test images of {about.data!r} are not those that the run was tested on; the data set has changed"
            " since, so train again to see them."
        )
    # Coarse labels and void are not compared with a leaf.
    void = len(about.classes)
    places = np.append(run.tree.positions_of(entry.class_names), [void] * (len(entry.coarse_names) + 1))
    return TestMaps(images, maps, places, run.tree, run.folder)


def mean_distances(given: TestMaps) -> NDArray[np.float64]:
    """Return the mean distance from the true to the predicted class over the pixels of each test image, [n]."""
    distances = given.tree.distances().astype(np.float64)
    found = np.zeros(len(given))
    for row in range(len(given)):
        true = given.true(row)
        known = true < len(distances)
        if known.any():
            found[row] = distances[true[known], given.predicted(row)[known]].mean()
    return found


def sides(given: TestMaps, row: int, opacity: float) -> tuple[map_pictures.Pixels, map_pictures.Pixels]:
    """Return a test image with the true map, and with the predicted map."""
    colors = map_pictures.class_colors(len(given.tree.leaves))
    image = given.images[row]
    return (
        map_pictures.overlay(image, given.true(row), colors, opacity),
        map_pictures.overlay(image, given.predicted(row), colors, opacity),
    )


def pictures(given: TestMaps, row: int, opacity: float) -> list[map_pictures.Pixels]:
    """Return a test image with the true map, with the predicted map, and its mistakes colored by distance; and the
    probability of the predicted class, if the run has stored it."""
    true, predicted = given.true(row), given.predicted(row)
    found = [
        *sides(given, row, opacity),
        map_pictures.mistakes(given.images[row], true, predicted, given.tree.distances()),
    ]
    if map_predictions.has(given.folder, map_predictions.PROBABILITIES):
        p = map_predictions.read(given.folder, row, map_predictions.PROBABILITIES)
        found.append(map_pictures.shares(np.take_along_axis(p, predicted[None], 0)[0]))
    return found
