"""Names for files and folders that are being written, and the removal of those that a killed process left.

A name says which process writes it, so that nothing of a living process is ever removed, and needs no lock, which some
disks do not have.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
import time
from contextlib import suppress
from pathlib import Path

from hierapp.utils import processes

SUFFIX = ".part"
# Parts of processes that cannot be seen from here, such as those of other machines, are removed after this time.
UNSEEN_SECONDS = 7 * 24 * 3600.0

_NAME = re.compile(r"\.([0-9a-f]{6})-([0-9a-f]{6})-([0-9a-f]{6})-(\d+)-(\d+)-[0-9a-f]{12}\.part")
_OLD_NAME = re.compile(r"\.[0-9a-z_.-]*[0-9a-z_]{8}\.part")  # of hierapp 0.1.0


def beside(file: Path) -> Path:
    """Return a new path in the folder of a file, for its content while that is written by this process.

    Rename or link it to the file when it is complete, so that no one sees it incomplete.
    """
    host, boot, namespace, pid, start = (processes.identity(os.getpid()) or "").split(" ")
    words = (*map(_digest, (host, boot, namespace)), pid, start, secrets.token_hex(6))
    return file.parent / f".{'-'.join(words)}{SUFFIX}"


def remove_left(folder: Path, own: bool = False) -> list[Path]:
    """Remove the parts that killed processes left in a folder, and return them; what cannot be removed stays.

    Args:
        folder: the folder, which may not exist; its subfolders are not searched.
        own: whether only hierapp writes to the folder: then those of hierapp 0.1.0 are removed, too, after a week.
    """
    removed = []
    with suppress(OSError):
        for entry in sorted(folder.iterdir()):
            if _is_left(entry, own):
                remove(entry)
                if not os.path.lexists(entry):
                    removed.append(entry)
    return removed


def remove(path: Path) -> None:
    """Remove a file or a folder with all that is in it, as far as possible."""
    with suppress(OSError, RecursionError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _is_left(path: Path, own: bool) -> bool:
    if path.lstat().st_uid != os.getuid():
        return False  # the processes of other users may be hidden
    named = _NAME.fullmatch(path.name)
    if named is None:
        return own and _OLD_NAME.fullmatch(path.name) is not None and _is_old(path)
    host, boot, namespace, pid, start = named.groups()
    here = (processes.identity(os.getpid()) or "").split(" ")
    here_host, here_boot, here_namespace = map(_digest, here[:3])
    if boot != here_boot and host == here_host:
        return True  # the machine was restarted
    if (boot, namespace) != (here_boot, here_namespace):
        return _is_old(path)
    writer = processes.identity(int(pid))
    return writer is None or writer.split(" ")[4] != start


def _is_old(path: Path) -> bool:
    """Return whether nothing in a file or folder was written for a week."""
    files = (Path(parent, name) for parent, _, names in os.walk(path) for name in names)
    changed = []
    for each in (path, *files):
        with suppress(OSError):
            changed.append(each.lstat().st_mtime)
    return time.time() - max(changed, default=0.0) > UNSEEN_SECONDS


def _digest(word: str) -> str:
    return hashlib.sha256(word.encode()).hexdigest()[:6]
