"""Open files that users name or may have put into a home. Pipes and devices are refused: reading one may never end."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO


def open_file(path: Path) -> BinaryIO:
    """Open a regular file, or a link to one, for reading bytes.

    Raises:
        IsADirectoryError: if it is a folder.
        OSError: if it is a pipe, a socket or a device, does not exist, or cannot be read.
        ValueError: if the name has a NUL character.
    """
    kind = stat.S_IFMT(path.stat().st_mode)  # first: to open a device may already do something
    # A pipe may take the file's place meanwhile; O_NONBLOCK has no effect on files.
    opened = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") if kind == stat.S_IFREG else None
    if opened is not None and stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
        return opened
    if opened is not None:
        opened.close()
    if kind == stat.S_IFDIR:
        raise IsADirectoryError(errno.EISDIR, "it is a folder", str(path))
    raise OSError(errno.EINVAL, "it is a pipe, a socket or a device", str(path))


def read_bytes(path: Path) -> bytes:
    """Return the content of a regular file; the errors are those of `open_file`."""
    with open_file(path) as file:
        return file.read()


def read_text(path: Path) -> str:
    """Return the text of a regular file in UTF-8; raise the errors of `open_file`, or a UnicodeDecodeError."""
    return read_bytes(path).decode()
