"""The trees that the lab can show by name: its own small ones, the built-in ones, and the user's."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from hierapp import paths
from hierapp.errors import TreeError, one_line
from hierapp.lab.minimizer import unbalanced
from hierapp.trees import LabelTree, library as tree_library

# No name in tree_library contains a colon.
OWN_PREFIX = "lab:"
FIGURE_7 = "lab:figure-7"
RAGGED = "lab:unbalanced-2"
_UNBALANCED = "lab:unbalanced-"


def titles() -> dict[str, str]:
    """Return the names and titles of the lab's own trees."""
    steps = {f"{_UNBALANCED}{step}": f"Four leaves, unbalanced by {step}" for step in range(9)}
    return {FIGURE_7: "Cat and truck (figure 7)", **steps}


def named(name: str) -> LabelTree:
    """Return the tree with this name. Names come from addresses, so files outside the tree folders are never opened.

    Raises:
        TreeError: if there is none.

    >>> named("lab:figure-7").leaves
    ('cat', 'dog', 'horse', 'truck', 'ship')
    """
    if name in titles():
        return _own(name)
    files = (folder / f"{name}.json" for folder in (paths.shipped_trees(), tree_library.own_folder()))
    # os.path, because pathlib raises an error if the name is too long for a file.
    if Path(name).name == name and any(os.path.isfile(file) for file in files):  # noqa: PTH113
        return tree_library.load(name)
    raise TreeError(f"There is no tree {one_line(name)[:60]!r} in the lab; choose one from the list.")


def is_shipped(name: str | None) -> bool:
    """Return whether every installation has the tree with this name."""
    if name is None or Path(name).name != name:
        return False
    return name in titles() or (paths.shipped_trees() / f"{name}.json").is_file()


def unbalance_of(name: str | None) -> int | None:
    """Return the number of steps by which a tree of the lab is unbalanced; None for other trees."""
    known = name is not None and name.startswith(_UNBALANCED) and name in titles()
    return int(name.removeprefix(_UNBALANCED)) if known and name is not None else None


def unbalanced_name(steps: int) -> str:
    """Return the name of the tree `unbalanced(steps)`."""
    return f"{_UNBALANCED}{steps}"


@cache
def _own(name: str) -> LabelTree:
    steps = unbalance_of(name)
    if steps is not None:
        return unbalanced(steps)
    below = {"object": ("animal", "vehicle"), "animal": ("cat", "dog", "horse"), "vehicle": ("truck", "ship")}
    return LabelTree.from_edges([(above, child) for above, children in below.items() for child in children])
