"""Read the entries of an untrusted zip or tar one by one; `archives.unpack` writes them.

The metadata of the archive is not trusted: neither sizes, nor offsets, nor the announced content.
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
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from hierapp.errors import short
from hierapp.utils.reading import open_file

PIECE = 64 * 1024
LONGEST_HEADER = 16 * 1024  # two names of 4,096 bytes and the other fields
LONGEST_PATH = 4_096  # bytes
ZIP_HEADER = 30
UTF8_FLAG = 0x800
XZ_MEMORY = 256 * 2**20  # xz -9 needs 65 MiB to unpack


class Refused(Exception):  # noqa: N818 - becomes an ArchiveError, which names the archive
    """The archive is refused. The message says why and what to do, and continues "The archive NAME "."""


@dataclass(frozen=True)
class Entry:
    """An entry.

    Attributes:
        name: its name as stored.
        content: an iterator over the content of a file, to be read before the next entry is requested; None for a
            folder or a link.
        link: the path that a link names, as stored; None for a file or a folder.
        is_symbolic: whether that path begins at the link, not at the top of the archive.
    """

    name: str
    content: Iterator[bytes] | None
    link: str | None = None
    is_symbolic: bool = False


def entries(archive: Path, most_entries: int, most_unpacked: int) -> Iterator[Entry]:
    """Yield all entries in the order of the archive. Its format is detected from the first bytes, not the file name.

    Args:
        archive: a zip, or a tar that is uncompressed or compressed with gzip, xz or bzip2.
        most_entries: the maximum number of entries in the directory of a zip.
        most_unpacked: the maximum unpacked size of a tar in bytes, including its headers.

    Raises:
        Refused: here or while content is read.
        OSError: if the file cannot be opened.
    """
    with open_file(archive) as file:
        beginning = file.read(8)
        file.seek(0)
        if beginning.startswith((b"PK\x03\x04", b"PK\x05\x06")):
            yield from _zip_entries(archive, most_entries)
        else:
            yield from _tar_entries(file, beginning, most_unpacked)


@contextmanager
def _reading() -> Iterator[None]:
    """Context manager: convert the library's errors on corrupt input to Refused."""
    try:
        yield
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError, lzma.LZMAError, zlib.error) as error:
        raise Refused("is broken or truncated; download or pack it again") from error
    except (ValueError, OverflowError, LookupError, RuntimeError, struct.error) as error:
        raise Refused("has invalid headers; pack it again") from error


# Zip


class _ZipFile(io.FileIO):
    """A file that counts the directory entries of a zip as they are read: zipfile loads the complete directory."""

    def __init__(self, file: Path, most_entries: int) -> None:
        super().__init__(file)
        # The end of the file may be read twice, and content may look like a directory.
        self.left: float = 2 * most_entries + PIECE

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(-1 if size is None else size) or b""
        self.left -= data.count(b"PK\x01\x02")
        if self.left < 0:
            raise Refused("lists too many entries; remove files that are not needed")
        return data


def _zip_entries(archive: Path, most_entries: int) -> Iterator[Entry]:
    with _reading(), _ZipFile(archive, most_entries) as file, zipfile.ZipFile(file) as opened:
        file.left = float("inf")
        _check_places(opened, file)
        for info in opened.infolist():
            # zipfile truncates names at a NUL, which would hide the stored name.
            name = _zip_name(info)
            _check_zip_entry(info, name)
            if _kind(info) == stat.S_IFLNK:
                yield Entry(name, None, _zip_link(opened, info, name), is_symbolic=True)
            else:
                yield Entry(name, None if name.endswith(("/", "\\")) else _zip_content(opened, info))


def _zip_name(info: zipfile.ZipInfo) -> str:
    """Return the stored name, as UTF-8 where it is: without the flag for that, zipfile reads code page 437."""
    name = info.orig_filename
    if not info.flag_bits & UTF8_FLAG:
        with suppress(UnicodeError):
            return name.encode("cp437").decode("utf-8")
    return name


def _check_places(opened: zipfile.ZipFile, file: IO[bytes]) -> None:
    """Refuse entries that overlap, by which a small zip can unpack to petabytes."""
    free_from = 0
    for info in sorted(opened.infolist(), key=lambda info: info.header_offset):
        if info.header_offset < free_from:
            raise Refused(
                f"has overlapping entries, as zip bombs have, for example {short(info.filename)}; pack it again"
            )
        file.seek(info.header_offset)
        header = file.read(ZIP_HEADER)
        name_length, extra_length = struct.unpack("<26xHH", header)
        free_from = info.header_offset + len(header) + name_length + extra_length + info.compress_size
    if free_from > opened.start_dir:
        raise Refused("has an entry that overlaps its directory, as in zip bombs; pack it again")


