"""Pictures of colored shapes for any label tree: a data set that shows a tree at work within a minute.

The tree decides what looks similar. The hues of the color circle are divided along it, so that classes have closer hues
the closer they are, with gaps between subtrees; the branch below the root decides the shape. Hue, place, size, angle
and brightness vary from picture to picture, the hue so much that close classes are confused, and distant ones seldom.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hierapp.data import registry as datasets
from hierapp.data.dataset import Dataset, Part
from hierapp.data.imports import finalize, job, store
from hierapp.data.imports.report import Report
from hierapp.errors import DatasetError
from hierapp.trees import LabelTree, formats as tree_formats
from hierapp.utils import parts

SIDE = 24
CHUNK = 1_000  # pictures drawn at a time
MOST_CLASSES = 1_000
TRAIN_IMAGES, TRAIN_LEAST, TRAIN_MOST = 20_000, 20, 200  # in all; and of each class
TEST_SHARE = 0.25  # of the number of training images
CIRCLE = 0.85  # of the hues; the rest separates the first classes from the last
GAP = 0.3  # share of a subtree's hues that separates its children
SPREAD = 0.45  # standard deviation of the hue, in hues of a class

Floats = NDArray[np.float64]


def _triangle(x: Floats, y: Floats) -> Floats:
    return np.maximum(np.abs(x) * 1.2 + y * 0.7, -y) - 0.65


# How far a point is outside of each shape of about radius 1; negative inside.
SHAPES: tuple[tuple[str, Callable[[Floats, Floats], Floats]], ...] = (
    ("disk", lambda x, y: np.hypot(x, y) - 0.9),
    ("square", lambda x, y: np.maximum(np.abs(x), np.abs(y)) - 0.8),
    ("triangle", _triangle),
    ("ring", lambda x, y: np.abs(np.hypot(x, y) - 0.75) - 0.25),
    (
        "cross",
        lambda x, y: np.maximum(np.minimum(np.abs(x), np.abs(y)) - 0.3, np.maximum(np.abs(x), np.abs(y)) - 0.95),
    ),
    ("diamond", lambda x, y: (np.abs(x) + 0.6 * np.abs(y)) - 0.65),
    ("star", lambda x, y: np.hypot(x, y) - 0.7 - 0.3 * np.cos(5 * np.arctan2(y, x))),
    ("bar", lambda x, y: np.maximum(np.abs(x) - 1.0, np.abs(y) - 0.35)),
)


def hues(tree: LabelTree) -> Floats:
    """Return the mean hue of each leaf, from 0 to `CIRCLE`, [L].

    >>> tree = LabelTree.from_edges([("root", "animal"), ("animal", "cat"), ("animal", "dog"), ("root", "truck")])
    >>> cat, dog, truck = hues(tree)
    >>> bool(dog - cat < truck - dog)
    True
    """
    starts, ends = np.zeros(len(tree.nodes)), np.full(len(tree.nodes), CIRCLE)
    leaves = np.diff(tree.leaf_ranges, axis=1)[:, 0]
    for node in tree.internal_nodes:
        children = list(tree.children[node])
        width = ends[node] - starts[node]
        gap = GAP * width / (len(children) - 1) if len(children) > 1 else 0.0
        free = width - gap * (len(children) - 1)
        shares = leaves[children] / leaves[children].sum() * free
        starts[children] = starts[node] + np.cumsum(shares + gap) - shares - gap
        ends[children] = starts[children] + shares
    middle: Floats = ((starts + ends) / 2)[tree.leaf_nodes]
    return middle


def shapes(tree: LabelTree) -> NDArray[np.int64]:
    """Return the position in `SHAPES` of each leaf's shape, [L]: that of its branch below the root."""
    if (tree.depth[tree.leaf_nodes] == 2).all():
        return np.zeros(len(tree.leaves), np.int64)  # a flat tree has no branches
    branch = {node: place for place, node in enumerate(tree.children[0])}
    return np.array([branch[int(path[1])] % len(SHAPES) for path in tree.leaf_paths], np.int64)


