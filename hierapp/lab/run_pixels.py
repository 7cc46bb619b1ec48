"""Pixels of test images as examples of the lab, of runs on label maps that have stored the probabilities of pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hierapp.analysis import map_results, stored_outputs
from hierapp.analysis.map_results import TestMaps
from hierapp.data import map_pictures
from hierapp.data.images import Pixels
from hierapp.errors import StoreError
from hierapp.runs import Run
from hierapp.training import map_predictions
from hierapp.training.predictions import LEAST

OPACITY = 0.4  # of the predicted map over the image

Place = tuple[int, int]  # column and row of a pixel, from 0


@dataclass(frozen=True)
class Pixel:
    """A labeled pixel: its place, the log-probabilities of the leaves, and the true leaf."""

    place: Place
    log_probs: tuple[float, ...]
    target: int


def has(run: Run) -> bool:
    """Return whether a run's pixels can be shown."""
    return stored_outputs.has_pixels(run)


def of(run: Run) -> TestMaps:
    """Return the test images of a run with their true maps.

    Raises:
        DatasetError, StoreError: as `map_results.of_run`.
    """
    return map_results.of_run(run)


def pixel_of(run: Run, image: int, place: Place | None = None) -> Pixel:
    """Return a pixel of a test image; by default the worst one, see `worst`.

    Raises:
        StoreError: if there is no such image or pixel, or it has no label.
        DatasetError: if the data set is missing or not the one that the run was tested on.
    """
    given = of(run)
    if not 0 <= image < len(given):
        raise StoreError(
            f"Run {run.id} has {len(given):,} test images, numbered 0 to {len(given) - 1:,}, but none with the number"
            f" {image}."
        )
    true = given.true(image)
    height, width = true.shape
    x, y = place if place is not None else worst(given, image)
    if not (0 <= x < width and 0 <= y < height):
        raise StoreError(
            f"The test images of run {run.id} have {width:,} x {height:,} pixels, but none in column {x} and row {y},"
            " counted from 0."
        )
    if true[y, x] >= len(run.tree.leaves):
        raise StoreError(
            f"The pixel in column {x} and row {y} of test image {image} is void or has a coarse label, so no class is"
            " the true one; choose another."
        )
    p = map_predictions.read(run.folder, image, map_predictions.PROBABILITIES)[:, y, x].astype(np.float64)
    logs = np.log(np.maximum(p, LEAST) / np.maximum(p, LEAST).sum())
    return Pixel((x, y), tuple(logs.tolist()), int(true[y, x]))


def worst(given: TestMaps, image: int) -> Place:
    """Return the first pixel of an image with the greatest distance from the true to the predicted class.

    Raises:
        StoreError: if no pixel is labeled.
    """
    true, predicted = given.true(image), given.predicted(image)
    distances = given.tree.distances()
    known = true < len(distances)
    if not known.any():
        raise StoreError(f"Test image {image} has no labeled pixel; choose another.")
    far = np.where(known, distances[np.where(known, true, 0), predicted], -1)
    y, x = np.unravel_index(far.argmax(), far.shape)
    return int(x), int(y)


def among(given: TestMaps, image: int, true: int | None, taken_for: int | None) -> NDArray[np.int64]:
    """Return columns and rows [k, 2] of an image's labeled pixels with a true and a predicted class; None: any."""
    labels = given.true(image)
    chosen = labels < len(given.tree.leaves) if true is None else labels == true
    if taken_for is not None:
        chosen &= given.predicted(image) == taken_for
    return np.argwhere(chosen)[:, ::-1]


def picture(given: TestMaps, image: int) -> Pixels:
    """Return a test image with the predicted classes over it."""
    colors = map_pictures.class_colors(len(given.tree.leaves))
    return map_pictures.overlay(given.images[image], given.predicted(image), colors, OPACITY)
