"""The entries of a zip or tar that a stranger made, one after another; `archives.unpack` writes them.

What the archive says of itself is not believed: neither sizes nor places, nor that what follows is what it names.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import stat
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from hierapp.errors import short

PIECE = 64 * 1024
LONGEST_HEADER = 16 * 1024  # two names of 4,096 bytes and what is said beside them
ZIP_HEADER = 30
XZ_MEMORY = 256 * 2**20  # xz -9 takes 65 MiB to unpack


class Refused(Exception):  # noqa: N818 - becomes an ArchiveError, which names the archive
    """What is wrong with the archive and what to do, to be read behind "The archive NAME "."""


@dataclass(frozen=True)
class Entry:
    """A name as the archive has it, and the pieces of the file's content; None of a folder.

    The content is read before the next entry is asked for.
    """

    name: str
    content: Iterator[bytes] | None


def entries(archive: Path, most_entries: int, most_unpacked: int) -> Iterator[Entry]:
    """All entries in the archive's order. Its kind is told by its beginning, for names lie.

    Args:
        archive: a zip, or a tar as it is or packed by gzip, xz or bzip2.
        most_entries: how many a zip's directory may list.
        most_unpacked: bytes that a tar may unpack to, its headers among them.

    Raises:
        Refused: here or while a content is read.
        OSError: if the file cannot be opened.
    """
    with archive.open("rb") as file:
        beginning = file.read(8)
        file.seek(0)
        if beginning.startswith((b"PK\x03\x04", b"PK\x05\x06")):
            yield from _zip_entries(archive, most_entries)
        else:
            yield from _tar_entries(file, beginning, most_unpacked)


@contextmanager
def _reading() -> Iterator[None]:
    """Whatever the library raises on broken input becomes one sentence."""
    try:
        yield
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError, lzma.LZMAError, zlib.error) as error:
        raise Refused("is broken or was cut short; get or pack it again") from error
    except (ValueError, OverflowError, LookupError, RuntimeError, struct.error) as error:
        raise Refused("has headers that make no sense; pack it again") from error


# Zip


class _ZipFile(io.FileIO):
    """zipfile reads a directory whole, and a few MB of it list a hundred thousand entries: they are counted first."""

    def __init__(self, file: Path, most_entries: int) -> None:
        super().__init__(file)
        # The end of the file may be read twice, and contents may look like a directory.
        self.left: float = 2 * most_entries + PIECE

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(-1 if size is None else size) or b""
        self.left -= data.count(b"PK\x01\x02")
        if self.left < 0:
            raise Refused("lists far more entries than are read; leave out what is not needed")
        return data


def _zip_entries(archive: Path, most_entries: int) -> Iterator[Entry]:
    with _reading(), _ZipFile(archive, most_entries) as file, zipfile.ZipFile(file) as opened:
        file.left = float("inf")
        _check_places(opened, file)
        for info in opened.infolist():
            # zipfile cuts names at a NUL, and the system would see another one.
            name = info.orig_filename
            _check_zip_entry(info, name)
            yield Entry(name, None if name.endswith("/") else _zip_content(opened, info))


def _check_places(opened: zipfile.ZipFile, file: IO[bytes]) -> None:
    """Entries that share their bytes are how a small zip unpacks to petabytes."""
    free_from = 0
    for info in sorted(opened.infolist(), key=lambda info: info.header_offset):
        if info.header_offset < free_from:
            raise Refused(f"has entries that overlap, as zip bombs do, {short(info.filename)} for one; pack it again")
        file.seek(info.header_offset)
        header = file.read(ZIP_HEADER)
        name_length, extra_length = struct.unpack("<26xHH", header)
        free_from = info.header_offset + len(header) + name_length + extra_length + info.compress_size
    if free_from > opened.start_dir:
        raise Refused("has an entry that reaches into its directory, as zip bombs do; pack it again")


def _check_zip_entry(info: zipfile.ZipInfo, name: str) -> None:
    if info.flag_bits & 0x2041:  # by a password, by certificates, or the directory itself
        raise Refused(f"holds {short(name)} encrypted; pack it again without a password")
    # The others are rare, and zipfile unpacks them without a limit of memory.
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise Refused(f"holds {short(name)} in a compression that is not read; pack it again with the usual deflate")
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind == stat.S_IFLNK:
        raise Refused(f"holds the symbolic link {short(name)}; pack it again with the files themselves")
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise Refused(f"holds {short(name)}, which is a device or a pipe; pack it again without it")


def _zip_content(opened: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[bytes]:
    with _reading(), opened.open(info) as content:
        size = 0
        while piece := content.read(PIECE):
            size += len(piece)
            yield piece
        if size != info.file_size:
            raise EOFError


# Tar


def _tar_entries(file: IO[bytes], beginning: bytes, most_unpacked: int) -> Iterator[Entry]:
    with _reading():
        stream = _Forward(_unpacked(file, beginning), most_unpacked)
        try:
            opened = tarfile.open(fileobj=stream, mode="r:", encoding="utf-8")  # noqa: SIM115 - the stream is closed
        except tarfile.ReadError as error:
            if beginning.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0")) or stream.looks_like_tar:
                raise
            raise Refused("is neither a zip nor a tar; pack the files as one of these") from error
        while (member := opened.next()) is not None:
            # Or it would keep them all, with whatever their headers say.
            opened.members.clear()  # type: ignore[attr-defined]
            opened.pax_headers = {}
            _check_tar_entry(member)
            yield Entry(member.name, None if member.isdir() else stream.content(member.offset_data, member.size))
        # tarfile takes a header that it cannot read for the end.
        if stream.last_header.strip(b"\0") or len(stream.last_header) < tarfile.BLOCKSIZE:
            raise EOFError
        stream.drain()


def _check_tar_entry(member: tarfile.TarInfo) -> None:
    name = short(member.name)
    if member.issym():
        raise Refused(f"holds the symbolic link {name}; pack it again with the files themselves")
    if member.islnk():
        raise Refused(f"holds the hard link {name}; pack it again with the files themselves")
    if not (member.isreg() or member.isdir()) or member.sparse is not None:
        raise Refused(f"holds {name}, which is a device, a pipe or a sparse file; pack it again without it")
    if hasattr(tarfile, "data_filter"):  # from Python 3.11.4 on
        try:
            tarfile.data_filter(member, tempfile.gettempdir())
        except tarfile.FilterError as error:
            raise Refused(f"holds {name}, which leads out of its folder; pack it again with plain paths") from error


def _unpacked(file: IO[bytes], beginning: bytes) -> IO[bytes]:
    if beginning.startswith(b"\x1f\x8b"):
        return cast(IO[bytes], gzip.GzipFile(fileobj=file, mode="rb"))
    if beginning.startswith(b"BZh"):
        return bz2.BZ2File(file, "rb")
    if beginning.startswith(b"\xfd7zXZ\0"):
        return io.BufferedReader(_Xz(file))
    return file


class _Xz(io.RawIOBase):
    """As lzma.LZMAFile, which has no limit of memory; an xz can ask for 4 GiB."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._coder = self._new()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while True:
            packed = b""
            if self._coder.eof:  # of one stream; another one may follow behind zeros
                packed = (self._coder.unused_data or self._file.read(PIECE)).lstrip(b"\0")
                if not packed:
                    return 0
                self._coder = self._new()
            elif self._coder.needs_input and not (packed := self._file.read(PIECE)):
                raise EOFError
            if piece := self._coder.decompress(packed, len(buffer)):
                buffer[: len(piece)] = piece
                return len(piece)

    @staticmethod
    def _new() -> lzma.LZMADecompressor:
        return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY)


