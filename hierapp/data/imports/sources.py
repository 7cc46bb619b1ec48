"""Find the pictures in a folder, with the class and part of each, from folder names or file names only.

A folder that contains pictures is a class; a folder that contains folders is a group of classes; see `layout` for the
training and test parts. No picture is decoded, and links are not followed.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from hierapp.data.dataset import Part
from hierapp.data.imports import folders, layout
from hierapp.data.imports.folders import Folder, LeftOut, natural
from hierapp.data.imports.options import MOST_CLASSES, Options
from hierapp.errors import DatasetError, short
from hierapp.trees.names import free_name

NO_LABEL = "it is in a part without class folders, so it has no label"


@dataclass(frozen=True)
class Picture:
    """A picture file: path, display name, position of its class, and its part; None if the parts are to be drawn."""

    file: Path
    shown: str
    label: int
    part: Part | None


@dataclass
class Source:
    """The classes and pictures of a source.

    Attributes:
        layout: how classes and parts were determined, in words.
        classes: names in order, including folders without pictures.
        groups: for each class the names of its parent folders, from the top.
        ordinal: whether the order of the classes has a meaning.
        left_out: files that are not taken as pictures, and folders beside those of the parts.
        no_class: pictures whose class cannot be determined, with the reason.
        by_folders: the class of each folder path below the part's folder, without case.
        spellings: the names of that path; more than one if they differ in case.
    """

    layout: str
    classes: list[str]
    groups: list[tuple[str, ...]]
    pictures: list[Picture]
    ordinal: bool = False
    left_out: LeftOut = field(default_factory=LeftOut)
    no_class: list[tuple[str, str]] = field(default_factory=list)
    by_folders: dict[tuple[str, ...], int] = field(default_factory=dict)
    spellings: dict[tuple[str, ...], list[tuple[str, ...]]] = field(default_factory=dict)

    @property
    def merged(self) -> list[str]:
        """The folder names that differ in case only and are one class each."""
        return ["/".join(path) for paths in self.spellings.values() if len(paths) > 1 for path in paths]


def find(root: Path, options: Options) -> Source:
    """Find the classes and pictures in a folder.

    Raises:
        DatasetError: if the pictures are not in class folders, can be read in several ways, or the limits are exceeded.
    """
    source = Source("class folders", [], [], [])
    top = layout.unwrapped(folders.read(root, source.left_out), options.utkface)
    parts = layout.find_parts(top)
    for folder in parts.beside:
        for shown in folder.all_pictures():
            source.left_out.add(shown)
    if options.utkface:
        for folder, part in parts.folders:
            _take_ages(folder, part, source)
        _bin_ages(source, options.bin)
    else:
        _take_folders(parts, source)
    if any(picture.part is not None for picture in source.pictures):
        source.layout = f"{source.layout}; train and test folders" if options.utkface else "train and test folders"
    if not source.pictures:
        raise DatasetError(_nothing(source, options))
    source.pictures.sort(key=lambda picture: (picture.label, natural(picture.shown)))
    return source


# Classes from folders


def _take_folders(parts: layout.Parts, source: Source) -> None:
    # The training part first: its spelling of a class is taken.
    leaves = sorted(layout.leaves_of(parts), key=lambda leaf: leaf.part == "test")
    for folder, _ in parts.folders:
        _note_loose(folder, source)
    with_test = any(leaf.part == "test" and leaf.path for leaf in leaves)
    for leaf in leaves:
        if not leaf.path:
            source.no_class += [(leaf.folder.shown(name), NO_LABEL) for name in leaf.folder.pictures]
            continue
        key = tuple(name.casefold() for name in leaf.path)
        label = source.by_folders.setdefault(key, len(source.by_folders))
        spelled = source.spellings.setdefault(key, [])
        if leaf.path not in spelled:
            spelled.append(leaf.path)
        source.pictures += [
            Picture(leaf.folder.path / name, leaf.folder.shown(name), label, leaf.part if with_test else None)
            for name in leaf.folder.pictures
        ]
    if len(source.by_folders) > MOST_CLASSES:
        raise DatasetError(
            f"There are {len(source.by_folders):,} class folders, but at most {MOST_CLASSES:,} classes are allowed,"
            " because a run stores the probability of each class for every test image; leave some out or merge classes."
        )
    _settle_classes(source)


def _note_loose(folder: Folder, source: Source) -> None:
    """Note the pictures of a part that lie in no class folder."""
    for each in {each.path: each for each in (folder, layout.inside(folder))}.values():
        why = "it is next to the class folders, not in one of them" if each.holding else NO_LABEL
        source.no_class += [(each.shown(name), why) for name in each.pictures]


def _settle_classes(source: Source) -> None:
    """Sort the classes by folder name, regardless of the part in which they were first found, each listed once."""
    keys = sorted(source.by_folders, key=lambda path: [natural(name) for name in path])
    place = {source.by_folders[key]: position for position, key in enumerate(keys)}
    source.pictures = [Picture(each.file, each.shown, place[each.label], each.part) for each in source.pictures]
    times = Counter(key[-1] for key in keys)
    source.classes, source.groups = [], []
    for key in keys:
        path = source.spellings[key][0]
        source.classes.append(free_name(source.classes, "/".join(path) if times[key[-1]] > 1 else path[-1]))
        source.groups.append(path[:-1])


# Classes from ages


def _take_ages(folder: Folder, part: Part | None, source: Source) -> None:
    """Use each picture's age as its label; `_bin_ages` combines the ages into classes."""
    source.ordinal, source.layout = True, "UTKFace, ages in file names"
    for name in folder.pictures:
        shown = folder.shown(name)
        age = re.match(r"(\d{1,3})_", name)
        if age is None:
            source.no_class.append((shown, "its name does not begin with an age, as in 26_0_2_20170104.jpg"))
        else:
            source.pictures.append(Picture(folder.path / name, shown, int(age[1]), part))
    for inner in folder.folders:
        _take_ages(inner, part, source)


def _bin_ages(source: Source, years: int) -> None:
    bins = sorted({picture.label // years for picture in source.pictures})
    place = {each: position for position, each in enumerate(bins)}
    source.pictures = [
        Picture(each.file, each.shown, place[each.label // years], each.part) for each in source.pictures
    ]
    source.classes = [str(each) if years == 1 else f"{each * years}-{each * years + years - 1}" for each in bins]
    source.groups = [()] * len(bins)


def _nothing(source: Source, options: Options) -> str:
    if options.utkface:
        return "No image has an age in its name; UTKFace's names begin with the age, as in 26_0_2_20170104.jpg."
    if source.no_class:
        ages = sum(bool(re.match(r".*?(\d{1,3})_\d_\d_", shown)) for shown, _ in source.no_class)
        face = "; or choose UTKFace, if the numbers in their names are ages" if 2 * ages > len(source.no_class) else ""
        return (
            f"The images, for example {short(source.no_class[0][0])}, are not in class folders; put the images of each"
            f" class into a folder with its name{face}."
        )
    return "It contains no images; expected a folder for each class, with PNG, JPEG, TIFF, GIF, BMP or WebP files."
