"""What is shown for rows of features, in place of images: their texts, or their numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hierapp.data import registry
from hierapp.data.dataset import Part


def of_label(name: str, part: Part, label: int, most: int, folder: Path | str | None = None) -> tuple[list[str], int]:
    """Return the texts of the first rows with a label, and the number of all.

    Args:
        name: the data set.
        part: "train" or "test".
        label: position in the data set's label_names.
        most: maximum number of texts.
        folder: the data folder; by default paths.data_folder().

    Raises:
        DatasetError: if the data set cannot be read.
    """
    _, labels = registry.arrays(name, part, folder)
    rows = np.flatnonzero(labels == label)
    texts = registry.texts(name, part, folder)
    return [texts[row] for row in rows[:most].tolist()], len(rows)