class _Forward(io.RawIOBase):
    """What tarfile reads headers from. It only goes forward and only so far, and no header is read that is too long:
    tarfile would take as much memory as a header asks for, and follow one that leads back for ever."""

    def __init__(self, stream: IO[bytes], most: int) -> None:
        self._stream, self._at, self._most = stream, 0, most
        self.last_header = b""
        self.looks_like_tar = False

    def tell(self) -> int:
        return self._at

    def seek(self, to: int, whence: int = 0, /) -> int:
        while self._at < to:
            if not self._take(min(PIECE, to - self._at)):
                raise EOFError
        if to < self._at:
            raise EOFError
        return self._at

    def read(self, size: int = -1, /) -> bytes:
        """For tarfile: headers, and the byte before one."""
        if not 0 <= size <= LONGEST_HEADER:
            raise Refused("has a header of an absurd size; pack it again")
        data = self._take(size)
        if size == tarfile.BLOCKSIZE:
            self.last_header = data
            self.looks_like_tar |= data[257:262] == b"ustar"
        # Some versions of tarfile search such headers in quadratic time.
        elif re.search(rb"\d{256}", data):
            raise Refused("has a header that makes no sense; pack it again")
        return data

    def content(self, start: int, size: int) -> Iterator[bytes]:
        """The content of a file that begins there."""
        with _reading():
            self.seek(start)
            while size > 0:
                piece = self._take(min(PIECE, size))
                if not piece:
                    raise EOFError
                size -= len(piece)
                yield piece

    def drain(self) -> None:
        """Read what is left, for checksums stand at the end."""
        while self._take(PIECE):
            pass

    def _take(self, size: int) -> bytes:
        data = self._stream.read(size)
        self._at += len(data)
        if self._at > self._most:
            raise Refused("unpacks to far more than its own size, as bombs do; pack the files themselves again")
        return data
