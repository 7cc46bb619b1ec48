"""Stored outputs of a network for every test image, to change decoder, tree and metrics later without training."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hierapp.errors import StoreError
from hierapp.training import map_predictions

FILE = "outputs.safetensors"
# The same for the validation images, with the weights of the tested epoch: to calibrate decoders.
VALIDATION = "validation_outputs.safetensors"
# Half of the smallest number in float16: the upper bound of a probability that is stored as 0.
LEAST = 2.0**-25


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
        part = "validation" if name == VALIDATION else "test"
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
                opened.get_tensor("probabilities"),
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