def pictures(tree: LabelTree, labels: NDArray[np.int64], generator: np.random.Generator) -> NDArray[np.uint8]:
    """Return a picture of each label, [n, 24, 24, 3].

    Args:
        tree: the label tree.
        labels: [n], positions in `tree.leaves`.
        generator: draws what varies.
    """
    of_leaves, kinds = hues(tree), shapes(tree)
    step = np.diff(of_leaves).min() if len(of_leaves) > 1 else CIRCLE
    count = len(labels)
    hue = (of_leaves[labels] + generator.normal(0.0, SPREAD * step, count)) % 1.0
    radius, angle = generator.uniform(0.45, 0.75, count), generator.normal(0.0, 0.25, count)
    center = generator.uniform(-0.25, 0.25, (2, count))
    bright, ground = generator.uniform(0.65, 1.0, count), generator.uniform(0.05, 0.35, count)
    axis = (np.arange(SIDE) + 0.5) / SIDE * 2 - 1
    x, y = axis[None, None, :] - center[0, :, None, None], axis[None, :, None] - center[1, :, None, None]
    cos, sin = np.cos(angle)[:, None, None], np.sin(angle)[:, None, None]
    x, y = (cos * x + sin * y) / radius[:, None, None], (cos * y - sin * x) / radius[:, None, None]
    outside = np.empty((count, SIDE, SIDE))
    for kind, (_, distance) in enumerate(SHAPES):
        of_kind = kinds[labels] == kind
        outside[of_kind] = distance(x[of_kind], y[of_kind])
    inside = np.clip(0.5 - outside * SIDE / 3, 0.0, 1.0)[..., None]
    color = _rgb(hue) * bright[:, None]
    drawn = inside * color[:, None, None, :] + (1 - inside) * ground[:, None, None, None]
    drawn += generator.normal(0.0, 0.03, drawn.shape)
    return (drawn.clip(0.0, 1.0) * 255).round().astype(np.uint8)


def _rgb(hue: Floats) -> Floats:
    """Return the colors of full saturation and value, [n, 3]."""
    around = (np.array([5.0, 3.0, 1.0]) + hue[:, None] * 6) % 6
    rgb: Floats = 1 - np.clip(np.minimum(around, 4 - around), 0.0, 1.0)
    return rgb


def images_per_class(classes: int) -> tuple[int, int]:
    """Return the numbers of training and test images of each class.

    >>> images_per_class(10), images_per_class(1000)
    ((200, 50), (20, 5))
    """
    train = min(max(TRAIN_IMAGES // classes, TRAIN_LEAST), TRAIN_MOST)
    return train, int(train * TEST_SHARE)


def create(
    tree: LabelTree,
    name: str,
    tree_name: str = "",
    seed: int = 0,
    owner: str | None = None,
    folder: Path | str | None = None,
) -> Dataset:
    """Draw a data set for a tree and save it among the user's own.

    Args:
        tree: the label tree.
        name: name of the data set.
        tree_name: name of the saved tree that is the default of the data set; "" for a copy of its own.
        seed: of the pictures.
        owner: whose data set it is, if users log in.
        folder: the data folder; by default paths.data_folder().

    Raises:
        DatasetError: if the name is invalid or taken, the seed is negative, the tree has fewer than 2 or more than
            1,000 leaves, or the disk is full.
    """
    classes = len(tree.leaves)
    if not 2 <= classes <= MOST_CLASSES:
        raise DatasetError(
            f"Toy pictures are drawn for 2 to {MOST_CLASSES:,} classes but the tree has {classes:,}; import data of"
            " your own instead."
        )
    if seed < 0:
        raise DatasetError(f"The seed of the pictures must be 0 or more but is {seed}.")
    root = job.root_of(folder)
    finalize.free_name(name, root)
    train, test = images_per_class(classes)
    report = Report(
        name,
        "colored shapes, drawn for a label tree",
        side=SIDE,
        channels=3,
        classes=list(tree.leaves),
        train=[train] * classes,
        test=[test] * classes,
        drawn=False,
    )
    today = date.today()  # noqa: DTZ011 - the user's local date
    built = store.own_folder(root) / f".toy-{secrets.token_hex(8)}"
    try:
        built.mkdir(parents=True)
        _write_parts(built, tree, {"train": train, "test": test}, np.random.default_rng(seed))
        store.write_report(built, report)
        (built / store.TREE).write_text(tree_formats.render(tree, "json"), encoding="utf-8")
        source = f"Colored shapes, drawn for a label tree on {today:%Y-%m-%d} with seed {seed}."
        store.describe(built, name, report, source, tree_name, owner=owner)
        built.rename(store.own_folder(root) / name)
    except OSError as error:
        parts.remove(built)
        raise job.unwritable(root, error) from None
    return datasets.find(name, root)


def _write_parts(folder: Path, tree: LabelTree, sizes: dict[Part, int], generator: np.random.Generator) -> None:
    for part, count in sizes.items():
        labels = np.repeat(np.arange(len(tree.leaves)), count)
        drawn = [pictures(tree, some, generator) for some in np.array_split(labels, -(-len(labels) // CHUNK))]
        np.save(folder / store.inputs_file(part, "images"), np.concatenate(drawn))
        np.save(folder / store.labels_file(part), labels)
        store.hash_files(folder, part, "images")
