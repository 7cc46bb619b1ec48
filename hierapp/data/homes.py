"""The homes that train on the data sets of a data folder: HIERAPP_DATA may be shared, and every home has its own runs.

A home registers itself by a file in the data folder, whose content is the home's path.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path

from hierapp.utils import files
from hierapp.utils.reading import read_bytes

_PREFIX = ".home-"


def register(home: Path, root: Path) -> None:
    """Say in a data folder that this home uses it; do nothing if the folder does not exist or cannot be written."""
    home = Path(os.path.realpath(home))
    file = root / f"{_PREFIX}{hashlib.sha256(os.fsencode(home)).hexdigest()[:16]}"
    if root.is_dir() and not file.exists():
        with suppress(OSError):  # FileExistsError among them
            files.place(os.fsencode(home), file, files.PUBLIC_FILE)


def others(home: Path, root: Path) -> list[Path]:
    """Return the other homes that registered themselves in a data folder, without those that are gone."""
    found = []
    for file in sorted(root.glob(f"{_PREFIX}*")):
        with suppress(OSError):
            found.append(Path(os.fsdecode(read_bytes(file))))
    here = Path(os.path.realpath(home))
    return [each for each in found if each != here and not _is_gone(each)]


def _is_gone(home: Path) -> bool:
    try:
        return not home.is_dir()
    except OSError:  # in a folder that this user cannot read
        return False
