"""Unpack untrusted archives into a new folder, completely or not at all."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from hierapp.errors import ArchiveError, one_line, short
from hierapp.utils import parts
from hierapp.utils.archive_readers import PIECE, Entry, Refused, entries
from hierapp.utils.file_validation import refuse_pickle

RATIO_FREE = 10 * 2**20  # bytes exempt from the ratio, because a blank image compresses to almost nothing


@dataclass(frozen=True)
class Limits:
    """The limits on the content of an archive.

    Attributes:
        entries: the number of files and folders, including folders that occur only in paths.
        size: the total size of the files in bytes, counted while they are written.
        ratio: unpacked bytes per packed byte, beyond the first 10 MiB.
        depth: the number of folders within each other, and the file.
    """

    entries: int = 200_000
    size: int = 8 * 10**9
    ratio: int = 200
    depth: int = 32


def unpack(
    archive: Path,
    folder: Path,
    limits: Limits | None = None,
    *,
    check: Callable[[Path], None] = refuse_pickle,
    one_spelling: bool = True,
    left_out: Callable[[str], object] | None = None,
) -> None:
    """Unpack a zip, or a tar that is uncompressed or compressed with gzip, xz or bzip2; nested archives stay packed.

    The files are written to a temporary folder next to `folder`, which is renamed at the end.

    Args:
        archive: the file; its format is detected from its content.
        folder: the target folder; it must not exist, and its parent must.
        limits: by default `Limits()`.
        check: called with each written file; raises an ArchiveError to refuse it.
        one_spelling: refuse names that differ only in case or Unicode normalization; some disks treat them as equal.
        left_out: a link to a file of the archive becomes a copy of that file; this is called with the name of each
            other link. By default archives with links are refused.

    Raises:
        ArchiveError: if the archive is corrupt, unsafe or exceeds the limits, if `folder` exists, or if the disk is
            full. No files remain then.
    """
    name = one_line(archive.name)
    _refuse_existing(folder)
    side = parts.beside(folder)
    try:
        side.mkdir()
        try:
            _fill(_Box(side, limits or Limits(), archive.stat().st_size, check, one_spelling), archive, left_out)
            _refuse_existing(folder)
            side.rename(folder)
        except BaseException:
            parts.remove(side)
            raise
    except Refused as refused:
        raise ArchiveError(f"The archive {name} {refused}.") from refused
    except OSError as error:
        raise ArchiveError(
            f"The archive {name} cannot be unpacked into {folder.parent} ({error.strerror or error}); check that it is"
            " readable, and that the folder is writable and has enough space."
        ) from error


def safe_parts(name: str) -> tuple[str, ...]:
    """Return the parts of the path of an entry.

    Raises:
        Refused: if the path leaves its folder, or might on some system.

    >>> safe_parts("./cats/1.png")
    ('cats', '1.png')
    >>> safe_parts(r"cats\\1.png")
    ('cats', '1.png')
    """
    name = name.replace("\\", "/")  # as programs on Windows write it
    parts = tuple(part for part in name.split("/") if part not in ("", "."))
    if name.startswith("/") or ".." in parts or any(re.match("[A-Za-z]:", part) for part in parts):
        raise Refused(f"holds {short(name)}, which points outside its folder; pack it again with plain paths")
    if "\0" in name:
        raise Refused(
            f"holds {short(name)}, which some systems read as a different path; pack it again with plain paths"
        )
    try:
        name.encode()
    except UnicodeEncodeError:
        raise Refused(
            f"holds {short(name)}, a name that is not valid Unicode; rename the file and pack it again"
        ) from None
    return parts


class _Box:
    """The temporary folder, which accepts only safe entries."""

    def __init__(
        self, folder: Path, limits: Limits, packed: int, check: Callable[[Path], None], one_spelling: bool
    ) -> None:
        self.folder, self.limits, self.check, self.one_spelling = folder, limits, check, one_spelling
        self.most_by_ratio = limits.ratio * packed + RATIO_FREE
        self.written = 0
        # All files and folders, by their paths without case and Unicode form, as some disks compare them.
        self.paths: dict[tuple[str, ...], tuple[tuple[str, ...], bool]] = {}

    def put(self, entry: Entry) -> None:
        parts = safe_parts(entry.name)
        if len(parts) > self.limits.depth:
            raise Refused(
                f"holds {short(entry.name)}, {len(parts):,} folders deep, and up to {self.limits.depth} are read; pack"
                " it again with fewer"
            )
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

    def file_at(self, parts: tuple[str, ...] | None) -> Path | None:
        """Return the file of the archive that has exactly this path, if there is one."""
        if parts is None:
            return None
        key = tuple(map(_folded, parts)) if self.one_spelling else parts
        return self.folder.joinpath(*parts) if self.paths.get(key) == (parts, True) else None

    def _enter(self, parts: tuple[str, ...], is_file: bool) -> None:
        key = tuple(map(_folded, parts)) if self.one_spelling else parts
        known = self.paths.get(key)
        if known is None:
            if len(self.paths) >= self.limits.entries:
                raise Refused(f"holds more than {self.limits.entries:,} files and folders; remove what is not needed")
            self.paths[key] = parts, is_file
            if not is_file:
                self.folder.joinpath(*parts).mkdir()
        elif is_file or known != (parts, False):
            raise Refused(
                f"holds {short('/'.join(known[0]))} and {short('/'.join(parts))}, which are the same file on some"
                " disks; rename one of them and pack it again"
            )

    def _count(self, size: int) -> None:
        self.written += size
        if self.written > self.limits.size:
            raise Refused(
                f"unpacks to more than the {self.limits.size / 1e6:,.6g} MB that are available; remove what is not"
                " needed"
            )
        if self.written > self.most_by_ratio:
            raise Refused(
                f"unpacks to more than {self.limits.ratio} times its size, as archive bombs do; pack the files again"
            )


def _fill(box: _Box, archive: Path, left_out: Callable[[str], object] | None) -> None:
    links: list[Entry] = []
    for entry in entries(archive, box.limits.entries, box.most_by_ratio):
        if entry.link is None:
            box.put(entry)
            continue
        if left_out is None or len(links) == box.limits.entries:
            kind = "symbolic" if entry.is_symbolic else "hard"
            raise Refused(f"holds the {kind} link {short(entry.name)}; pack it again with the files themselves")
        links.append(entry)
    targets = {safe_parts(link.name): target_of(link) for link in links}
    for link in links:
        file = box.file_at(_end_of(safe_parts(link.name), targets))
        if file is not None:
            box.put(Entry(link.name, _pieces(file)))
        elif left_out is not None:
            left_out(link.name)
    if not box.paths:
        raise Refused("is empty; pack the files again")


def target_of(link: Entry) -> tuple[str, ...] | None:
    """Return the parts of the path that a link names, from the top of the archive; None if it leads outside.

    >>> target_of(Entry("train/cat/1.png", None, "../../all/7.png", is_symbolic=True))
    ('all', '7.png')
    >>> target_of(Entry("1.png", None, "../7.png", is_symbolic=True)) is None
    True
    """
    path = link.link or ""
    parts = list(safe_parts(link.name)[:-1]) if link.is_symbolic else []
    if path.startswith("/"):
        return None
    for part in path.split("/"):
        if part == "..":
            if not parts:
                return None
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return tuple(parts)


def _end_of(name: tuple[str, ...], targets: Mapping[tuple[str, ...], tuple[str, ...] | None]) -> tuple[str, ...] | None:
    """Follow links from a link's name to a name that is no link; None if they lead outside or in a circle."""
    seen = set()
    at: tuple[str, ...] | None = name
    while at is not None and at in targets:
        if at in seen:
            return None
        seen.add(at)
        at = targets[at]
    return at


def _pieces(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        while piece := opened.read(PIECE):
            yield piece


def _folded(part: str) -> str:
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", part).casefold())


def _refuse_existing(folder: Path) -> None:
    if os.path.lexists(folder):
        raise ArchiveError(f"The folder {folder} already exists; remove it or choose another name.")
