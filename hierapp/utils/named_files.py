"""Files selected by name: those included in hierapp and the user's own."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hierapp.errors import StoreError


@dataclass(frozen=True)
class Entry:
    """A file and its metadata. `data` is the data set whose classes it covers, if recorded; `owner` is the e-mail of
    the person who stored it, if they had logged in."""

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
        what: the kind of the files, such as "tree".
        suffix: the suffix of the file names, such as ".json".
        longest: the maximum length of a name in characters, of up to 4 bytes each; file names may have 255 bytes.
        shipped_folder: returns the folder of the included files.
        own_folder: returns the user's folder; both are called each time, because HIERAPP_HOME may change.
        entry_of: returns the entry of a file, given whether it is included; None for a file of another kind.
        reserved: names with another meaning.
    """

    what: str
    suffix: str
    longest: int
    shipped_folder: Callable[[], Path]
    own_folder: Callable[[], Path]
    entry_of: Callable[[Path, bool], Entry | None]
    reserved: frozenset[str] = frozenset()

    def entries(self, data: str | None = None) -> list[Entry]:
        """Return all entries, or those for the classes of a data set: first the included ones, then the user's."""
        found = {
            path.stem: entry
            for folder, shipped in ((self.own_folder(), False), (self.shipped_folder(), True))
            for path in sorted(folder.glob(f"*{self.suffix}"))
            if (entry := self.entry_of(path, shipped)) is not None
        }
        wanted = [entry for entry in found.values() if data is None or entry.data == data]
        return sorted(wanted, key=lambda entry: (not entry.shipped, entry.name))

    def own_file(self, stem: str) -> Path:
        """Return the path of the user's file of this name, which may not exist."""
        return self.own_folder() / f"{stem}{self.suffix}"

    def file_of(self, stem: str) -> Path | None:
        """Return the file of this name, valid or corrupt; an included file has precedence."""
        files = (self.shipped_folder() / f"{stem}{self.suffix}", self.own_file(stem))
        return next((file for file in files if file.exists()), None)

    def stem_of(self, name: str) -> str:
        """Return the file name, without suffix, for an item of this name."""
        return re.sub(r"[^\w-]+", "-", name)[: self.longest].strip("-") or self.what

    def place_for(self, stem: str, is_same: Callable[[Path], bool]) -> tuple[str, Entry | None]:
        """Return a free name for a new item, with a number appended if the name is taken, and None; or the name and the
        entry of an identical item.

        Args:
            stem: the name, as returned by `stem_of`.
            is_same: returns whether an existing file has the same content as the new item.
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
        """Write a file atomically, replacing an existing one.

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
        """Return the error for a file that cannot be written, moved or deleted."""
        return StoreError(
            f"The {self.what} cannot be kept in {file.parent} ({error.strerror}); make the folder writable or set"
            " HIERAPP_HOME to one that is."
        )
