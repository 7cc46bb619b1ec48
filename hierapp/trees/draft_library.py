"""The drafts on this machine: list them, move them to the trash and restore them."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from hierapp import paths
from hierapp.errors import TreeError
from hierapp.trees import drafts
from hierapp.utils import locks, trash_folder
from hierapp.utils.reading import open_file
from hierapp.utils.trash_folder import Item

KIND = "draft"  # in the trash
_LONGEST_HEAD = 65_536  # bytes of the description


@dataclass(frozen=True)
class DraftEntry:
    """A draft in a list.

    Attributes:
        id: names the draft.
        title: its origin.
        data: the data set whose classes are the leaves, if any.
        changed: when it was changed last, in seconds since 1970.
    """

    id: str
    title: str
    data: str | None
    changed: float


def entries() -> list[DraftEntry]:
    """Return all drafts, the last changed first; a file that is not a draft is skipped.

    Only the beginning of each file is read, so that many drafts are listed quickly.
    """
    found = [entry for file in drafts.folder().glob("*.jsonl") if (entry := _entry(file)) is not None]
    return sorted(found, key=lambda entry: (-entry.changed, entry.id))


def delete(draft_id: str) -> Item:
    """Move a draft to the trash, and return it there.

    Raises:
        TreeError: if there is no such draft.
        StoreError: if the folder cannot be written.
    """
    file = drafts.folder() / f"{draft_id}.jsonl"
    entry = _entry(file) if re.fullmatch(r"[0-9a-f]{12}", draft_id) else None
    if entry is None:
        raise TreeError(f"There is no draft {draft_id!r}; list them with `hierapp tree drafts`.")
    try:
        with locks.holding(file):
            return trash_folder.put(paths.trash_folder(), KIND, draft_id, file, title=entry.title)
    except FileNotFoundError:
        raise TreeError(f"Draft {draft_id} was deleted meanwhile; restore it from the trash if you need it.") from None
    except OSError as error:
        raise drafts.unwritable(file, error) from None


def restore(item: Item) -> None:
    """Take a draft out of the trash.

    Raises:
        StoreError: if it was begun again by an open window, or is no longer in the trash.
    """
    trash_folder.restore(item, drafts.folder() / f"{item.name}.jsonl")


def _entry(file: Path) -> DraftEntry | None:
    # Pipes and the like are refused by open_file.
    with suppress(OSError, ValueError, LookupError, TypeError), open_file(file) as opened:
        head = json.loads((opened.readline(_LONGEST_HEAD) + opened.readline(_LONGEST_HEAD)).strip())
        data = head["data"]
        return DraftEntry(file.stem, str(head["title"]), None if data is None else str(data), file.stat().st_mtime)
    return None
