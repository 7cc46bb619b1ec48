"""Layouts of folders: where the classes and the training and test parts are, by the names of folders.

Published sets put parts above the classes or inside them, give them other names, wrap folders in others of the same
name, and keep the pictures of a class in a folder of their own. What fits two layouts is refused with a question.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from hierapp.data.dataset import Part
from hierapp.data.imports.folders import Folder
from hierapp.errors import DatasetError, short

PART_OF: dict[str, Part] = {
    **dict.fromkeys(("train", "training", "trainset", "trn", "val", "valid", "validation", "dev"), "train"),
    **dict.fromkeys(("test", "testing", "testset", "eval", "evaluation"), "test"),
}
VALIDATION = frozenset(("val", "valid", "validation", "dev"))
UNLABELED = frozenset(("unlabeled", "unlabelled", "unsup", "unsupervised", "extra", "pred", "predict", "prediction"))
MASKS = frozenset(("masks", "mask", "labels", "annotations", "segmentation", "segmentations", "gt", "groundtruth"))
PICTURES = frozenset(
    ("images", "image", "imgs", "img", "pictures", "photos", "jpg", "jpeg", "jpegs", "jpegimages", "png")
)


@dataclass(frozen=True)
class Leaf:
    """A folder of pictures.

    Attributes:
        folder: the folder.
        top: the folder of its part.
        part: its part; None if the parts are to be drawn.
        path: the names from group to class; empty if it has no class.
    """

    folder: Folder
    top: Folder
    part: Part | None
    path: tuple[str, ...]


@dataclass(frozen=True)
class Parts:
    """Folders of parts, and those beside them that are none."""

    folders: list[tuple[Folder, Part | None]]
    beside: list[Folder]


def unwrapped(top: Folder, into_classes: bool = False) -> Folder:
    """Return the folder that holds the classes or parts: archives often have one folder around everything.

    Folders beside it with other files alone, such as annotations, do not count.

    Args:
        top: the folder of the source.
        into_classes: return a folder even if it holds pictures, as for ages in file names.
    """
    while (only := _only(top)) is not None:
        if not into_classes and (not only.holding or only.pictures or _exact(only) == "train"):
            break
        top = only
    return top


def inside(part: Folder) -> Folder:
    """Return the folder that holds the classes of a part: train/train/cat and train/images/cat are of the class cat."""
    while (only := _only(part)) is not None and only.holding and not only.pictures:
        name = only.names[-1].casefold()
        if name != part.names[-1].casefold() and name not in PICTURES and name not in PART_OF:
            break
        part = only
    return part


def _only(top: Folder) -> Folder | None:
    """Return the only subfolder, if there is nothing beside it but folders with other files alone."""
    beside = [each for each in top.folders if not each.is_empty or not each.has_files]
    return beside[0] if len(beside) == 1 and not top.pictures and not beside[0].is_empty else None


def find_parts(top: Folder) -> Parts:
    """Return the folders of the parts; if there are none, the folder itself, whose test part is drawn.

    Raises:
        DatasetError: if there is a training folder beside folders that may be classes or parts.
    """
    part_of = {id(each): _exact(each) or _loose(each) for each in top.folders}
    named = [(each, part_of[id(each)]) for each in top.folders]
    training = [each for each, part in named if part == "train" and not _is_validation(each)]
    others = [each for each, part in named if part is None]
    whole = Parts([(top, None)], [])
    if not training or (not any(each.holding for each in training) and any(not each.is_empty for each in others)):
        return whole
    with_test = any(part == "test" for _, part in named)
    full = [each for each in others if not each.is_empty and _words(each).isdisjoint(UNLABELED)]
    if full and not with_test:
        if not any(_exact(each) for each in training) or not any(each.holding for each in training):
            return whole
        raise DatasetError(
            f"The folder {short(training[0].names[-1])} may be the training part, or a group next to"
            f" {short(full[0].names[-1])}; rename one of them, or import the training folder alone."
        )
    return Parts([(each, part if with_test else None) for each, part in named if part is not None], others)


def leaves_of(parts: Parts) -> list[Leaf]:
    """Return the class folders of all parts.

    Raises:
        DatasetError: if a folder is a class and a group at once, holds masks beside pictures, or only some classes have
            parts in them.
    """
    found = []
    for folder, part in parts.folders:
        top = folder if part is None and len(parts.folders) == 1 and _exact(folder) is None else inside(folder)
        leaves = [Leaf(each, folder, part, each.names[len(top.names) :]) for each in _class_folders(top)]
        found += _without_pictures_folders(leaves)
    if all(leaf.part is None for leaf in found):
        found = _with_parts_inside(found)
    return _without_unlabeled(found)


def _without_unlabeled(leaves: list[Leaf]) -> list[Leaf]:
    """Remove the classes of parts that share none with the training part: their pictures have no labels."""
    training = {_key(leaf.path) for leaf in leaves if leaf.part != "test" and not _is_validation(leaf.top)}
    shared = {id(leaf.top) for leaf in leaves if _key(leaf.path) in training}
    if not training:
        return leaves
    return [leaf if id(leaf.top) in shared else Leaf(leaf.folder, leaf.top, leaf.part, ()) for leaf in leaves]


def _key(path: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name.casefold() for name in path)


def _class_folders(folder: Folder) -> Iterator[Folder]:
    for inner in folder.folders:
        if not inner.folders:
            yield inner
        elif inner.pictures:
            raise DatasetError(
                f"The folder {short('/'.join(inner.names))} contains images and folders, so it would be a class and a"
                " group; put its images into a separate folder."
            )
        else:
            yield from _class_folders(inner)


def _without_pictures_folders(leaves: list[Leaf]) -> list[Leaf]:
    """Leave out folders for the pictures alone: class/images/1.png is of the class.

    Raises:
        DatasetError: if there are others beside them, such as masks.
    """
    siblings: dict[tuple[str, ...], list[Leaf]] = {}
    for leaf in leaves:
        if not leaf.folder.is_empty:
            siblings.setdefault(leaf.path[:-1], []).append(leaf)
    found = []
    for leaf in leaves:
        beside = [each for each in siblings.get(leaf.path[:-1], []) if each is not leaf]
        if _name(leaf.path) not in PICTURES or leaf.folder.is_empty:
            found.append(leaf)
        elif not beside:
            found.append(Leaf(leaf.folder, leaf.top, leaf.part, leaf.path[:-1]))
        elif len(leaf.path) > 1 or any(_name(each.path) in MASKS for each in beside):
            raise DatasetError(
                f"The folders {short('/'.join(leaf.folder.names))} and {short('/'.join(beside[0].folder.names))} "
                "contain images side by side, as images and masks do; leave out those that are not images of a class."
            )
        else:
            found.append(leaf)
    return found


def _with_parts_inside(leaves: list[Leaf]) -> list[Leaf]:
    """Return the leaves with the parts of class/train/1.png and class/test/1.png, if there are such."""
    split = [leaf for leaf in leaves if len(leaf.path) > 1 and _name(leaf.path) in PART_OF]
    if not any(PART_OF[_name(leaf.path)] == "train" for leaf in split):
        return leaves
    others = [leaf for leaf in leaves if leaf not in split and not leaf.folder.is_empty]
    if others:
        raise DatasetError(
            f"The folder {short('/'.join(split[0].folder.names))} looks like a part of a class, but"
            f" {short('/'.join(others[0].folder.names))} has no parts; give all classes train and test"
            " folders, or none."
        )
    with_test = any(PART_OF[_name(leaf.path)] == "test" for leaf in split)
    return [
        Leaf(leaf.folder, leaf.top, PART_OF[_name(leaf.path)] if with_test else None, leaf.path[:-1]) for leaf in split
    ]


def _name(path: tuple[str, ...]) -> str:
    return path[-1].casefold() if path else ""


def _exact(folder: Folder) -> Part | None:
    return PART_OF.get(folder.names[-1].casefold()) if folder.names else None


def _loose(folder: Folder) -> Part | None:
    """Return the part that a name such as seg_train or TestImages contains; training parts hold class folders."""
    words = _words(folder)
    found = {PART_OF[word] for word in words if word in PART_OF}
    if len(found) != 1 or (found == {"train"} and not folder.holding):
        return None
    return found.pop()


def _is_validation(folder: Folder) -> bool:
    return not _words(folder).isdisjoint(VALIDATION)


def _words(folder: Folder) -> set[str]:
    """Return the words of a folder's name in lower case, also from camelCase."""
    name = folder.names[-1] if folder.names else ""
    return {word.casefold() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)}