def _check_zip_entry(info: zipfile.ZipInfo, name: str) -> None:
    if info.flag_bits & 0x2041:  # encrypted: by password, by certificates, or the directory
        raise Refused(f"holds {short(name)} encrypted; pack it again without a password")
    # Other methods are rare, and zipfile decompresses them without a memory limit.
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise Refused(f"holds {short(name)} with an unsupported compression; pack it again with deflate")
    if _kind(info) not in (0, stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK):
        raise Refused(f"holds {short(name)}, which is a device or a pipe; pack it again without it")


def _kind(info: zipfile.ZipInfo) -> int:
    return stat.S_IFMT(info.external_attr >> 16)


def _zip_link(opened: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> str:
    """Return the path that a link names, which is its content."""
    path = b""
    for piece in _zip_content(opened, info):
        path += piece
        if len(path) > LONGEST_PATH:
            raise Refused(f"holds the link {short(name)}, whose path is too long; pack it again without it")
    return path.decode(errors="surrogateescape")


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
            # Otherwise tarfile keeps all members and their headers in memory.
            opened.members.clear()  # type: ignore[attr-defined]
            opened.pax_headers = {}
            _check_tar_entry(member)
            if member.issym() or member.islnk():
                yield Entry(member.name, None, member.linkname, member.issym())
            else:
                yield Entry(member.name, None if member.isdir() else stream.content(member.offset_data, member.size))
        # tarfile treats an unreadable header as the end of the archive.
        if stream.last_header.strip(b"\0") or len(stream.last_header) < tarfile.BLOCKSIZE:
            raise EOFError
        stream.drain()


def _check_tar_entry(member: tarfile.TarInfo) -> None:
    name = short(member.name)
    if member.issym() or member.islnk():
        return
    if not (member.isreg() or member.isdir()) or member.sparse is not None:
        raise Refused(f"holds {name}, which is a device, a pipe or a sparse file; pack it again without it")
    if hasattr(tarfile, "data_filter"):  # since Python 3.11.4
        try:
            tarfile.data_filter(member, tempfile.gettempdir())
        except tarfile.FilterError as error:
            raise Refused(f"holds {name}, which points outside its folder; pack it again with plain paths") from error


def _unpacked(file: IO[bytes], beginning: bytes) -> IO[bytes]:
    if beginning.startswith(b"\x1f\x8b"):
        return cast(IO[bytes], gzip.GzipFile(fileobj=file, mode="rb"))
    if beginning.startswith(b"BZh"):
        return bz2.BZ2File(file, "rb")
    if beginning.startswith(b"\xfd7zXZ\0"):
        return io.BufferedReader(_Xz(file))
    return file


class _Xz(io.RawIOBase):
    """Like lzma.LZMAFile, but with a memory limit; an xz file can demand 4 GiB."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._coder = self._new()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while True:
            packed = b""
            if self._coder.eof:  # end of one stream; another may follow after zeros
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
    """A forward-only stream for tarfile with limits on the total size and the length of headers. Without it, tarfile
    allocates as much memory as a header demands, and a header that points back causes an infinite loop."""

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
        """Read for tarfile: headers, and the byte before a header."""
        if not 0 <= size <= LONGEST_HEADER:
            raise Refused("has a header that is too large; pack it again")
        data = self._take(size)
        if size == tarfile.BLOCKSIZE:
            self.last_header = data
            self.looks_like_tar |= data[257:262] == b"ustar"
        # Some versions of tarfile search such headers in quadratic time.
        elif re.search(rb"\d{256}", data):
            raise Refused("has an invalid header; pack it again")
        return data

    def content(self, start: int, size: int) -> Iterator[bytes]:
        """Yield the content of the file that begins at `start`."""
        with _reading():
            self.seek(start)
            while size > 0:
                piece = self._take(min(PIECE, size))
                if not piece:
                    raise EOFError
                size -= len(piece)
                yield piece

    def drain(self) -> None:
        """Read the rest, because checksums are at the end."""
        while self._take(PIECE):
            pass

    def _take(self, size: int) -> bytes:
        data = self._stream.read(size)
        self._at += len(data)
        if self._at > self._most:
            raise Refused("unpacks to far more than its own size, as archive bombs do; pack the files again")
        return data
