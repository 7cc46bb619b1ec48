"""Test images of a cell of a confusion matrix, as one sheet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hierapp.data import contact_sheet, registry as datasets
from hierapp.data.content import UNKNOWN, ContentHashes
from hierapp.errors import DatasetError
from hierapp.training.predictions import Outputs


def sheet(
    outputs: Outputs,
    rows: Sequence[int],
    theme: str = "light",
    folder: Path | None = None,
    content: ContentHashes = UNKNOWN,
) -> bytes:
    """Draw test images as a PNG; below each are its true class, the predicted class and its probability.

    Args:
        outputs: the run's stored outputs.
        rows: positions of one or more images.
        theme: theme of the page around it, "light" or "dark".
        folder: the data folder; by default paths.data_folder().
        content: that of the data set when the run was queued.

    Raises:
        DatasetError: if the data set cannot be read, or its test images are not those of the run.
    """
    images, labels = datasets.arrays(outputs.data, "test", folder)
    names = datasets.find(outputs.data, folder).class_names
    place = {name: position for position, name in enumerate(outputs.classes)}
    known = np.array([place.get(name, -1) for name in names])
    changed = ContentHashes(test=content.test).differ(datasets.content_hashes(outputs.data, folder))
    if changed or len(labels) != len(outputs.target) or not np.array_equal(known[labels], outputs.target):
        raise DatasetError(
            f"The test images of {outputs.data!r} are not those that the run was tested on; the data set has changed "
            "since, so train again to see images."
        )
    chosen = np.asarray(rows, np.int64)
    p = outputs.probabilities[chosen].astype(np.float64)
    best = p.argmax(1)
    captions = [
        (outputs.classes[outputs.target[row]], outputs.classes[guess], f"{p[number, guess]:.1%}")
        for number, (row, guess) in enumerate(zip(chosen.tolist(), best.tolist(), strict=True))
    ]
    return contact_sheet.captioned(images[chosen], captions, theme)
