"""The trees that can be selected by name: the shipped ones and the user's own."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from hierapp import paths
from hierapp.errors import TreeError
from hierapp.trees import formats
from hierapp.trees.tree import LabelTree
from hierapp.utils import files, private, trash_folder
from hierapp.utils.named_files import Entry, NamedFileStore
from hierapp.utils.reading import read_bytes
from hierapp.utils.trash_folder import Item

TreeEntry = Entry
KIND = "tree"  # in the trash


def own_folder() -> Path:
    """Return the folder of the user's trees."""
    return paths.home() / "trees"


def entries(data: str | None = None) -> list[TreeEntry]:
    """Return all trees, or those over a data set's classes: the shipped ones, then the user's, each sorted by name.

    A file that is not a tree is skipped and not changed.
    """
    return _FILES.entries(data)


def load(name_or_path: str, read_as: str | None = None, disambiguate: bool = False) -> LabelTree:
    """Load a tree by name, or from a file in any format.

    Args:
        name_or_path: the name of a tree, or a file.
        read_as: see `LabelTree.load`.
        disambiguate: see `LabelTree.load`.

    Raises:
        TreeError: if there is no such tree or file, or the file is not a tree.

    >>> len(load("cifar10").leaves)
    10
    """
    for folder in (paths.shipped_trees(), own_folder()):
        file = folder / f"{name_or_path}.json"
        # os.path, because pathlib raises an error for names that are too long for a file.
        if Path(name_or_path).name == name_or_path and os.path.isfile(file):  # noqa: PTH113
            return formats.load(file)
    if Path(name_or_path).suffix or os.path.exists(name_or_path):  # noqa: PTH110
        return formats.load(name_or_path, read_as, disambiguate)
    names = ", ".join(entry.name for entry in entries())
    raise TreeError(f"There is no tree {name_or_path!r}; give a file, or one of {names}.")


def has(name: str) -> bool:
    """Check whether there is a file for a tree of this name, valid or not; fast, for catalogues."""
    return Path(name).name == name and _FILES.file_of(name) is not None


def own(name: str) -> TreeEntry | None:
    """Return the user's own tree of exactly this name, or None."""
    return _entry(_FILES.own_file(name), shipped=False) if Path(name).name == name else None


def keep(
    tree: LabelTree,
    name: str,
    title: str = "",
    description: str = "",
    data: str | None = None,
    owner: str | None = None,
) -> TreeEntry:
    """Save a tree among the user's own; if another tree has the name, a number is appended.

    If the same tree is already saved under that name, it is not changed, including its title and description.

    Raises:
        TreeError: if the tree is too deep for a file.
        StoreError: if the folder cannot be written.
    """
    file, is_new = _FILES.place(
        stem_of(name), _content(tree, title, description, data, owner), lambda there: _holds(there, tree)
    )
    if not is_new and (entry := _entry(file, file.parent == paths.shipped_trees())) is not None:
        return entry
    return TreeEntry(file.stem, title or file.stem, description, data, file, shipped=False, owner=owner)


def save(
    tree: LabelTree,
    name: str,
    title: str = "",
    description: str = "",
    data: str | None = None,
    owner: str | None = None,
    may_replace: Callable[[str | None], bool] = lambda owner: True,
) -> TreeEntry:
    """Save a tree under a name; a tree of the user's own with that name is replaced and becomes one of its versions.

    If a shipped tree has the name, or one that may not be replaced, a number is appended.

    Args:
        tree: the tree to save.
        name: the file name is derived from it.
        title: a text for display.
        description: a longer text for display.
        data: the data set of its classes.
        owner: e-mail address of the user, if the tree does not replace one of somebody else.
        may_replace: returns whether a tree of this owner may be replaced; the new tree then has the same owner.

    Raises:
        TreeError: if the tree is too deep for a file.
        StoreError: if the folder cannot be written.
    """
    stem = stem_of(name)
    file = _FILES.own_file(stem)
    content = _content(tree, title, description, data, owner)  # raises before anything is written
    if (paths.shipped_trees() / file.name).exists():
        return keep(tree, name, title, description, data, owner)
    with _FILES.changing():
        try:
            files.place(content, file)
        except FileExistsError:
            there = _entry(file, shipped=False)
            former = owner if there is None else there.owner
            if there is not None and not may_replace(former):
                return keep(tree, name, title, description, data, owner)
            if there is not None and formats.load(file) == tree:
                return there
            owner = former
            _add_version(file, stem)
            files.replace(_content(tree, title, description, data, owner), file)
    return TreeEntry(stem, title or stem, description, data, file, shipped=False, owner=owner)


