"""Unpacking archives that strangers made: whole into a new folder, or not at all."""

from __future__ import annotations

import re
import secrets
import shutil
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hierapp.errors import ArchiveError, one_line, short
from hierapp.utils.archive_readers import Entry, Refused, entries
from hierapp.utils.file_validation import refuse_pickle

RATIO_FREE = 10 * 2**20  # bytes that may be unpacked whatever the ratio: a blank picture packs to nothing


@dataclass(frozen=True)
class Limits:
    """What an archive may unpack to.

    Attributes:
        entries: files and folders, also those that only paths name.
        size: bytes of all files, counted while they are written.
        ratio: unpacked bytes for each packed one, beyond the first 10 MiB.
    """

    entries: int = 200_000
    size: int = 8 * 10**9
    ratio: int = 200


def unpack(
    archive: Path,
    folder: Path,
    limits: Limits | None = None,
    *,
    check: Callable[[Path], None] = refuse_pickle,
    one_spelling: bool = True,
) -> None:
    """Unpack a zip, or a tar as it is or packed by gzip, xz or bzip2. Archives in it stay as they are.

    Everything is written beside `folder`, into a folder that gets its name at the end.

    Args:
        archive: the file; its content says what it is.
        folder: where to; it must not be there yet, and the folder that it is in must.
        limits: by default those of `Limits`.
        check: is called with each file once it is written, and raises an ArchiveError if it is not to be had.
        one_spelling: refuse names that differ only by case or in how Unicode spells them: on some disks they are one.

    Raises:
        ArchiveError: if it is broken, not safe, or beyond the limits, if `folder` is there, or if there is no room;
            then nothing is left of it.
    """
    name = one_line(archive.name)
    _refuse_existing(folder)
    side = folder.parent / f".{secrets.token_hex(8)}.part"
    try:
        side.mkdir()
        try:
            _fill(_Box(side, limits or Limits(), archive.stat().st_size, check, one_spelling), archive)
            _refuse_existing(folder)
            side.rename(folder)
        except BaseException:
            shutil.rmtree(side, ignore_errors=True)
            raise
    except Refused as refused:
        raise ArchiveError(f"The archive {name} {refused}.") from refused
    except OSError as error:
        raise ArchiveError(
            f"The archive {name} cannot be unpacked into {folder.parent} ({error.strerror or error}); see that it can"
            " be read, and that the folder has room and can be written."
        ) from error


def safe_parts(name: str) -> tuple[str, ...]:
    """The parts of an entry's path.

    Raises:
        Refused: if the path leads out of its folder, or might on some system.

    >>> safe_parts("./cats/1.png")
    ('cats', '1.png')
    """
    parts = tuple(part for part in name.split("/") if part not in ("", "."))
    if name.startswith("/") or ".." in parts or any(re.match("[A-Za-z]:", part) for part in parts):
        raise Refused(f"holds {short(name)}, which leads out of its folder; pack it again with plain paths")
    if "\\" in name or "\0" in name:
        raise Refused(f"holds {short(name)}, which some systems read as another path; pack it again with plain paths")
    try:
        name.encode()
    except UnicodeEncodeError:
        raise Refused(f"holds {short(name)}, a name that is not in Unicode; rename the file and pack again") from None
    return parts


class _Box:
    """The side folder, which only takes what is safe."""

    def __init__(
        self, folder: Path, limits: Limits, packed: int, check: Callable[[Path], None], one_spelling: bool
    ) -> None:
        self.folder, self.limits, self.check, self.one_spelling = folder, limits, check, one_spelling
        self.most_by_ratio = limits.ratio * packed + RATIO_FREE
        self.written = 0
        # Every file and folder there is, as a disk that cares for neither case nor spelling knows it.
        self.paths: dict[tuple[str, ...], tuple[tuple[str, ...], bool]] = {}

    def put(self, entry: Entry) -> None:
        parts = safe_parts(entry.name)
        for depth in range(1, len(parts)):
            self._enter(parts[:depth], is_file=False)
        if entry.content is None:
            if parts:
                self._enter(parts, is_file=False)
            return
        if not parts:
            raise Refused("holds a file without a name; pack it again")
        self._enter(parts, is_file=True)
        file = self.folder.joinpath(*parts)
        with file.open("xb") as out:
            for piece in entry.content:
                self._count(len(piece))
                out.write(piece)
        self.check(file)

    def _enter(self, parts: tuple[str, ...], is_file: bool) -> None:
        key = tuple(map(_folded, parts)) if self.one_spelling else parts
        known = self.paths.get(key)
        if known is None:
            if len(self.paths) >= self.limits.entries:
                raise Refused(
                    f"holds more than {self.limits.entries:,} files and folders; leave out what is not needed"
                )
            self.paths[key] = parts, is_file
            if not is_file:
                self.folder.joinpath(*parts).mkdir()
        elif is_file or known != (parts, False):
            raise Refused(
                f"holds {short('/'.join(known[0]))} and {short('/'.join(parts))}, which are one on some disks; rename"
                " one of them and pack again"
            )

    def _count(self, size: int) -> None:
        self.written += size
        if self.written > self.limits.size:
            raise Refused(
                f"unpacks to more than the {self.limits.size / 1e6:,.6g} MB that there is room for; leave out what"
                " is not needed"
            )
        if self.written > self.most_by_ratio:
            raise Refused(
                f"unpacks to more than {self.limits.ratio} times its size, as bombs do; pack the files themselves again"
            )


def _fill(box: _Box, archive: Path) -> None:
    for entry in entries(archive, box.limits.entries, box.most_by_ratio):
        box.put(entry)
    if not box.paths:
        raise Refused("holds nothing; pack the files again")


def _folded(part: str) -> str:
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", part).casefold())


def _refuse_existing(folder: Path) -> None:
    if folder.exists() or folder.is_symlink():
        raise ArchiveError(f"The folder {folder} is there already; remove it or choose another name.")
