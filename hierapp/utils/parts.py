"""Names for files and folders that are being written, and the removal of those that a killed process left.

A name says which process writes it, so that nothing of a living process is ever removed, and needs no lock, which some
disks do not have.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from hierapp.utils import processes

SUFFIX = ".part"
# Parts of processes that cannot be seen from here, such as those of other machines, are removed after this time.
UNSEEN_SECONDS = 7 * 24 * 3600.0

_LONG = 1_000  # characters; systems allow some 4,000 in a path
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
    """Remove a file or a folder with all that is in it, as far as possible; the log names the first thing that stays.

    Never raises an error. Unlike shutil.rmtree it needs no recursion: folders may lie deeper than Python's limit, and
    their paths may be longer than the system's.
    """
    problems: list[OSError] = []
    if path.is_dir() and not path.is_symlink():
        _remove_folder(path, problems)
    else:
        _attempt(path.unlink, problems)
    if problems:
        logging.getLogger(__name__).warning("%s cannot be removed completely: %s", path, problems[0])


def _remove_folder(top: Path, problems: list[OSError]) -> None:
    found, ahead = list[Path](), [top]
    while ahead:
        folder = ahead.pop()
        if len(str(folder)) > _LONG:
            nearer = top / f".{secrets.token_hex(8)}"
            if not _attempt(lambda old=folder, new=nearer: old.rename(new), problems):  # type: ignore[misc]
                continue
            folder = nearer
        found.append(folder)
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        ahead.append(folder / entry.name)
                    else:
                        _attempt((folder / entry.name).unlink, problems)
        except OSError as error:
            problems.append(error)
    for folder in reversed(found):
        _attempt(folder.rmdir, problems)


def _attempt(action: Callable[[], object], problems: list[OSError]) -> bool:
    try:
        action()
    except FileNotFoundError:
        return True
    except OSError as error:
        problems.append(error)
        return False
    return True


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
    changed, ahead = [0.0], [path]
    while ahead:
        each = ahead.pop()
        with suppress(OSError):
            changed.append(each.lstat().st_mtime)
            if each.is_dir() and not each.is_symlink():
                ahead += each.iterdir()
    return time.time() - max(changed) > UNSEEN_SECONDS


def _digest(word: str) -> str:
    return hashlib.sha256(word.encode()).hexdigest()[:6]
