"""Find the pictures in a folder, with the class and part of each, from folder names or file names only.

A folder that contains pictures is a class; a folder that contains folders is a group of classes; `train` and `test` may
be above them. No picture is opened, and links are not followed.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from hierapp.data.dataset import Part
from hierapp.data.imports.options import MOST_CLASSES, MOST_FILES, Options
from hierapp.errors import DatasetError, one_line, short
from hierapp.trees.names import free_name

# Suffixes of picture files; the content decides whether a file is a picture. Other suffixes are ignored.
SUFFIXES = ("", ".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".gif", ".bmp", ".dib", ".webp", ".tif", ".tiff")
PART_OF: dict[str, Part] = {
    **dict.fromkeys(("train", "training", "val", "valid", "validation"), "train"),
    **dict.fromkeys(("test", "testing"), "test"),
}
NAMED = 20  # maximum number of ignored files to list


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
        passed_over: the first files, by name, that are not taken as pictures.
        passed_over_count: the number of all such files.
        no_class: pictures whose class cannot be determined, with the reason.
        by_folders: the class of each folder path below the part's folder.
    """

    layout: str
    classes: list[str]
    groups: list[tuple[str, ...]]
    pictures: list[Picture]
    ordinal: bool = False
    passed_over: list[str] = field(default_factory=list)
    passed_over_count: int = 0
    no_class: list[tuple[str, str]] = field(default_factory=list)
    by_folders: dict[tuple[str, ...], int] = field(default_factory=dict)


@dataclass
class _Folder:
    """A folder's pictures and subfolders, without hidden ones and links."""

    path: Path
    names: tuple[str, ...]
    pictures: list[str]
    folders: list[_Folder]

    @property
    def empty(self) -> bool:
        return not self.pictures and all(each.empty for each in self.folders)


def find(root: Path, options: Options) -> Source:
    """Find the classes and pictures in a folder.

    Raises:
        DatasetError: if the pictures are not in class folders, or the limits are exceeded.
    """
    source = Source("class folders", [], [], [])
    top = _unwrapped(_read(root, (), source, [MOST_FILES]), options.utkface)
    parts = _parts(top, source)
    if parts[0][1] is not None:
        source.layout = "train and test folders"
    for folder, part in parts:
        if options.utkface:
            _take_ages(folder, part, source)
        else:
            _take_folders(folder, part, source)
    if len(source.by_folders) > MOST_CLASSES:
        raise DatasetError(
            f"There are {len(source.by_folders):,} class folders, but at most {MOST_CLASSES:,} classes are allowed,"
            " because every epoch of a run stores a matrix of classes by classes; leave some out or merge classes."
        )
    if options.utkface:
        _bin_ages(source, options.bin)
    else:
        _settle_classes(source)
    if not source.pictures:
        raise DatasetError(_nothing(source, options))
    source.pictures.sort(key=lambda picture: (picture.label, natural(picture.shown)))
    return source


def natural(text: str) -> list[tuple[int, str]]:
    """Return a key for natural sorting, "class 2" before "class 10"."""
    return [(int(digits or 0), other) for digits, other in re.findall(r"(\d{1,18})|(\D+)", text.casefold())]


# Reading of folders


def _read(path: Path, names: tuple[str, ...], source: Source, left: list[int]) -> _Folder:
    found = _Folder(path, names, [], [])
    try:
        entries = sorted(os.scandir(path), key=lambda entry: natural(entry.name))
    except OSError as error:
        raise DatasetError(f"The folder {path} cannot be read ({error.strerror}); check that it exists.") from None
    left[0] -= len(entries)
    if left[0] < 0:
        raise DatasetError(f"There are more than {MOST_FILES:,} files; remove what is not needed.")
    for entry in entries:
        if entry.name.startswith(".") or entry.name in ("__MACOSX", "Thumbs.db", "desktop.ini"):
            continue
        inner = (*names, plain(entry.name))
        if entry.is_dir(follow_symlinks=False):
            if len(inner) > 20:
                raise DatasetError(f"The folders in {path} are nested too deeply; import a folder further down.")
            found.folders.append(_read(Path(entry.path), inner, source, left))
        elif entry.is_file(follow_symlinks=False) and Path(entry.name).suffix.lower() in SUFFIXES:
            found.pictures.append(entry.name)
        else:
            _pass_over(source, "/".join(inner))
    return found


def plain(name: str) -> str:
    """Convert a file name to text that can be stored and shown on one line."""
    return one_line(name.encode("utf-8", "replace").decode()).strip() or "_"


def _unwrapped(top: _Folder, utkface: bool) -> _Folder:
    """Return the folder that holds the classes: archives often have one folder around everything."""
    while len(top.folders) == 1 and not top.pictures:
        only = top.folders[0]
        if not utkface and (not only.folders or only.pictures or PART_OF.get(only.names[-1].lower()) == "train"):
            break
        top = only
    return top


def _parts(top: _Folder, source: Source) -> list[tuple[_Folder, Part | None]]:
    """Return the folders of the parts; if there are none, the folder itself, whose test part is drawn."""
    named = [(folder, PART_OF.get(folder.names[-1].lower())) for folder in top.folders]
    found = {part for _, part in named}
    if "train" not in found or (None in found and "test" not in found):
        return [(top, None)]
    for folder, part in named:
        if part is None:
            _pass_over(source, "/".join(folder.names))
    with_test = "test" in found
    return [(folder, part if with_test else None) for folder, part in named if part is not None]


def _pass_over(source: Source, shown: str) -> None:
    source.passed_over_count += 1
    if len(source.passed_over) < NAMED:
        source.passed_over.append(shown)


# Classes from folders


def _take_folders(top: _Folder, part: Part | None, source: Source) -> None:
    for name in top.pictures:
        source.no_class.append(
            ("/".join((*top.names, plain(name))), "it is next to the class folders, not in one of them")
        )
    depth = len(top.names)
    for folder in _class_folders(top):
        inner = folder.names[depth:]
        label = source.by_folders.setdefault(inner, len(source.by_folders))
        for name in folder.pictures:
            shown = "/".join((*folder.names, plain(name)))
            source.pictures.append(Picture(folder.path / name, shown, label, part))


def _class_folders(folder: _Folder) -> Iterator[_Folder]:
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


def _settle_classes(source: Source) -> None:
    """Sort the classes by folder name, regardless of the part in which they were first found, each listed once."""
    paths = sorted(source.by_folders, key=lambda path: [natural(name) for name in path])
    place = {source.by_folders[path]: position for position, path in enumerate(paths)}
    source.pictures = [Picture(each.file, each.shown, place[each.label], each.part) for each in source.pictures]
    times = Counter(path[-1] for path in paths)
    source.classes, source.groups = [], []
    for path in paths:
        source.classes.append(free_name(source.classes, "/".join(path) if times[path[-1]] > 1 else path[-1]))
        source.groups.append(path[:-1])


# Classes from ages


def _take_ages(folder: _Folder, part: Part | None, source: Source) -> None:
    """Use each picture's age as its label; `_bin_ages` combines the ages into classes."""
    source.ordinal, source.layout = True, f"UTKFace, ages in file names{'; ' + source.layout if part else ''}"
    for name in folder.pictures:
        shown = "/".join((*folder.names, plain(name)))
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
    return "It contains no images; expected a folder for each class, with PNG, JPEG, GIF, BMP or WebP files."
