"""A folder for deleted files and folders, which stay in it until it is emptied.

Each item is a folder with a description and the content. The description is written first and the content renamed, so
that a process that is killed leaves the item where it was or in the trash.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hierapp.errors import StoreError
from hierapp.utils import files, parts, private
from hierapp.utils.reading import read_bytes

ABOUT, CONTENT = "about.json", "content"


@dataclass(frozen=True)
class Item:
    """Something deleted.

    Attributes:
        kind: what it is, such as "tree".
        name: its name.
        owner: the e-mail of its owner, if it has one.
        deleted: when it was deleted, in seconds since 1970.
        more: what else is needed to restore it.
        folder: its folder in the trash.
    """

    kind: str
    name: str
    owner: str | None
    deleted: float
    more: Mapping[str, Any]
    folder: Path

    @property
    def word(self) -> str:
        """How the command line names it."""
        return f"{self.kind}:{self.name}"

    @property
    def title(self) -> str:
        """How people name it: its title, if it was stored with one."""
        return str(self.more.get("title", self.name))

    @property
    def content(self) -> Path:
        """The file or folder."""
        return self.folder / CONTENT


def put(trash: Path, kind: str, name: str, source: Path, owner: str | None = None, **more: Any) -> Item:
    """Move a file or folder into a trash on the same disk.

    Raises:
        OSError: if it cannot be moved; it stays where it was then.
    """
    private.make_folder(trash)
    folder = trash / secrets.token_hex(8)
    folder.mkdir(mode=private.FOLDER)
    item = Item(kind, name, owner, time.time(), more, folder)
    about = {"kind": kind, "name": name, "owner": owner, "deleted": item.deleted, "more": more}
    try:
        files.place(json.dumps(about).encode(), folder / ABOUT)
        source.rename(item.content)
    except OSError:
        parts.remove(folder)
        raise
    return item


def contents(trash: Path) -> list[Item]:
    """Return the items, the last deleted first."""
    found = []
    with suppress(FileNotFoundError, NotADirectoryError):
        for folder in trash.iterdir():
            with suppress(OSError, ValueError, KeyError, TypeError):  # not an item
                about = json.loads(read_bytes(folder / ABOUT))
                item = Item(**about, folder=folder)
                if os.path.lexists(item.content):
                    found.append(item)
    return sorted(found, key=lambda item: (-item.deleted, item.name))


def restore(item: Item, target: Path) -> None:
    """Move an item to a place that must be free.

    Raises:
        StoreError: if something is there, or the item is no longer in the trash.
        OSError: if it cannot be moved.
    """
    taken = StoreError(f"There is another {item.kind} {item.name!r} now; delete that first, and restore this one then.")
    try:
        private.make_folder(target.parent)
        if item.content.is_dir():
            if os.path.lexists(target):
                raise taken
            item.content.rename(target)  # fails if a folder with files has appeared
        else:
            files.place(read_bytes(item.content), target)
    except FileExistsError:
        raise taken from None
    except FileNotFoundError:
        raise StoreError(f"The {item.kind} {item.name!r} is not in the trash; list it with `hierapp trash`.") from None
    parts.remove(item.folder)


def remove(item: Item) -> None:
    """Remove an item for good."""
    parts.remove(item.folder)
