"""Predicted label maps of the test images, and optionally the probabilities of their pixels, in compressed npz files.

There is an array for each image, so that one is read without the others, and a file is written image by image.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hierapp.data.label_maps import map_dtype
from hierapp.errors import StoreError
from hierapp.utils import files

if TYPE_CHECKING:
    from torch import Tensor

MAPS = "predicted_maps.npz"  # uint8 or int16 [H, W], positions in the classes
PROBABILITIES = "pixel_probabilities.npz"  # float16 [L, H, W]
FILES = (MAPS, PROBABILITIES)
_ABOUT = "about.json"

Visit = Callable[["Tensor"], object]


@dataclass(frozen=True)
class About:
    """The classes, the leaves of the run's tree; the data set; the epoch whose weights were used."""

    classes: tuple[str, ...]
    data: str
    epoch: int


def write(folder: Path, about: About, run: Callable[[Visit], None], probabilities: bool = False) -> None:
    """Write the predictions of a run's folder.

    Args:
        folder: the run's folder.
        about: what the predictions are of.
        run: called with a function that takes the log-probabilities [B, L, H, W] of each batch of test images in turn.
        probabilities: also write those.

    Raises:
        OSError: if they cannot be written; existing files are unchanged.
    """
    folder.mkdir(exist_ok=True)
    kind = map_dtype(len(about.classes))
    with files.replacing(folder / MAPS) as maps_file, zipfile.ZipFile(maps_file, "w", zipfile.ZIP_DEFLATED) as maps:
        maps.writestr(_ABOUT, json.dumps({**about.__dict__}))
        if not probabilities:
            run(lambda log_probs: _add(maps, log_probs.argmax(1).cpu().numpy().astype(kind)))
            return
        with (
            files.replacing(folder / PROBABILITIES) as side,
            zipfile.ZipFile(side, "w", zipfile.ZIP_DEFLATED) as pixels,
        ):

            def add(log_probs: Tensor) -> None:
                _add(maps, log_probs.argmax(1).cpu().numpy().astype(kind))
                _add(pixels, log_probs.exp().cpu().numpy().astype(np.float16))

            run(add)


def has(folder: Path, name: str = MAPS) -> bool:
    """Return whether a run's folder has predicted maps, or with the name `PROBABILITIES` those of its pixels."""
    return (folder / name).is_file()


def about(folder: Path) -> About:
    """Return what the predictions in a run's folder are of.

    Raises:
        StoreError: if there are none, or they are broken.
    """
    try:
        with zipfile.ZipFile(folder / MAPS) as opened:
            said = json.loads(opened.read(_ABOUT))
        return About(tuple(said["classes"]), str(said["data"]), int(said["epoch"]))
    except (OSError, zipfile.BadZipFile, KeyError, TypeError, ValueError) as error:
        raise _broken(folder / MAPS) from error


def read(folder: Path, row: int, name: str = MAPS) -> NDArray[Any]:
    """Return the predicted map of one test image [H, W], or with the name `PROBABILITIES` the probabilities [L, H, W].

    Raises:
        StoreError: if there are none, or they are broken.
    """
    try:
        with zipfile.ZipFile(folder / name) as opened, opened.open(f"{row}.npy") as stored:
            return np.lib.format.read_array(stored, allow_pickle=False)
    except (OSError, zipfile.BadZipFile, KeyError, ValueError) as error:
        raise _broken(folder / name) from error


def _add(archive: zipfile.ZipFile, batch: NDArray[Any]) -> None:
    start = sum(name.endswith(".npy") for name in archive.namelist())
    for place, each in enumerate(batch, start):
        with archive.open(f"{place}.npy", "w", force_zip64=True) as out:
            np.lib.format.write_array(out, np.ascontiguousarray(each), allow_pickle=False)


def _broken(file: Path) -> StoreError:
    return StoreError(f"The file {file} is missing or broken; train the run again to create its predicted maps.")
