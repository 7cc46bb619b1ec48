"""Texts as features: embedded by a sentence encoder, which the extra `text` brings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from hierapp.data.imports.rows.rows import Rows
from hierapp.errors import ConfigError, DatasetError
from hierapp.similarities import embeddings

BATCH = 256  # texts that are embedded at a time


def embedded(rows: Rows, progress: Callable[[int, int, str], None]) -> Rows:
    """Return the rows with the embeddings of their texts as features; those of empty texts are not finite.

    Args:
        rows: rows whose texts stand for features.
        progress: called as progress(done, total, what) with the texts that are done.

    Raises:
        DatasetError: if all texts are empty, or the extra is not installed; says how to install it.
    """
    texts = [" ".join(text.split()) for text in rows.texts or ()]
    written = [place for place, text in enumerate(texts) if text]
    if not written:
        raise DatasetError("All texts are empty; choose the column of the texts.")
    found: list[np.ndarray] = []
    for start in range(0, len(written), BATCH):
        progress(start, len(written), "Embedding texts")
        try:
            found.append(embeddings.embed([texts[place] for place in written[start : start + BATCH]]))
        except ConfigError as error:
            raise DatasetError(f"The table has texts but no other features: {error}") from None
    vectors = np.concatenate(found)
    features = np.full((len(texts), vectors.shape[1]), np.nan, np.float32)
    features[written] = vectors
    layout = f"{rows.layout}, embedded by {embeddings.PACKAGED} in {vectors.shape[1]} numbers"
    return replace(rows, features=features, layout=layout, embeds=False)
