"""Test images of a cell of a confusion matrix, as one sheet, or what else is known of its rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hierapp.data import contact_sheet, registry as datasets
from hierapp.data.content import UNKNOWN, ContentHashes
from hierapp.errors import DatasetError
from hierapp.runs.predictions import Items
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
    places = _same_data(outputs, folder, content)
    images = datasets.images(outputs.data, "test", folder)
    return contact_sheet.captioned(images[places[np.asarray(rows, np.int64)]], _captions(outputs, rows), theme)


def texts(
    outputs: Outputs, rows: Sequence[int], folder: Path | None = None, content: ContentHashes = UNKNOWN
) -> list[tuple[str, str, str, str]]:
    """Return text or name, true class, predicted class and its probability of test rows, for a data set of features.

    Args and errors as for `sheet`.
    """
    places = _same_data(outputs, folder, content)
    shown = datasets.texts(outputs.data, "test", folder)
    return [(shown[places[row]], *said) for row, said in zip(rows, _captions(outputs, rows), strict=True)]


def _same_data(outputs: Outputs, folder: Path | None, content: ContentHashes) -> NDArray[np.int64]:
    """Return the positions of the test rows that have outputs: all without coarse labels."""
    _, labels = datasets.arrays(outputs.data, "test", folder)
    entry = datasets.find(outputs.data, folder)
    place = {name: position for position, name in enumerate(outputs.classes)}
    known = np.array([place.get(name, -1) for name in entry.class_names])
    changed = ContentHashes(test=content.test).differ(datasets.content_hashes(outputs.data, folder))
    places = np.flatnonzero(labels < len(known))
    fine = labels[places]
    if changed or len(fine) != len(outputs.target) or not np.array_equal(known[fine], outputs.target):
        raise DatasetError(
            f"The test {entry.noun} of {outputs.data!r} are not those that the run was tested on; the data set has"
            f" changed since, so train again to see {entry.noun}."
        )
    return places


def sheet_of_items(outputs: Outputs, items: Items, rows: Sequence[int], theme: str = "light") -> bytes:
    """Draw the images that were stored with imported predictions, as `sheet`."""
    images = np.stack([items.picture(row) for row in rows])
    return contact_sheet.captioned(images, _captions(outputs, rows), theme)


def table(outputs: Outputs, items: Items | None, rows: Sequence[int]) -> pd.DataFrame:
    """Return the row number in the imported file, its text or the path of its image, true and predicted class and the
    probability of that."""
    frame = pd.DataFrame(_captions(outputs, rows), columns=["true", "predicted", "probability"])
    if items is not None:
        frame.insert(0, items.kind.removesuffix("s"), [items.texts[row] for row in rows])
    frame.insert(0, "row", [row + 1 for row in rows])
    return frame


def _captions(outputs: Outputs, rows: Sequence[int]) -> list[tuple[str, str, str]]:
    """Return true class, predicted class and its probability of each row."""
    p = outputs.probabilities[np.asarray(rows, np.int64)].astype(np.float64)
    best = p.argmax(1)
    return [
        (outputs.classes[outputs.target[row]], outputs.classes[guess], f"{p[number, guess]:.1%}")
        for number, (row, guess) in enumerate(zip(rows, best.tolist(), strict=True))
    ]
