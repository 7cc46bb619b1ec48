"""The folders of a source with the pictures in them, as they lie on the disk."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from hierapp.data.imports.options import MOST_FILES
from hierapp.data.imports.signatures import is_picture
from hierapp.errors import DatasetError, one_line

NAMED = 20  # maximum number of ignored files to list
# What systems leave in every folder.
_IGNORED = ("__MACOSX", "Thumbs.db", "desktop.ini")


@dataclass
class LeftOut:
    """Files that are not taken: the first by name, and the number of all."""

    names: list[str] = field(default_factory=list)
    count: int = 0

    def add(self, shown: str) -> None:
        """Count a file."""
        self.count += 1
        if len(self.names) < NAMED:
            self.names.append(shown)


@dataclass
class Folder:
    """A folder's pictures and subfolders, without hidden ones and links.

    Attributes:
        path: its place.
        names: its path below the source, in Unicode NFC.
        pictures: the names of its files that are pictures.
        folders: its subfolders.
        others: the number of other files in it.
    """

    path: Path
    names: tuple[str, ...]
    pictures: list[str]
    folders: list[Folder]
    others: int = 0

    @property
    def is_empty(self) -> bool:
        """Whether there is no picture in it or below it."""
        return not self.pictures and all(each.is_empty for each in self.folders)

    @property
    def has_files(self) -> bool:
        """Whether there is a file of any kind in it or below it."""
        return bool(self.pictures) or self.others > 0 or any(each.has_files for each in self.folders)

    @property
    def holding(self) -> list[Folder]:
        """The subfolders with pictures in them or below them."""
        return [each for each in self.folders if not each.is_empty]

    def shown(self, picture: str) -> str:
        """Return the path of one of its pictures, for display."""
        return "/".join((*self.names, plain(picture)))

    def all_pictures(self) -> Iterator[str]:
        """Yield the paths of all pictures in it and below it, for display."""
        yield from map(self.shown, self.pictures)
        for each in self.folders:
            yield from each.all_pictures()


def read(path: Path, left_out: LeftOut) -> Folder:
    """Read a folder and all below it.

    Raises:
        DatasetError: if a folder cannot be read, or there are too many files or levels.
    """
    return _read(path, (), left_out, [MOST_FILES])


def _read(path: Path, names: tuple[str, ...], left_out: LeftOut, left: list[int]) -> Folder:
    found = Folder(path, names, [], [])
    try:
        entries = sorted(os.scandir(path), key=lambda entry: (natural(entry.name), entry.name))
    except OSError as error:
        raise DatasetError(f"The folder {path} cannot be read ({error.strerror}); check that it exists.") from None
    left[0] -= len(entries)
    if left[0] < 0:
        raise DatasetError(f"There are more than {MOST_FILES:,} files; remove what is not needed.")
    for entry in entries:
        if entry.name.startswith(".") or entry.name in _IGNORED:
            continue
        inner = (*names, plain(entry.name))
        if entry.is_dir(follow_symlinks=False):
            if len(inner) > 20:
                raise DatasetError(f"The folders in {path} are nested too deeply; import a folder further down.")
            found.folders.append(_read(Path(entry.path), inner, left_out, left))
        elif entry.is_file(follow_symlinks=False) and is_picture(Path(entry.path)):
            found.pictures.append(entry.name)
        else:
            found.others += 1
            left_out.add("/".join(inner) + (" (a link)" if entry.is_symlink() else ""))
    return found


def plain(name: str) -> str:
    """Convert a file name to text that can be stored and shown on one line, in Unicode NFC."""
    text = unicodedata.normalize("NFC", name.encode("utf-8", "replace").decode())
    return one_line(text).strip() or "_"


def natural(text: str) -> list[tuple[int, str]]:
    """Return a key for natural sorting, "class 2" before "class 10"."""
    return [(int(digits or 0), other) for digits, other in re.findall(r"(\d{1,18})|(\D+)", text.casefold())]
