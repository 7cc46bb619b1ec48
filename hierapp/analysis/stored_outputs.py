"""What decoders are applied to: a run's outputs for all test rows, or for a sample of the pixels of its label maps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from hierapp.analysis import map_results
from hierapp.errors import StoreError
from hierapp.runs import Run
from hierapp.training import map_predictions, predictions
from hierapp.training.predictions import Outputs

MOST_PIXELS = 100_000  # of a sample
MOST_NUMBERS = 2**23  # probabilities of a sample
MOST_SHOWN = 2**25  # probabilities of a run that pages and reports decode
MOST_OF_AN_IMAGE = 2**28  # probabilities that are read at a time


def has(run: Run) -> bool:
    """Return whether a run has outputs to which decoders can be applied."""
    return predictions.has(run.folder) or has_pixels(run)


def has_pixels(run: Run) -> bool:
    """Return whether a run on label maps has stored the probabilities of its pixels."""
    return map_predictions.has(run.folder, map_predictions.PROBABILITIES)


def of(run: Run, folder: Path | str | None = None) -> Outputs:
    """Return the outputs of a run's test rows, or of a sample of the labeled pixels of its test images.

    Args:
        run: a finished run.
        folder: the data folder; by default paths.data_folder().

    Raises:
        StoreError: if there are none, or they are broken.
        DatasetError: if the true maps are missing or not those that the run was tested on.
    """
    if has_pixels(run):
        return of_pixels(run, folder)
    if map_predictions.has(run.folder):
        raise StoreError(
            f"Run {run.id} has not stored the probabilities of its pixels, which decoders need; train it again with"
            " --pixel-probabilities."
        )
    return predictions.stored(run.folder)


def sample(outputs: Outputs, most: int | None = None) -> Outputs:
    """Return outputs with at most this many probabilities, `MOST_SHOWN` by default: rows drawn at random, in order.

    The same rows are drawn for all runs with as many rows and classes, so that their differences are paired. Decoding
    40,000 rows of 10,000 classes would take minutes.
    """
    count, wanted = len(outputs.target), max(1, (MOST_SHOWN if most is None else most) // len(outputs.classes))
    if count <= wanted:
        return outputs
    rows = np.sort(np.random.default_rng(0).choice(count, wanted, replace=False))
    return replace(outputs, probabilities=outputs.probabilities[rows], target=outputs.target[rows])


def of_pixels(run: Run, folder: Path | str | None = None, most: int = MOST_PIXELS) -> Outputs:
    """Return the outputs of at most `most` labeled pixels, drawn at random from all test images.

    The same pixels are drawn for all runs on the same data and tree, so that their differences are paired. Memory is
    bounded by the sample and the probabilities of one image.

    Raises:
        StoreError, DatasetError: as `of`; also if the probabilities of one image are too many.
    """
    given, about = map_results.of_run(run, folder), map_predictions.about(run.folder)
    size = len(about.classes)
    of_image = size * int(np.prod(given.maps.shape[1:]))
    if of_image > MOST_OF_AN_IMAGE:
        raise StoreError(
            f"Run {run.id} has {of_image:,} probabilities for each test image, and decoders are applied to at most"
            f" {MOST_OF_AN_IMAGE:,}; train on smaller images to compare decoders."
        )
    counts = np.array([int((given.true(row) < size).sum()) for row in range(len(given))])
    ends, total = counts.cumsum(), int(counts.sum())
    wanted = max(1, min(most, MOST_NUMBERS // size, total))
    drawn = np.sort(np.random.default_rng(0).choice(total, wanted, replace=False, shuffle=False))
    p, target, done = np.empty((wanted, size), np.float16), np.empty(wanted, np.int32), 0
    for row, chosen in enumerate(np.split(drawn, np.searchsorted(drawn, ends[:-1]))):
        if not len(chosen):
            continue
        true, rows = given.true(row).ravel(), slice(done, done := done + len(chosen))
        places = np.flatnonzero(true < size)[chosen - (ends[row] - counts[row])]
        found = map_predictions.read(run.folder, row, map_predictions.PROBABILITIES).reshape(size, -1)
        p[rows], target[rows] = found[:, places].T, true[places]
    return Outputs(p, target, about.classes, about.data, about.epoch)
