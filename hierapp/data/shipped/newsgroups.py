"""20 Newsgroups, as features of its texts."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from hierapp.data.dataset import Arrays, Dataset, File, Part, read as read_file

_CLASSES = """
    alt.atheism comp.graphics comp.os.ms-windows.misc comp.sys.ibm.pc.hardware comp.sys.mac.hardware comp.windows.x
    misc.forsale rec.autos rec.motorcycles rec.sport.baseball rec.sport.hockey sci.crypt sci.electronics sci.med
    sci.space soc.religion.christian talk.politics.guns talk.politics.mideast talk.politics.misc talk.religion.misc
"""


def read(dataset: Dataset, part: Part, folder: Path) -> Arrays:
    """Read features, labels and flags of the test part from an npz file with the arrays features, labels and test."""
    ((file, path),) = dataset.places(folder).items()
    with np.load(io.BytesIO(read_file(file, path, dataset.name)), allow_pickle=False) as stored:
        rows = np.flatnonzero(stored["test"] == (part == "test"))
        return stored["features"][rows], stored["labels"][rows].astype(np.int64)


DATASET = Dataset(
    name="20newsgroups",
    title="20 Newsgroups",
    summary="features: texts embedded by all-MiniLM-L6-v2, 384 numbers",
    class_names=tuple(_CLASSES.split()),
    image_shape=(0, 0, 0),
    train_size=11_314,
    test_size=7_532,
    default_tree="20newsgroups",
    source="Lang (1995), NewsWeeder, ICML; texts without headers, quotes and signatures, embedded by all-MiniLM-L6-v2.",
    read=read,
    files=(File("20newsgroups/20newsgroups-minilm.npz", 13_328_895, "3404572ce2cd6252fd849b4be2d3a1e0"),),
    by_hand="put the file 20newsgroups-minilm.npz into the folder 20newsgroups of the data folder, or embed the"
    " texts yourself and run `python -m hierapp data import FILE --tree 20newsgroups`",
    features=384,
    order=6,
    start_order=6,
)
