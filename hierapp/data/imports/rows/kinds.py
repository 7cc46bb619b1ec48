"""What a source is, by its content: pictures, arrays, or a table."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Literal

from hierapp.data.imports.maps import layout
from hierapp.data.imports.signatures import SUFFIXES
from hierapp.utils import text_files
from hierapp.utils.reading import open_file

Kind = Literal["pictures", "maps", "arrays", "table"]

TABLES = (".csv", ".tsv", ".parquet")
_SAMPLE = 4096


def kind_of(source: Path) -> Kind:
    """Return what a file or folder contains; what is neither arrays nor a table is taken for pictures.

    Only the names in a folder or zip file and the first bytes of other files are read.
    """
    if source.is_dir():
        return _of_names(file.relative_to(source).as_posix() for file in source.rglob("*") if file.is_file())
    try:
        with open_file(source) as opened:
            beginning = opened.read(_SAMPLE)
        if beginning.startswith(b"PK") and zipfile.is_zipfile(source):
            with zipfile.ZipFile(source) as archive:
                return _of_names(name for name in archive.namelist() if not name.endswith("/"))
    except (OSError, zipfile.BadZipFile, ValueError):
        return "pictures"  # the reader of archives says what is wrong
    if beginning.startswith(b"\x93NUMPY"):
        return "arrays"
    if beginning.startswith(b"PAR1") or is_delimited(beginning):
        return "table"
    return "pictures"


def is_delimited(beginning: bytes) -> bool:
    """Return whether a file begins with lines of delimited cells.

    >>> is_delimited(b"x,y,label\\n1,2,cat\\n"), is_delimited(b"\\x89PNG,\\r\\n")
    (True, False)
    """
    try:
        text = text_files.decode(beginning)
    except UnicodeDecodeError as error:
        if error.start < len(beginning) - 4:
            return False
        text = text_files.decode(beginning[: error.start])  # the sample ends within a character
    lines = [line for line in text.splitlines() if line.strip()]
    if "\0" in text or not lines or lines[0].lstrip()[:1] in ("{", "[", "<", "("):
        return False
    return any(mark in lines[0] for mark in text_files.DELIMITERS.values())


def _of_names(names: Iterable[str]) -> Kind:
    names = list(names)
    suffixes = {PurePosixPath(name).suffix.lower() for name in names}
    if suffixes & SUFFIXES:
        return "maps" if layout.has_maps(names) else "pictures"
    if ".npy" in suffixes or ".npz" in suffixes:
        return "arrays"
    return "table" if suffixes & set(TABLES) else "pictures"
