"""Files selected by name: those included in hierapp and the user's own."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from hierapp.errors import AccessError, StoreError
from hierapp.utils import files, locks, private


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
        found = (self.shipped_folder() / f"{stem}{self.suffix}", self.own_file(stem))
        return next((file for file in found if os.path.lexists(file)), None)

    def stem_of(self, name: str) -> str:
        """Return the file name, without suffix, for an item of this name."""
        return re.sub(r"[^\w-]+", "-", name)[: self.longest].strip("-") or self.what

    def place(self, stem: str, content: bytes, is_same: Callable[[Path], bool]) -> tuple[Path, bool]:
        """Write a new file under a name or, if that is taken, under one with a number; see the function `place`.

        Raises:
            StoreError: if the user's folder cannot be written.
        """
        names = (name for name in numbered(stem) if name not in self.reserved)
        with writing(self.own_folder(), self.what):
            return place(content, names, self.own_file, self.file_of, is_same)

    def refuse_foreign(self, entry: Entry | None, may_change: Callable[[str | None], bool]) -> None:
        """Raise an AccessError if a file may not be deleted; call it while `changing`, so that it stays the same file.

        A file that is missing or cannot be read is nobody's.
        """
        if not may_change(None if entry is None else entry.owner):
            raise AccessError(f"This {self.what} is not yours; ask its owner or an admin to delete it.")

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Context manager: only one process at a time replaces or deletes a file; placing new ones needs no lock.

        Raises:
            StoreError: if the user's folder cannot be written.
        """
        folder = self.own_folder()
        # The lock is beside the folder, which contains nothing but the user's files.
        with writing(folder, self.what), locks.holding(folder.with_name(f".{folder.name}.lock")):
            yield


def place(
    content: bytes,
    names: Iterable[str],
    own_file: Callable[[str], Path],
    file_of: Callable[[str], Path | None],
    is_same: Callable[[Path], bool],
) -> tuple[Path, bool]:
    """Write a new file under the first name that is free, unless an item of an earlier name is identical.

    Any number of processes may do this at once: no file is replaced, and identical items get one file.

    Args:
        content: the content of the file.
        names: the names in order, without an end.
        own_file: returns the path for a name.
        file_of: returns the existing file of a name, which may be another path, or None.
        is_same: returns whether an existing file, which may be broken, is of the same item.

    Returns:
        The file, and whether it is new.

    Raises:
        OSError: if it cannot be written.
    """
    for name in names:
        while (there := file_of(name)) is None:
            with suppress(FileExistsError):  # another process was faster, maybe with the same item
                files.place(content, own_file(name))
                return own_file(name), True
        if is_same(there):
            return there, False
    raise AssertionError("the names have an end")


def numbered(stem: str) -> Iterator[str]:
    """Yield a name, and then the name with numbers.

    >>> names = numbered("pets")
    >>> next(names), next(names), next(names)
    ('pets', 'pets-2', 'pets-3')
    """
    yield stem
    yield from (f"{stem}-{number}" for number in itertools.count(2))


@contextmanager
def writing(folder: Path, what: str) -> Iterator[None]:
    """Context manager: create a folder for files of a kind; system errors in the block become StoreErrors."""
    try:
        private.make_folder(folder)
        yield
    except OSError as error:
        raise StoreError(
            f"The {what} cannot be saved in {folder} ({error.strerror}); make the folder writable or set HIERAPP_HOME"
            " to one that is."
        ) from None
