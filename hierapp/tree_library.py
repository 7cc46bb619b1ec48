"""The trees that can be chosen by name: those that ship, and the user's own."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from hierapp import paths, tree_formats
from hierapp.errors import StoreError, TreeError
from hierapp.tree import LabelTree


@dataclass(frozen=True)
class TreeEntry:
    """A tree's file and what it says of itself; `data` is the data set whose classes are its leaves, if it says so."""

    name: str
    title: str
    description: str
    data: str | None
    path: Path
    shipped: bool


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
        if Path(name_or_path).name == name_or_path and (file := folder / f"{name_or_path}.json").is_file():
            return tree_formats.load(file)
    if Path(name_or_path).suffix or Path(name_or_path).exists():
        return tree_formats.load(name_or_path)
    names = ", ".join(entry.name for entry in entries())
    raise TreeError(f"There is no tree {name_or_path!r}; give a file, or one of {names}.")


def keep(tree: LabelTree, name: str, title: str = "", description: str = "", data: str | None = None) -> TreeEntry:
    """Keep a tree among the user's own; a name that another tree has gets a number.

    Raises:
        StoreError: if the folder cannot be written.
    """
    stem = re.sub(r"[^\w-]+", "-", name).strip("-") or "tree"
    top = json.loads(tree_formats.render(tree, "json"))
    about = {"title": title or name, "description": description, "data": data}
    text = json.dumps({**{k: v for k, v in about.items() if v}, **top}, ensure_ascii=False, indent=1) + "\n"
    number, free = 2, stem
    while _is_taken(free, text):
        free, number = f"{stem}-{number}", number + 1
    file = own_folder() / f"{free}.json"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        side = file.with_suffix(".part")
        side.write_text(text, encoding="utf-8")
        side.replace(file)
    except OSError as error:
        raise StoreError(
            f"The tree cannot be kept in {file.parent} ({error.strerror}); make the folder writable or set HIERAPP_HOME"
            " to one that is."
        ) from None
    return TreeEntry(free, about["title"] or name, description, data, file, shipped=False)


def _is_taken(stem: str, text: str) -> bool:
    """Whether another tree has the name; the very same content may be kept again."""
    if (paths.shipped_trees() / f"{stem}.json").exists():
        return True
    own = own_folder() / f"{stem}.json"
    return own.exists() and own.read_text(encoding="utf-8") != text


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

    return TreeEntry(path.stem, word("title") or path.stem, word("description"), word("data") or None, path, shipped)
