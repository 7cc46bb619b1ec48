"""Test images of finished runs, or their pixels, as examples of the lab, with the network's probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hierapp import paths
from hierapp.analysis import stored_outputs
from hierapp.data import registry as datasets
from hierapp.data.content import ContentHashes
from hierapp.data.images import Pixels
from hierapp.errors import HierappError, StoreError, one_line
from hierapp.lab import run_pixels, trees
from hierapp.lab.example import Example
from hierapp.lab.run_pixels import Place
from hierapp.runs import Run, Store
from hierapp.runs.predictions import items_of
from hierapp.runs.tags import TRIAL
from hierapp.training import predictions
from hierapp.training.predictions import Outputs

# Only the newest finished runs with outputs, up to this number, are offered.
MOST_RUNS = 500


@dataclass(frozen=True)
class RunImage:
    """A network's output on an image.

    Attributes:
        run: the run's id.
        image: its index in the test set, from 0; None for an uploaded picture, which an address cannot name.
        example: the network's leaf probabilities over the run's tree, and the true class (for an uploaded picture, the
            likeliest class).
        tree_name: the tree's name for `trees.named`; None if no tree of that name equals the run's tree.
        pixel: column and row of the pixel, from 0, for a run on label maps; None for a run on whole images.
    """

    run: str
    image: int | None
    example: Example
    tree_name: str | None
    pixel: Place | None = None


def runs(store: Store) -> list[Run]:
    """Return the finished runs that have stored outputs, of test images or of their pixels, newest first."""
    finished = reversed(store.runs(states=["finished"]))
    return list(islice((run for run in finished if stored_outputs.has(run)), MOST_RUNS))


def best(found: Sequence[Run]) -> Run:
    """Return the run with the highest test accuracy on the data set of the newest one.

    Trials of searches, and runs whose predictions were imported and which have no images, count only if there are no
    others.

    Args:
        found: at least one run, newest first.
    """
    rank = min(map(_rank, found))
    chosen = [run for run in found if _rank(run) == rank]
    alike = [run for run in chosen if run.config.data == chosen[0].config.data]
    return max(alike, key=lambda run: (run.test or {}).get("accuracy") or 0.0)


def _rank(run: Run) -> int:
    """Return 0 for a run of one's own, 1 for a trial of a search, 2 for imported predictions."""
    return 2 if run.is_imported else int(any(tag.startswith(TRIAL) for tag in run.tags))


def outputs_of(run: Run) -> Outputs:
    """Return a run's stored test outputs; cached until the file changes.

    Raises:
        StoreError: if there are none, they are broken, or their classes are not the leaves of the run's tree.
    """
    file = run.folder / predictions.FILE
    try:
        found = _read(run.folder, file.stat().st_mtime_ns)
    except OSError:
        found = None
    if found is None:
        raise StoreError(
            f"Run {run.id} has no stored test outputs on this machine; only finished runs have them: train the run"
            " again."
        )
    if found.classes != run.tree.leaves:
        raise StoreError(f"The outputs of run {run.id} have other classes than its tree; train the run again.")
    return found


def image_of(run: Run, image: int, place: Place | None = None) -> RunImage:
    """Return a test image of a run by its index, from 0; for a run on label maps, a pixel of it, by default the worst.

    Raises:
        StoreError: if the run has no outputs, or there is no such image or labeled pixel.
        DatasetError: for a run on label maps, if the data set is missing or has changed.
    """
    if run_pixels.has(run):
        pixel = run_pixels.pixel_of(run, image, place)
        example = Example.from_leaf_log_probs(run.tree, pixel.log_probs, pixel.target)
        return RunImage(run.id, image, example, tree_name(run), pixel.place)
    found = outputs_of(run)
    count = len(found.target)
    if not 0 <= image < count:
        raise StoreError(
            f"Run {run.id} has {count:,} test images, numbered 0 to {count - 1:,}, but none with the number {image}."
        )
    log_probs = found.log_probs(np.array([image]))[0].tolist()
    return RunImage(
        run.id, image, Example.from_leaf_log_probs(run.tree, log_probs, int(found.target[image])), tree_name(run)
    )


def own_picture(run: Run, log_probs: Sequence[float]) -> RunImage:
    """Return an uploaded picture with the run's output for it; the likeliest class is taken as the true one."""
    place = int(np.argmax(log_probs))
    return RunImage(run.id, None, Example.from_leaf_log_probs(run.tree, log_probs, place), tree_name(run))


