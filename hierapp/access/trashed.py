"""All that is in the trash beside runs: trees, drafts, similarities, data sets and searches."""

from __future__ import annotations

from collections.abc import Callable

from hierapp import paths
from hierapp.errors import StoreError, some
from hierapp.runs import Store, data_deletion
from hierapp.search import deletion as search_deletion
from hierapp.similarities import library as similarity_library
from hierapp.trees import draft_library, library as tree_library
from hierapp.utils import trash_folder
from hierapp.utils.trash_folder import Item

# The kinds, with what restores an item of each.
KINDS: dict[str, Callable[[Store, Item], None]] = {
    tree_library.KIND: lambda store, item: tree_library.restore(item),
    draft_library.KIND: lambda store, item: draft_library.restore(item),
    similarity_library.KIND: lambda store, item: similarity_library.restore(item),
    data_deletion.KIND: lambda store, item: data_deletion.restore(item),
    search_deletion.KIND: search_deletion.restore,
}


def contents(store: Store) -> list[Item]:
    """Return the items, the last deleted first."""
    folders = dict.fromkeys((paths.trash_folder(), search_deletion.trash_of(store), data_deletion.trash_of()))
    found = [item for folder in folders for item in trash_folder.contents(folder) if item.kind in KINDS]
    return sorted(found, key=lambda item: -item.deleted)


def is_item(word: str) -> bool:
    """Return whether a word has the form of an item, such as "tree:mine"."""
    return word.partition(":")[0] in KINDS and ":" in word


def find(store: Store, word: str) -> Item:
    """Return the last deleted item of a word such as "tree:mine".

    Raises:
        StoreError: if there is none.
    """
    items = contents(store)
    for item in items:
        if item.word == word:
            return item
    there = f"there are {some([item.word for item in items])}" if items else "it has none of these"
    raise StoreError(f"There is no {word} in the trash; {there}.")


def delete(store: Store, word: str, shared: bool = False) -> Item | None:
    """Move what a word such as "tree:mine" names to the trash; return it, or None for a downloaded data set, which is
    removed.

    Raises:
        HierappError: if it does not exist or cannot be deleted now.
    """
    kind, _, name = word.partition(":")
    if kind == tree_library.KIND:
        return tree_library.delete(name)
    if kind == draft_library.KIND:
        return draft_library.delete(name)
    if kind == similarity_library.KIND:
        return similarity_library.delete(name)
    if kind == search_deletion.KIND:
        return search_deletion.delete(store, name)
    return data_deletion.delete(name, store, shared=shared)


def restore(store: Store, item: Item) -> None:
    """Put an item back where it was.

    Raises:
        StoreError: if its name is taken, it is no longer in the trash, or it cannot be moved.
    """
    try:
        KINDS[item.kind](store, item)
    except OSError as error:
        raise StoreError(
            f"The {item.kind} {item.name!r} cannot be restored ({error.strerror}); make its folder writable."
        ) from None


def empty(store: Store, may_remove: Callable[[Item], bool] = lambda item: True) -> list[Item]:
    """Remove the items that may be removed for good, and return them."""
    found = [item for item in contents(store) if may_remove(item)]
    for item in found:
        trash_folder.remove(item)
    return found
