"""The trees that can be chosen by name: those that ship, and the user's own."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

from hierapp import paths, tree_formats
from hierapp.errors import StoreError, TreeError
from hierapp.tree import LabelTree


@dataclass(frozen=True)
class TreeEntry:
    """A tree's file and what it says of itself; `data` is the data set whose classes are its leaves, if it says so,
    and `owner` the e-mail of who kept it, if they had logged in."""

    name: str
    title: str
    description: str
    data: str | None
    path: Path
    shipped: bool
    owner: str | None = None


def own_folder() -> Path:
    """Where the user's trees are kept."""
    return paths.home() / "trees"


def entries(data: str | None = None) -> list[TreeEntry]:
    """All trees, or those over a data set's classes; first those that ship, then the user's, by name.

    A file that is no tree is left out, and left as it is.
    """
    found = {
        path.stem: entry
        for folder, shipped in ((own_folder(), False), (paths.shipped_trees(), True))
        for path in sorted(folder.glob("*.json"))
        if (entry := _entry(path, shipped)) is not None
    }
    wanted = [entry for entry in found.values() if data is None or entry.data == data]
    return sorted(wanted, key=lambda entry: (not entry.shipped, entry.name))


def load(name_or_path: str) -> LabelTree:
    """The tree of this name, or of this file in any format.

    Raises:
        TreeError: if there is neither, or the file is no tree.

    >>> len(load("cifar10").leaves)
    10
    """
    for folder in (paths.shipped_trees(), own_folder()):
        file = folder / f"{name_or_path}.json"
        # os.path, for pathlib raises where a name is too long for a file's.
        if Path(name_or_path).name == name_or_path and os.path.isfile(file):  # noqa: PTH113
            return tree_formats.load(file)
    if Path(name_or_path).suffix or os.path.exists(name_or_path):  # noqa: PTH110
        return tree_formats.load(name_or_path)
    names = ", ".join(entry.name for entry in entries())
    raise TreeError(f"There is no tree {name_or_path!r}; give a file, or one of {names}.")


def has(name: str) -> bool:
    """Whether there is a file for a tree of this name, sound or not; cheap, for catalogues ask it often."""
    return Path(name).name == name and _file_of(name) is not None


def own(name: str) -> TreeEntry | None:
    """The user's own tree of this very name, if there is one."""
    file = own_folder() / f"{name}.json"
    return _entry(file, shipped=False) if Path(name).name == name else None


def keep(
    tree: LabelTree,
    name: str,
    title: str = "",
    description: str = "",
    data: str | None = None,
    owner: str | None = None,
) -> TreeEntry:
    """Keep a tree among the user's own; a name that another tree has gets a number.

    A tree that is there under that name already is left as it is, its title and description too.

    Raises:
        TreeError: if the tree is too deep for a file.
        StoreError: if the folder cannot be written.
    """
    text = _text(tree, title, description, data, owner)
    stem = free = stem_of(name)
    number = 2
    while (there := _file_of(free)) is not None:
        entry = _entry(there, shipped=there.parent == paths.shipped_trees())
        if entry is not None and tree_formats.load(there) == tree:
            return entry
        free, number = f"{stem}-{number}", number + 1
    file = own_folder() / f"{free}.json"
    _write(file, text)
    return TreeEntry(free, title or free, description, data, file, shipped=False, owner=owner)


def save(
    tree: LabelTree,
    name: str,
    title: str = "",
    description: str = "",
    data: str | None = None,
    owner: str | None = None,
) -> TreeEntry:
    """Keep a tree under a name, in the place of the user's own tree of that name, which becomes one of its versions.

    The name of a tree that ships gets a number.

    Raises:
        TreeError: if the tree is too deep for a file.
        StoreError: if the folder cannot be written.
    """
    stem = stem_of(name)
    file = own_folder() / f"{stem}.json"
    if not file.exists() or (paths.shipped_trees() / file.name).exists():
        return keep(tree, name, title, description, data, owner)
    if (entry := _entry(file, shipped=False)) is not None and tree_formats.load(file) == tree:
        return entry
    text = _text(tree, title, description, data, owner)
    _put_away(file, stem)
    _write(file, text)
    return TreeEntry(stem, title or stem, description, data, file, shipped=False, owner=owner)


def versions(name: str) -> list[TreeEntry]:
    """What was saved or deleted under a name before, the latest first."""
    files = sorted(_versions_folder(stem_of(name)).glob("*.json"), reverse=True)
    return [entry for file in files if (entry := _entry(file, shipped=False)) is not None]


def delete(name: str) -> None:
    """Delete one of the user's own trees; it stays among its name's versions, and in the runs that used it.

    Raises:
        TreeError: if there is no such tree, or it ships.
        StoreError: if the folder cannot be written.
    """
    file = own_folder() / f"{name}.json"
    if Path(name).name != name or not file.is_file():
        raise TreeError(f"There is no tree {name!r} among your own; only those can be deleted.")
    _put_away(file, name)


def stem_of(name: str) -> str:
    """The name of the file in which a tree of this name is kept, without its suffix."""
    # 60 characters are at most 240 bytes, and file names may have 255.
    return re.sub(r"[^\w-]+", "-", name)[:60].strip("-") or "tree"


def _text(tree: LabelTree, title: str, description: str, data: str | None, owner: str | None) -> str:
    top = tree_formats.render(tree, "json")
    said = (("title", title), ("description", description), ("data", data), ("owner", owner))
    about = {key: value for key, value in said if value}
    lines = [f"  {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)},\n" for key, value in about.items()]
    return "{\n" + "".join(lines) + "  " + top.removeprefix("{")


def _versions_folder(stem: str) -> Path:
    return own_folder() / "versions" / stem


def _write(file: Path, text: str) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        side = file.with_suffix(".part")
        side.write_bytes(text.encode("utf-8", "replace"))
        side.replace(file)
    except OSError as error:
        raise _unwritable(file, error) from None


def _put_away(file: Path, stem: str) -> None:
    """Make a file the latest version of its name."""
    folder = _versions_folder(stem)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        number = 1 + max((int(each.stem) for each in folder.glob("*.json") if each.stem.isdecimal()), default=0)
        file.replace(folder / f"{number:06d}.json")
    except OSError as error:
        raise _unwritable(file, error) from None


def _unwritable(file: Path, error: OSError) -> StoreError:
    return StoreError(
        f"The tree cannot be kept in {file.parent} ({error.strerror}); make the folder writable or set HIERAPP_HOME"
        " to one that is."
    )


def _file_of(stem: str) -> Path | None:
    """The file that has the name, be it a tree or broken."""
    files = (folder / f"{stem}.json" for folder in (paths.shipped_trees(), own_folder()))
    return next((file for file in files if file.exists()), None)


def _entry(path: Path, shipped: bool) -> TreeEntry | None:
    try:
        tree_formats.load(path)
        about = json.loads(path.read_text(encoding="utf-8-sig"))
    except (TreeError, OSError, ValueError):
        return None
    if not isinstance(about, dict):
        return None

    def word(key: str) -> str:
        return about[key] if isinstance(about.get(key), str) else ""

    title, data, owner = word("title") or path.stem, word("data") or None, word("owner") or None
    return TreeEntry(path.stem, title, word("description"), data, path, shipped, owner)
