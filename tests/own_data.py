"""Data sets of one's own whose pictures are drawn for the tests, and their replacement by others of the same name."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

from hierapp.data.dataset import Dataset
from hierapp.data.imports import finalize, job, store as import_store
from hierapp.data.imports.job import Request
from hierapp.data.imports.options import Options
from hierapp.runs import Store, data_deletion

CLASSES = ("blue", "green", "red")


def pictures(folder: Path, seed: int, count: int = 10) -> Path:
    """Write pictures of noise in class folders; the same seed gives the same ones."""
    draw = np.random.default_rng(seed)
    for name in CLASSES:
        (folder / name).mkdir(parents=True)
        for number in range(count):
            Image.fromarray(draw.integers(0, 256, (8, 8, 3)).astype(np.uint8)).save(folder / name / f"{number}.png")
    return folder


def own(name: str, seed: int, count: int = 10) -> Dataset:
    """Import pictures under a name; a data set of this name is deleted first, as a user would."""
    if name in import_store.found(job.root_of(None)):
        data_deletion.delete(name, Store())
    with TemporaryDirectory() as folder:
        source = pictures(Path(folder) / "pictures", seed, count)
        token = job.begin(Request(source.name, Options(side=8), str(source)))
        job.work(token)
    return finalize.finalize(token, name)
