"""Names and parents of nodes from edges and from paths: what readers and `LabelTree` build trees from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from hierapp.errors import TreeError
from hierapp.trees.names import duplicates_error, free_name, several_parents_error


class Nodes(NamedTuple):
    """A tree to be checked: for each node its name and the position of its parent, -1 for a root."""

    names: list[str]
    parents: list[int]


def of_edges(edges: Iterable[tuple[str, str]], split_leaves: bool = False) -> Nodes:
    """Return the nodes of (parent, child) pairs in any order; a blank parent marks a root.

    Args:
        edges: pairs of names.
        split_leaves: give a leaf with several parents one node below each, all of its name.

    Raises:
        TreeError: if an edge is given twice, or a node has several parents.
    """
    parents_of: dict[str, list[str]] = {}
    for parent, child in edges:
        # A parent that is not known yet is inserted here; its own parent may come later.
        if parent:
            parents_of.setdefault(parent, [])
        above = parents_of.setdefault(child, [])
        if parent in above:
            raise TreeError(f"The edge from {parent!r} to {child!r} is given twice; give each edge once.")
        if parent:
            above.append(parent)
    several = {child: above for child, above in parents_of.items() if len(above) > 1}
    if several:
        inner = {parent for above in parents_of.values() for parent in above}
        may_split = not inner & several.keys()
        if not (split_leaves and may_split):
            raise several_parents_error(several, may_split)
    names: list[str] = []
    above_of: list[str | None] = []
    for child, above in parents_of.items():
        names += [child] * max(len(above), 1)
        above_of += above if above else [None]
    place = {name: i for i, name in enumerate(names) if name not in several}
    return Nodes(names, [-1 if above is None else place[above] for above in above_of])


def of_paths(paths: Iterable[Sequence[str]], split: bool = False) -> Nodes:
    """Return the nodes of paths from the root down; blank steps and repetitions of the step before are left out.

    If the paths begin with different names, a root is added above them.

    Args:
        paths: the names along each path.
        split: accept one name below several parents, as several nodes of that name.

    Raises:
        DuplicateNamesError: if a name stands below several parents, or a class has the name of its group.
    """
    names: list[str] = []
    parents: list[int] = []
    children: list[dict[str, int]] = [{}]  # of the node above all, then of each node
    shortened: list[tuple[int, str]] = []
    for path in paths:
        node = -1
        before: str | None = None
        repeated = False
        for name in path:
            if not name:
                continue
            repeated = name == before
            if repeated:
                continue
            before = name
            if name not in children[node + 1]:
                children[node + 1][name] = len(names)
                names.append(name)
                parents.append(node)
                children.append({})
            node = children[node + 1][name]
        if repeated:
            shortened.append((node, before or ""))
    for node, name in shortened:
        # The class of a group's own name would be lost.
        if children[node + 1] and name not in children[node + 1]:
            children[node + 1][name] = len(names)
            names.append(name)
            parents.append(node)
            children.append({})
    if len(children[0]) > 1:
        names, parents = with_root(names, parents)
    if not split and len(set(names)) < len(names):
        raise duplicates_error(names, parents)
    return Nodes(names, parents)


def of_adjacency(matrix: ArrayLike, names: Sequence[str]) -> Nodes:
    """Return the nodes of an adjacency matrix, see `LabelTree.from_adjacency`.

    Raises:
        TreeError: if it is not square, has not a row a name, holds values besides 0 and 1, or a node has two parents.
    """
    values = np.asarray(matrix)
    if values.ndim != 2 or values.shape[0] != values.shape[1]:
        raise TreeError(
            f"The adjacency matrix has shape {list(values.shape)}; it must be square, with one row per node."
        )
    if values.shape[0] != len(names):
        raise TreeError(
            f"The adjacency matrix has {values.shape[0]} rows but {len(names)} names; give one name per row."
        )
    if not np.isin(values, (0, 1)).all():
        raise TreeError("The adjacency matrix contains values other than 0 and 1; write 1 where the column is a child.")
    children, parents = np.nonzero(values.T)
    several = np.flatnonzero(np.bincount(children, minlength=len(names)) > 1)
    if len(several):
        above = {names[child]: [names[i] for i in parents[children == child]] for child in several.tolist()}
        raise several_parents_error(above, may_split=False)
    above_of = np.full(len(names), -1)
    above_of[children] = parents
    return Nodes(list(names), above_of.tolist())


def by_ids(ids: Sequence[str], pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return (parent, child) pairs by name, where the parents are given by id; all by id where names repeat.

    >>> by_ids(["1", "2"], [("", "things"), ("1", "cat")])
    [('', 'things'), ('things', 'cat')]
    """
    names = [child for _, child in pairs]
    parents = {parent for parent, _ in pairs if parent}
    if not parents <= set(ids) or len(set(ids)) < len(ids):
        return list(pairs)
    if len(set(names)) < len(names):
        return [(parent, own) for own, (parent, _) in zip(ids, pairs, strict=True)]
    name_by_id = dict(zip(ids, names, strict=True))
    return [(name_by_id[parent] if parent else "", child) for parent, child in pairs]


def with_root(names: list[str], parents: list[int]) -> Nodes:
    """Return the nodes below one root, whose name is made: "root", or with a number where that is taken."""
    return Nodes([*names, free_name(names, "root")], [*(len(names) if above < 0 else above for above in parents), -1])
