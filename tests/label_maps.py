"""Small pictures with label maps that are drawn for the tests: 16 x 12 pixels, four classes, void at the edge."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hierapp.data import registry as datasets
from hierapp.data.dataset import Dataset
from hierapp.data.imports import finalize, job
from hierapp.data.imports.job import Request
from hierapp.data.imports.options import Options
from hierapp.data.imports.report import Report
from hierapp.runs import Store
from hierapp.training import RunConfig, trainer
from hierapp.training.recorder import Recorder
from hierapp.trees import library as tree_library
from hierapp.utils import processes

HEIGHT, WIDTH = 12, 16
CLASSES = ("sky", "road", "car", "person")
COLORS = ((80, 120, 220), (90, 90, 90), (200, 40, 40), (220, 180, 60))
VOID = 255
Files = Mapping[str, bytes | str | Image.Image]


def scene(seed: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A picture [12, 16, 3] and its map [12, 16]: sky above road, a car, sometimes a person, void in one row."""
    draw = np.random.default_rng(seed)
    labels = np.zeros((HEIGHT, WIDTH), np.uint8)
    labels[draw.integers(4, 7) :] = 1
    left = draw.integers(0, 10)
    labels[7:10, left : left + 5] = 2
    if seed % 2:
        labels[5:10, (left + 8) % 14 : (left + 8) % 14 + 2] = 3
    pixels = np.array(COLORS)[labels] + draw.normal(0, 20, (HEIGHT, WIDTH, 3))
    labels[-1] = VOID
    return np.clip(pixels, 0, 255).astype(np.uint8), labels


def files(
    pictures: str = "{part}/images/{number}.png",
    maps: str = "{part}/labels/{number}.png",
    parts: Mapping[str, int] | None = None,
) -> dict[str, Image.Image]:
    """Pictures and maps of a number of scenes of each part, under these paths."""
    made: dict[str, Image.Image] = {}
    seed = 0
    for part, count in (parts or {"train": 16, "test": 6}).items():
        for number in range(count):
            pixels, labels = scene(seed)
            made[pictures.format(part=part, number=number)] = Image.fromarray(pixels)
            made[maps.format(part=part, number=number)] = Image.fromarray(labels)
            seed += 1
    return made


def table() -> str:
    """A class table for these maps."""
    return "name,value\n" + "".join(f"{name},{value}\n" for value, name in enumerate(CLASSES))


def write(folder: Path, content: Files) -> Path:
    """Write files into a folder."""
    for name, each in content.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_bytes(each))
    return folder


def pack(archive: Path, content: Files) -> Path:
    """Write files into a zip file."""
    with zipfile.ZipFile(archive, "w") as opened:
        for name, each in content.items():
            opened.writestr(name, _bytes(each))
    return archive


def checked(source: Path, **options: object) -> tuple[str, Report]:
    """Read a source; the token of the import and its report."""
    token = job.begin(Request(source.name, Options(**options), str(source)))  # type: ignore[arg-type]
    return token, job.work(token)


def own(folder: Path, name: str = "streets", parts: Mapping[str, int] | None = None) -> Dataset:
    """Import drawn scenes as a data set."""
    source = write(folder / f"{name}-source", {**files(parts=parts), "classes.csv": table()})
    return finalize.finalize(checked(source)[0], name)


def add_finished(
    store: Store, loss: str = "cross-entropy", seed: int = 0, data: str = "streets", probabilities: bool = False
) -> str:
    """A run of one epoch over drawn scenes, as a worker trains and stores it; its id."""
    tree = tree_library.load(datasets.find(data).default_tree)
    usual = {"data": data, "tree": data, "epochs": 1, "unet_width": 2, "device": "cpu"}
    config = RunConfig.make(**usual, loss=loss, seed=seed, pixel_probabilities=probabilities)
    (run,) = store.add([config], tree, contents={data: datasets.content_hashes(data)})
    claimed = store.claim()
    assert claimed is not None
    assert claimed.id == run
    writer = store.writer(run)
    writer.take(os.getpid(), processes.identity(os.getpid()))
    recorder = Recorder(writer, 1)
    recorder.begin("cpu", "0")
    test = trainer.train(config, tree, recorder, store.run(run).folder)
    recorder.finish(1, test, np.array(test["confusion"]))
    return run


def _bytes(content: bytes | str | Image.Image) -> bytes:
    if isinstance(content, Image.Image):
        out = io.BytesIO()
        content.save(out, "PNG")
        return out.getvalue()
    return content.encode() if isinstance(content, str) else content
