"""Delete searches: they go to the trash with their runs, and come back with them."""

from __future__ import annotations

from pathlib import Path

from hierapp.errors import StoreError
from hierapp.runs import Store, trash
from hierapp.search import journal
from hierapp.utils import trash_folder
from hierapp.utils.trash_folder import Item

KIND = "search"  # in the trash


def delete(store: Store, name: str) -> Item:
    """Move a search and its runs to the trash.

    Raises:
        StoreError: if there is none, or it or a run of it is not over.
    """
    search = journal.find(store, name)
    runs = [run for run in store.runs() if search.plan.tag in run.tags]
    if search.is_at_work() or any(run.is_open for run in runs):
        raise StoreError(f"The search {name!r} is at work; stop it first, and delete it when its runs have ended.")
    ids = trash.delete(store, [run.id for run in runs])
    try:
        return trash_folder.put(trash_of(store), KIND, name, search.folder, search.plan.owner, runs=ids)
    except OSError as error:
        trash.restore(store, ids)
        raise StoreError(
            f"The search {name!r} cannot be deleted ({error.strerror}); make its folder writable."
        ) from None


def restore(store: Store, item: Item) -> None:
    """Take a search out of the trash, with those of its runs that are still in it.

    Raises:
        StoreError: if another search has its name now, or it is no longer in the trash.
    """
    trash_folder.restore(item, journal.folder_of(store) / item.name)
    there = {run.id for run in trash.contents(store)}
    trash.restore(store, [run for run in item.more.get("runs", ()) if run in there])


def trash_of(store: Store) -> Path:
    """Return the trash of a store's searches."""
    return store.folder / "trash"
