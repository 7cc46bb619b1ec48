"""Stored outputs of a network for every test image, to change decoder, tree and metrics later without training."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hierapp.errors import StoreError
from hierapp.training import map_predictions

FILE = "outputs.safetensors"
# The same for the validation images, with the weights of the tested epoch: to calibrate decoders.
VALIDATION = "validation_outputs.safetensors"
# The same for the calibration images, of runs that have them: they selected no epoch.
CALIBRATION = "calibration_outputs.safetensors"
# Half of the smallest number in float16: the upper bound of a probability that is stored as 0.
LEAST = 2.0**-25
ROWS = 1_000  # that are read at a time


@dataclass(frozen=True, eq=False)
class Outputs:
    """Probabilities of the test images, in the order of the data set's test part.

    Attributes:
        probabilities: float16 [n, L], columns in the order of `classes`; 3 digits, and 0 below 3e-8.
        target: int32 [n], the true classes as positions in `classes`.
        classes: L names, the leaves of the run's tree.
        data: name of the data set.
        epoch: the epoch whose weights were used.
    """

    probabilities: NDArray[np.float16]
    target: NDArray[np.int32]
    classes: tuple[str, ...]
    data: str
    epoch: int

    @classmethod
    def of(
        cls, probabilities: NDArray[np.float32], target: NDArray[Any], classes: tuple[str, ...], data: str, epoch: int
    ) -> Outputs:
        """Round the probabilities; if rounding makes the largest ones equal, the most probable leaf stays first."""
        rounded, best = probabilities.astype(np.float16), probabilities.argmax(1)
        tied = rounded.argmax(1) != best
        rounded[tied, best[tied]] = np.nextafter(rounded[tied].max(1, initial=0), np.float16(2))
        return cls(rounded, target.astype(np.int32), classes, data, epoch)

    @classmethod
    def of_blocks(
        cls,
        blocks: Iterable[NDArray[np.float32]],
        target: NDArray[Any],
        classes: tuple[str, ...],
        data: str,
        epoch: int,
    ) -> Outputs:
        """Round probabilities that come in blocks of rows, as `of`."""
        rounded, done = np.empty((len(target), len(classes)), np.float16), 0
        for block in blocks:
            rows = slice(done, done := done + len(block))
            rounded[rows] = cls.of(block, target[rows], classes, data, epoch).probabilities
        return cls(rounded, target.astype(np.int32), classes, data, epoch)

    @cached_property
    def predicted(self) -> NDArray[np.int64]:
        """The most probable class of each row, [n]."""
        parts = [self.probabilities[start : start + ROWS].argmax(1) for start in range(0, len(self.target), ROWS)]
        return np.concatenate([np.zeros(0, np.int64), *parts])

    def rows(self, chosen: slice) -> Outputs:
        """Return the outputs of some rows."""
        return replace(self, probabilities=self.probabilities[chosen], target=self.target[chosen])

    def log_probs(self, rows: slice | NDArray[Any] = slice(None)) -> NDArray[np.float32]:
        """Return the logarithms [n, L], of rows that sum to 1; a stored 0 counts as 2 ** -25."""
        p = np.maximum(self.probabilities[rows].astype(np.float32), LEAST)
        values: NDArray[np.float32] = np.log(p / p.sum(-1, keepdims=True))
        return values

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Return the tensors to store, by name."""
        return {"probabilities": self.probabilities, "target": self.target}

    def about(self) -> dict[str, str]:
        """Return the metadata stored with the tensors."""
        return {"classes": json.dumps(self.classes), "data": self.data, "epoch": str(self.epoch)}


def _mapped(file: Path, name: str) -> NDArray[np.float16]:
    """Return a float16 tensor of a safetensors file without reading it: of many classes, it may not fit into memory.

    Raises:
        KeyError, OSError, ValueError: if there is no such tensor.
    """
    with file.open("rb") as opened:
        length = int.from_bytes(opened.read(8), "little")
        about = json.loads(opened.read(length))[name]
    if about["dtype"] != "F16":
        raise ValueError(about["dtype"])
    shape = tuple(about["shape"])
    if 0 in shape:
        return np.zeros(shape, np.float16)
    return np.memmap(file, "<f2", "r", 8 + length + about["data_offsets"][0], shape)


def has(folder: Path) -> bool:
    """Return whether a run's folder has test outputs."""
    return (folder / FILE).exists()


def stored(folder: Path, name: str = FILE) -> Outputs:
    """Return the outputs in a run's folder.

    Raises:
        StoreError: if there are none, or the file is broken.
    """
    found = read(folder, name)
    if found is None and map_predictions.has(folder):
        raise StoreError(
            f"The run in {folder} predicts label maps, for which no outputs of single examples are stored; compare its"
            " metrics, or read its predicted maps."
        )
    if found is None:
        part = {VALIDATION: "validation", CALIBRATION: "calibration"}.get(name, "test")
        raise StoreError(f"The folder {folder} contains no {part} outputs; train the run again to create them.")
    return found


def read(folder: Path, name: str = FILE) -> Outputs | None:
    """Return the outputs in a run's folder; None if the run is not finished or older than this file format.

    Raises:
        StoreError: if the file is broken.
    """
    from safetensors import SafetensorError, safe_open

    file = folder / name
    if not file.is_file():  # a pipe would block
        return None
    try:
        with safe_open(file, framework="numpy") as opened:
            words = opened.metadata()
            found = Outputs(
                _mapped(file, "probabilities"),
                opened.get_tensor("target"),
                tuple(json.loads(words["classes"])),
                words["data"],
                int(words["epoch"]),
            )
        if found.probabilities.shape != (len(found.target), len(found.classes)):
            raise ValueError("shapes")
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise StoreError(f"The file {file} is broken; train the run again to create its test outputs.") from error
    return found
