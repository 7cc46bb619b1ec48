"""The trees that the lab can show by name: small ones of its own, those that ship, and the user's."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from hierapp import paths
from hierapp.errors import TreeError, one_line
from hierapp.lab.minimizer import unbalanced
from hierapp.trees import LabelTree, library as tree_library

# A colon is in no name of tree_library's.
OWN_PREFIX = "lab:"
FIGURE_7 = "lab:figure-7"
RAGGED = "lab:unbalanced-2"
_UNBALANCED = "lab:unbalanced-"


def titles() -> dict[str, str]:
    """The lab's own trees: their names, and what to call them."""
    steps = {f"{_UNBALANCED}{step}": f"Four leaves, unbalanced by {step}" for step in range(9)}
    return {FIGURE_7: "Cat and truck (figure 7)", **steps}


def named(name: str) -> LabelTree:
    """The tree of this name; never a file elsewhere, for names come from addresses.

    Raises:
        TreeError: if there is none.

    >>> named("lab:figure-7").leaves
    ('cat', 'dog', 'horse', 'truck', 'ship')
    """
    if name in titles():
        return _own(name)
    files = (folder / f"{name}.json" for folder in (paths.shipped_trees(), tree_library.own_folder()))
    # os.path, for pathlib raises where a name is too long for a file's.
    if Path(name).name == name and any(os.path.isfile(file) for file in files):  # noqa: PTH113
        return tree_library.load(name)
    raise TreeError(f"There is no tree {one_line(name)[:60]!r} here; choose one of the list.")


def unbalance_of(name: str | None) -> int | None:
    """By how many steps a tree of the lab is unbalanced; None for every other tree."""
    known = name is not None and name.startswith(_UNBALANCED) and name in titles()
    return int(name.removeprefix(_UNBALANCED)) if known and name is not None else None


def unbalanced_name(steps: int) -> str:
    """The name of `unbalanced(steps)`."""
    return f"{_UNBALANCED}{steps}"


@cache
def _own(name: str) -> LabelTree:
    steps = unbalance_of(name)
    if steps is not None:
        return unbalanced(steps)
    below = {"object": ("animal", "vehicle"), "animal": ("cat", "dog", "horse"), "vehicle": ("truck", "ship")}
    return LabelTree.from_edges([(above, child) for above, children in below.items() for child in children])
