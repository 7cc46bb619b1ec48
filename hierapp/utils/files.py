"""Write files under a temporary name and give them their final name when they are complete.

A file is either placed, which never replaces another one, or replaced at once; there is no third way in hierapp.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hierapp.errors import StoreError
from hierapp.utils import parts, private
from hierapp.utils.disk import is_full

PUBLIC_FILE = 0o666  # less what the umask forbids


def place(content: bytes, file: Path, mode: int = private.FILE) -> None:
    """Write a new file, completely or not at all, whatever other processes do.

    Raises:
        FileExistsError: if there is a file of that name; it is not changed.
        OSError: if it cannot be written.
    """
    with staged(file) as side:
        write_new(content, side, mode)
        place_part(side, file)


def replace(content: bytes, file: Path, mode: int = private.FILE) -> None:
    """Write a file and replace an existing one, completely or not at all.

    A link is followed, and a device or pipe is written to.

    Raises:
        OSError: if it cannot be written; an existing file is not changed.
    """
    file = Path(os.path.realpath(file))
    if file.exists() and not file.is_file():
        file.write_bytes(content)
        return
    with staged(file) as side:
        write_new(content, side, mode)
        if file.exists():
            side.chmod(stat.S_IMODE(file.stat().st_mode))
        side.replace(file)


@contextmanager
def replacing(file: Path) -> Iterator[Path]:
    """Context manager: `staged`, for a library that writes the content; at the end of the block that becomes the file.

    Several processes and threads may do this at once: each writes a file of its own, and the last one remains.

    Raises:
        OSError: if it cannot be replaced; after any error an existing file is not changed.
    """
    with staged(file) as side:
        yield side
        with side.open("rb") as written:
            os.fsync(written.fileno())
        side.replace(file)


@contextmanager
def staged(file: Path) -> Iterator[Path]:
    """Context manager: a path beside a file for its content until that is complete; what is left there is removed."""
    side = parts.beside(file)
    try:
        yield side
    finally:
        with suppress(OSError):  # not instead of the error in the block
            side.unlink(missing_ok=True)


def write_new(content: bytes, file: Path, mode: int = private.FILE) -> None:
    """Write a file that does not exist, safe against a loss of power; after an error a part of it may remain.

    Raises:
        OSError: if it exists or cannot be written.
    """
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode), "wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())


def place_part(side: Path, file: Path) -> None:
    """Give a complete file or folder its final name; it may keep the temporary one as well.

    Raises:
        FileExistsError: if something of that name exists; it is not changed.
        OSError: if it cannot be renamed.
    """
    if side.is_dir():
        file.mkdir()  # takes the name; the rename replaces only an empty folder
        _over_reserved(side, file)
        return
    try:
        os.link(side, file)  # unlike a rename, never replaces a file
    except FileExistsError:
        raise
    except OSError:  # a disk without hard links: take the name first, then rename over the empty file
        private.make_file(file)
        _over_reserved(side, file)


def set_aside(file: Path) -> Path:
    """Rename a file that is of no use to a free name beside it, and return that: NAME.broken, NAME.broken-2, ..."""
    number = 1
    while True:
        aside = file.with_name(f"{file.name}.broken{'' if number == 1 else f'-{number}'}")
        try:
            if file.is_dir() and not file.is_symlink():
                aside.mkdir()
            else:
                private.make_file(aside)
            break
        except FileExistsError:
            number += 1
    _over_reserved(file, aside)
    return aside


# Files that users request


def create(content: bytes, file: Path) -> None:
    """Write a file whose name a user chose.

    Raises:
        StoreError: if it exists or cannot be written.
    """
    try:
        place(content, file, PUBLIC_FILE)
    except FileExistsError:
        raise _is_there(file) from None
    except OSError as error:
        raise StoreError(f"The file {file} cannot be written ({error.strerror or error}).") from None


@contextmanager
def staging_dir(file: Path) -> Iterator[Path]:
    """Context manager: a temporary folder next to the target, so that the file can be renamed into place.

    Those that killed processes left there are removed first.

    Raises:
        StoreError: if the file exists.
        OSError: if its folder cannot be written.
    """
    refuse_existing(file)
    parts.remove_left(file.parent)
    folder = parts.beside(file)
    folder.mkdir(mode=private.FOLDER)
    try:
        yield folder
    finally:
        parts.remove(folder)


def commit(side: Path, file: Path) -> None:
    """Give a complete file or folder its final name, readable by its owner only.

    Raises:
        StoreError: if a file of that name exists by now.
    """
    if side.is_dir():
        private.protect(side)
    else:
        side.chmod(private.FILE)
    try:
        place_part(side, file)
    except FileExistsError:
        raise _is_there(file) from None


def refuse_existing(file: Path) -> None:
    """Raise a StoreError if the file exists."""
    if os.path.lexists(file):  # not pathlib, which raises an error for names too long for a file
        raise _is_there(file)


def _is_there(file: Path) -> StoreError:
    return StoreError(f"The file {file} already exists; remove it or choose another name.")


@contextmanager
def as_store_error(what: str) -> Iterator[None]:
    """Context manager: convert system errors to a StoreError whose message begins with `what`."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        full = is_full(error)
        why = "no space left on the disk" if full else getattr(error, "strerror", None) or error
        do = "make room" if full else "check that the folders can be read and written"
        raise StoreError(f"{what} ({why}); {do}.") from error


def _over_reserved(side: Path, file: Path) -> None:
    """Rename a file or folder over the empty one that this process created; remove that if it fails."""
    try:
        side.replace(file)
    except OSError:
        with suppress(OSError):
            if file.is_dir():
                file.rmdir()
            else:
                file.unlink()
        raise
