"""Files and folders that only their owner can read: all that hierapp writes into a home, and what it exports."""

from __future__ import annotations

import os
from pathlib import Path

FILE, FOLDER = 0o600, 0o700
UMASK = 0o077  # of processes that write to the home alone


def make_folder(folder: Path) -> None:
    """Create a folder, with those above it, for its owner only; existing ones are not changed."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(mode=FOLDER, exist_ok=True)


def make_file(file: Path) -> None:
    """Create an empty file for its owner only.

    Raises:
        FileExistsError: if there is one.
    """
    os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE))


def protect(folder: Path) -> None:
    """Let only their owner read a folder and all that is in it."""
    folder.chmod(FOLDER)
    for path, folders, files in os.walk(folder):
        for each in folders:
            Path(path, each).chmod(FOLDER)
        for each in files:
            Path(path, each).chmod(FILE)