def find(run: str, image: str, pixel: str | None = None) -> RunImage:
    """Return the test image that an address names, or its pixel, given as column and row: "12,7".

    Raises:
        StoreError: if the image number is invalid, or the run or the image is not on this machine.
    """
    if not _is_number(image):
        raise StoreError(f"The test image {image[:20]!r} in the address is not a valid image number.")
    known = [each for each in _store(paths.home()).runs([run]) if each.id == run]
    if not known:
        raise StoreError(f"There is no run {one_line(run)[:20]!r} on this machine; each machine numbers its own runs.")
    place = None
    if pixel is not None:
        sides = pixel.split(",")
        if len(sides) != 2 or not all(map(_is_number, sides)):
            raise StoreError(f"The pixel {pixel[:20]!r} in the address is not a column and a row, such as 12,7.")
        place = (int(sides[0]), int(sides[1]))
    return image_of(known[0], int(image), place)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 10


def first_image(run: Run) -> int:
    """Return the test image that is shown first: the first mistake, or the first image with a label map."""
    return 0 if run_pixels.has(run) else first_mistake(outputs_of(run))


def tree_name(run: Run) -> str | None:
    """Return the name of a run's tree; None if no tree of that name equals the one it was trained over."""
    try:
        return run.config.tree if trees.named(run.config.tree) == run.tree else None
    except HierappError:
        return None


def likeliest(found: Outputs) -> NDArray[np.int64]:
    """Return the likeliest leaf [n] of each image; the first one on ties."""
    leaves: NDArray[np.int64] = found.predicted
    return leaves


def first_mistake(found: Outputs) -> int:
    """Return the first image whose likeliest leaf is not the true one; 0 if there is none."""
    return int((likeliest(found) != found.target).argmax())


def among(found: Outputs, true: int | None, taken_for: int | None) -> NDArray[np.int64]:
    """Return the images with the given true class and likeliest class; None matches any class."""
    chosen = np.ones(len(found.target), bool)
    if true is not None:
        chosen &= found.target == true
    if taken_for is not None:
        chosen &= likeliest(found) == taken_for
    return np.flatnonzero(chosen)


def texts(run: Run, images: ArrayLike) -> list[str]:
    """Return texts or names of test rows, for a data set of features.

    Raises:
        DatasetError, StoreError: as `pictures`.
    """
    places = _of_run(run)
    shown = datasets.texts(run.config.data, "test", paths.data_folder())
    return [shown[places[place]] for place in np.asarray(images, np.int64).tolist()]


def pictures(run: Run, images: ArrayLike) -> list[Pixels]:
    """Return test images, each uint8 [H, W, C].

    Raises:
        DatasetError: if the data set is not on this machine, or is broken.
        StoreError: if it is no longer the one on which the run was tested.
    """
    if run.is_imported and (kept := _pictures_of_run(run, images)) is not None:
        return kept
    places = _of_run(run)
    folder = paths.data_folder()
    pixels = _test_images(run.config.data, folder, datasets.content_hashes(run.config.data, folder))
    return [pixels[places[place]] for place in np.asarray(images, np.int64).tolist()]


def _of_run(run: Run) -> NDArray[np.int64]:
    """Return the positions of the test rows that have outputs: all without coarse labels."""
    found = outputs_of(run)
    folder = paths.data_folder()
    now = datasets.content_hashes(run.config.data, folder)
    labels = _test_labels(run.config.data, folder, now)
    leaf_of_class = np.asarray(run.tree.positions_of(datasets.find(run.config.data).class_names))
    changed = ContentHashes(test=run.content.test).differ(now)
    places = np.flatnonzero(labels < len(leaf_of_class))
    fine = labels[places]
    if changed or len(fine) != len(found.target) or not np.array_equal(leaf_of_class[fine], found.target):
        noun = datasets.find(run.config.data).noun
        raise StoreError(
            f"The data set {run.config.data!r} has changed since run {run.id} was tested; its {noun} are not shown."
        )
    return places


def _pictures_of_run(run: Run, images: ArrayLike) -> list[Pixels] | None:
    """Return the images that were stored with imported predictions; None if they are those of a data set."""
    items = items_of(run.folder)
    if items is not None and items.has_pictures:
        return [items.picture(place) for place in np.asarray(images, np.int64).tolist()]
    if run.config.data not in datasets.catalogue():
        raise StoreError(f"Run {run.id} was imported, and there are no images of its rows on this machine.")
    return None


@lru_cache(maxsize=4)
def _read(folder: Path, changed: int) -> Outputs | None:
    return predictions.read(folder)


@lru_cache(maxsize=2)
def _test_labels(data: str, folder: Path, content: ContentHashes) -> NDArray[np.int64]:
    return datasets.arrays(data, "test", folder)[1]


@lru_cache(maxsize=2)
def _test_images(data: str, folder: Path, content: ContentHashes) -> Pixels:
    return datasets.images(data, "test", folder)


@lru_cache(maxsize=2)
def _store(folder: Path) -> Store:
    return Store(folder)
