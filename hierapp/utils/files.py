"""Write files that users request: under a temporary name, renamed when complete, never replacing an existing file."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from hierapp.errors import StoreError


@contextmanager
def staging_dir(file: Path) -> Iterator[Path]:
    """Context manager: a temporary folder next to the target, so that the file can be renamed into place.

    Raises:
        StoreError: if the file exists.
        OSError: if its folder cannot be written.
    """
    refuse_existing(file)
    with TemporaryDirectory(prefix=".", suffix=".part", dir=file.parent) as folder:
        yield Path(folder)


def commit(side: Path, file: Path) -> None:
    """Give a complete file its final name.

    Raises:
        StoreError: if a file of that name exists by now.
    """
    try:
        os.link(side, file)  # unlike a rename, never replaces a file
    except FileExistsError:
        refuse_existing(file)
    except OSError:  # a disk without hard links
        refuse_existing(file)
        side.rename(file)


def refuse_existing(file: Path) -> None:
    """Raise a StoreError if the file exists."""
    if file.exists() or file.is_symlink():
        raise StoreError(f"The file {file} is there already; remove it or choose another name.")


@contextmanager
def as_store_error(what: str) -> Iterator[None]:
    """Context manager: convert system errors to a StoreError whose message begins with `what`."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        full = _is_full(error)
        why = "no room left on the disk" if full else getattr(error, "strerror", None) or error
        do = "make room" if full else "see that the folders can be read and written"
        raise StoreError(f"{what} ({why}); {do}.") from error


def _is_full(error: Exception) -> bool:
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL
