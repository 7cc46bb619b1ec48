"""Run a frozen network over a data set of images once, and keep its outputs as a data set of features.

Blocks of images are written as they are done, so that an extraction that was interrupted goes on where it was.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from hierapp.data import registry as datasets
from hierapp.data.dataset import Dataset, Part
from hierapp.data.imports import finalize, job, store
from hierapp.data.imports.report import Report
from hierapp.errors import ConfigError, DatasetError
from hierapp.training import device as compute, models
from hierapp.training.config import RunConfig
from hierapp.trees import formats as tree_formats, library as tree_library
from hierapp.utils import locks, parts

BLOCK = 1_000  # images in a file
BATCH = 50
REQUEST = "request.json"

Progress = Callable[[int, int, str], None]


def extract(
    data: str,
    model: str,
    name: str,
    side: int = 0,
    device: str = "auto",
    progress: Progress = lambda *_: None,
    folder: Path | str | None = None,
) -> Dataset:
    """Compute the features of all images of a data set before the head of a network, and keep them under a name.

    Args:
        data: a data set of images.
        model: a network of timm, as "timm:NAME".
        name: the name of the new data set.
        side: side to which the images are resized; 0 for the network's own.
        device: as in a run.
        progress: called as progress(done, total, what) after each block of images.
        folder: the data folder; by default paths.data_folder().

    Returns:
        The new data set: features float16, the same rows, labels and classes.

    Raises:
        ConfigError: if the network is not one of timm, or its weights cannot be had.
        DatasetError: if the data set is not there or has no images, the name is taken, another process extracts under
            this name, or the disk is full.
    """
    root = job.root_of(folder)
    entry = datasets.find(data, root)
    finalize.free_name(name, root)
    if not models.is_timm(model):
        raise ConfigError(f"Features are extracted by a network of timm, such as {models.OFFERED}, but got {model!r}.")
    if entry.kind != "images":
        what = "features already" if entry.kind == "features" else "label maps"
        raise DatasetError(f"The data set {data!r} has no images with one label each but {what}; choose one that has.")
    if (now := datasets.status(data, root)).state != "ready":
        raise DatasetError(now.detail)
    config = RunConfig.make(
        data=data, tree=entry.default_tree, loss="cross-entropy", model=model, input_side=side, tune="head"
    )
    stage = store.own_folder(root) / f".extract-{name}"
    request = {"data": data, "content": list(datasets.content_hashes(data, root)), "model": model, "side": side}
    try:
        stage.mkdir(parents=True, exist_ok=True)
        with job.work_of(stage).held(locks.GLANCE_SECONDS) as lock:
            if lock is None:
                raise DatasetError(
                    f"Another process extracts features as {name!r} already; wait for it, or choose a name."
                )
            _begin(stage, request)
            return _Extraction(entry, config, name, stage, root, progress).run(compute.choose_device(device))
    except OSError as error:
        raise job.unwritable(root, error) from None


def _begin(stage: Path, request: dict[str, Any]) -> None:
    """Remove what was extracted for another request under this name."""
    file = stage / REQUEST
    try:
        known = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        known = None
    if known != request:
        for block in stage.glob("*.npy"):
            block.unlink()
        file.write_text(json.dumps(request), encoding="utf-8")


class _Extraction:
    def __init__(
        self, entry: Dataset, config: RunConfig, name: str, stage: Path, root: Path, progress: Progress
    ) -> None:
        self.entry, self.config, self.name = entry, config, name
        self.stage, self.root, self.progress = stage, root, progress
        self.network: nn.Module | None = None

    def run(self, device: torch.device) -> Dataset:
        done, total = 0, self.entry.train_size + self.entry.test_size
        labels: dict[Part, NDArray[np.int64]] = {}
        for part in store.PARTS:
            images, labels[part] = datasets.arrays(self.entry.name, part, self.root)
            for file, rows in self._blocks(part, len(images)):
                if not _is_whole(file, rows.stop - rows.start):
                    self._write(file, self._features(images[rows], device))
                done += rows.stop - rows.start
                self.progress(done, total, "Extracting features")
        return self._publish(labels)

    def _blocks(self, part: Part, count: int) -> Iterator[tuple[Path, slice]]:
        for start in range(0, count, BLOCK):
            yield self.stage / f"{part}-{start:08d}.npy", slice(start, min(start + BLOCK, count))

    @torch.inference_mode()
    def _features(self, images: NDArray[np.uint8], device: torch.device) -> NDArray[np.float16]:
        if self.network is None:
            from hierapp.training import pretrained

            network = pretrained.build(self.config, self.entry.image_shape, 0)
            self.network = network.eval().to(device).to(memory_format=torch.channels_last)
        found = []
        for start in range(0, len(images), BATCH):
            batch = torch.from_numpy(np.ascontiguousarray(images[start : start + BATCH])).to(device)
            found.append(self.network(batch).half().cpu().numpy())
        features: NDArray[np.float16] = np.concatenate(found)
        if not np.isfinite(features).all():
            raise ConfigError(
                f"The features of {self.config.model} are too large for float16; choose another network, or extract"
                " them yourself and import them as float32."
            )
        return features

    @staticmethod
    def _write(file: Path, features: NDArray[np.float16]) -> None:
        side = parts.beside(file)
        with side.open("wb") as out:
            np.save(out, features)
        side.replace(file)

    def _publish(self, labels: dict[Part, NDArray[np.int64]]) -> Dataset:
        """Join the blocks, write what an import writes, and rename the folder."""
        entry, built = self.entry, self.stage / job.BUILT
        parts.remove(built)
        built.mkdir()
        tree = tree_library.load(entry.default_tree)
        width = int(np.load(next(self._blocks("train", entry.train_size))[0], mmap_mode="r").shape[1])
        for part in store.PARTS:
            out = np.lib.format.open_memmap(
                built / store.inputs_file(part, "features"), "w+", np.float16, (len(labels[part]), width)
            )
            for file, rows in self._blocks(part, len(labels[part])):
                out[rows] = np.load(file)
            out.flush()
            del out
            np.save(built / store.labels_file(part), labels[part])
            store.hash_files(built, part, "features")
        counts = [np.bincount(labels[part], minlength=len(entry.class_names)).tolist() for part in store.PARTS]
        shape = f"{self.config.input_side or 'its own'} pixels"
        report = Report(
            entry.name,
            f"{self.config.model} at {shape}, the labels and parts of {entry.name}",
            side=0,
            channels=0,
            classes=list(entry.class_names),
            train=counts[0],
            test=counts[1],
            drawn=False,
            kind="features",
            features=width,
            dtype="float16",
        )
        store.write_report(built, report)
        (built / store.TREE).write_text(tree_formats.render(tree, "json"), encoding="utf-8")
        today = date.today()  # noqa: DTZ011 - the user's local date
        store.describe(
            built,
            self.name,
            report,
            f"Features of {entry.title} by {self.config.model} at {shape}, extracted on {today:%Y-%m-%d}.",
            tree=entry.default_tree if re.fullmatch(r"[\w-]+", entry.default_tree) else "",
            ordinal=entry.ordinal,
            pictures=(entry.name, datasets.content_hashes(entry.name, self.root)),
        )
        built.rename(store.own_folder(self.root) / self.name)
        parts.remove(self.stage)
        return datasets.find(self.name, self.root)


def _is_whole(file: Path, rows: int) -> bool:
    try:
        return len(np.load(file, mmap_mode="r", allow_pickle=False)) == rows
    except (OSError, ValueError, EOFError):
        return False
