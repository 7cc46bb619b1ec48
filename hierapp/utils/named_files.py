"""Files that are chosen by name: those that ship, and the user's own beside them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hierapp.errors import StoreError


@dataclass(frozen=True)
class Entry:
    """A file and what it says of itself; `data` is the data set whose classes it is over, if it says so, and `owner`
    the e-mail of who kept it, if they had logged in."""

    name: str
    title: str
    description: str
    data: str | None
    path: Path
    shipped: bool
    owner: str | None = None


@dataclass(frozen=True)
class NamedFileStore:
    """The files of one kind.

    Attributes:
        what: of which kind, as "tree".
        suffix: of their names, as ".json".
        longest: how many characters of a name are kept: 4 bytes each, and file names may have 255.
        shipped_folder: where those are that ship.
        own_folder: where the user's own are; both are asked each time, for HIERAPP_HOME may change.
        entry_of: a file's entry, told whether it ships; None for what is none of the kind.
        reserved: names that mean something else.
    """

    what: str
    suffix: str
    longest: int
    shipped_folder: Callable[[], Path]
    own_folder: Callable[[], Path]
    entry_of: Callable[[Path, bool], Entry | None]
    reserved: frozenset[str] = frozenset()

    def entries(self, data: str | None = None) -> list[Entry]:
        """All of them, or those over a data set's classes; first those that ship, then the user's, by name."""
        found = {
            path.stem: entry
            for folder, shipped in ((self.own_folder(), False), (self.shipped_folder(), True))
            for path in sorted(folder.glob(f"*{self.suffix}"))
            if (entry := self.entry_of(path, shipped)) is not None
        }
        wanted = [entry for entry in found.values() if data is None or entry.data == data]
        return sorted(wanted, key=lambda entry: (not entry.shipped, entry.name))

    def own_file(self, stem: str) -> Path:
        """Where the user's own file of this name is or would be."""
        return self.own_folder() / f"{stem}{self.suffix}"

    def file_of(self, stem: str) -> Path | None:
        """The file that has the name, be it sound or broken; one that ships goes first."""
        files = (self.shipped_folder() / f"{stem}{self.suffix}", self.own_file(stem))
        return next((file for file in files if file.exists()), None)

    def stem_of(self, name: str) -> str:
        """The name of the file in which something of this name is kept, without its suffix."""
        return re.sub(r"[^\w-]+", "-", name)[: self.longest].strip("-") or self.what

    def place_for(self, stem: str, is_same: Callable[[Path], bool]) -> tuple[str, Entry | None]:
        """Where something new of this name goes: the name, with a number where it is taken, and None; or the name of
        one that is the same, and its entry.

        Args:
            stem: as `stem_of` makes it.
            is_same: whether a file of the kind that has the name holds the very thing.
        """
        free, number = stem, 1
        while True:
            there = None if free in self.reserved else self.file_of(free)
            if there is None and free not in self.reserved:
                return free, None
            entry = None if there is None else self.entry_of(there, there.parent == self.shipped_folder())
            if entry is not None and is_same(entry.path):
                return free, entry
            number += 1
            free = f"{stem}-{number}"

    def write(self, file: Path, text: str) -> None:
        """Write a file whole, in place of one that is there.

        Raises:
            StoreError: if the folder cannot be written.
        """
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            side = file.with_suffix(".part")
            side.write_bytes(text.encode("utf-8", "replace"))
            side.replace(file)
        except OSError as error:
            raise self.unwritable(file, error) from None

    def unwritable(self, file: Path, error: OSError) -> StoreError:
        """What is told where a file cannot be written, moved or deleted."""
        return StoreError(
            f"The {self.what} cannot be kept in {file.parent} ({error.strerror}); make the folder writable or set"
            " HIERAPP_HOME to one that is."
        )