def versions(name: str) -> list[TreeEntry]:
    """Return the replaced and deleted trees of a name, the latest first."""
    found = sorted(_versions_folder(stem_of(name)).glob("*.json"), reverse=True)
    return [entry for file in found if (entry := _entry(file, shipped=False)) is not None]


def delete(name: str, may_delete: Callable[[str | None], bool] = lambda owner: True) -> Item | None:
    """Move one of the user's own trees to the trash; return it there, or None if another process was faster.

    It also remains among the versions of its name and in the runs that used it.

    Args:
        name: the name of the tree.
        may_delete: returns whether a tree of this owner may be deleted.

    Raises:
        TreeError: if there is no such tree, or it is a shipped one.
        AccessError: if it may not be deleted.
        StoreError: if the folder cannot be written.
    """
    file = _FILES.own_file(name)
    if Path(name).name != name or not os.path.lexists(file):
        _FILES.refuse_foreign(None, may_delete)
        raise TreeError(f"There is no tree {name!r} among your saved trees; only saved trees can be deleted.")
    with _FILES.changing(), suppress(FileNotFoundError):  # another process may have deleted it by now
        entry = _entry(file, shipped=False)
        _FILES.refuse_foreign(entry, may_delete)
        _add_version(file, name)
        return trash_folder.put(paths.trash_folder(), KIND, name, file, None if entry is None else entry.owner)
    return None


def restore(item: Item) -> None:
    """Take a tree out of the trash.

    Raises:
        StoreError: if another tree has its name now, or it is no longer in the trash.
    """
    with _FILES.changing():
        trash_folder.restore(item, _FILES.own_file(item.name))


def stem_of(name: str) -> str:
    """Return the file name, without suffix, for a tree of this name."""
    return _FILES.stem_of(name)


def _content(tree: LabelTree, title: str, description: str, data: str | None, owner: str | None) -> bytes:
    top = formats.render(tree, "json")
    said = (("title", title), ("description", description), ("data", data), ("owner", owner))
    about = {key: value for key, value in said if value}
    lines = [f"  {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)},\n" for key, value in about.items()]
    return ("{\n" + "".join(lines) + "  " + top.removeprefix("{")).encode("utf-8", "replace")


def _versions_folder(stem: str) -> Path:
    return own_folder() / "versions" / stem


def _add_version(file: Path, stem: str) -> None:
    """Copy a file to the versions of its name, as the latest."""
    folder = _versions_folder(stem)
    private.make_folder(folder)
    number = 1 + max((int(each.stem) for each in folder.glob("*.json") if each.stem.isdecimal()), default=0)
    files.place(read_bytes(file), folder / f"{number:06d}.json")


def _holds(file: Path, tree: LabelTree) -> bool:
    """Return whether a file, which may be broken, contains this tree."""
    try:
        return _entry(file, shipped=False) is not None and formats.load(file) == tree
    except TreeError:
        return False


def _entry(path: Path, shipped: bool) -> TreeEntry | None:
    try:
        formats.load(path)
        about = json.loads(read_bytes(path).decode("utf-8-sig"))
    except (TreeError, OSError, ValueError):
        return None
    if not isinstance(about, dict):
        return None

    def word(key: str) -> str:
        return about[key] if isinstance(about.get(key), str) else ""

    title, data, owner = word("title") or path.stem, word("data") or None, word("owner") or None
    return TreeEntry(path.stem, title, word("description"), data, path, shipped, owner)


_FILES = NamedFileStore("tree", ".json", 60, paths.shipped_trees, own_folder, _entry)
