"""Names of nodes: their one spelling, and how nodes of one name are told apart."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from hierapp.errors import DuplicateNamesError, TreeError, short, some

MOST_LISTED = 20  # names in a message


def name_of(value: object) -> str:
    r"""Return a node's name as text in Unicode NFC, without white space around it; a whole number as its digits.

    Raises:
        TreeError: if it is neither text nor a whole number.

    >>> name_of(" Mo\u0308hre "), name_of(7)
    ('Möhre', '7')
    """
    if isinstance(value, str):
        return unicodedata.normalize("NFC", str(value)).strip()
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        return str(int(value))
    raise TreeError(f"The node name {short(value)} is not text; give every node a text as its name.")


def free_name(taken: Iterable[str], wanted: str) -> str:
    """Return the wanted name, with the first free number appended if it is taken.

    >>> free_name(["group", "group 2"], "group")
    'group 3'
    """
    names = set(taken)
    if wanted not in names:
        return wanted
    return next(each for number in range(2, len(names) + 3) if (each := f"{wanted} {number}") not in names)


def made_names(names: Sequence[str | None], parents: Sequence[int]) -> list[str]:
    """Return the names with made ones in place of None: "root", or "group 1", "group 2", ... below it.

    >>> made_names(["cat", None, None], [1, 2, -1])
    ['cat', 'group 1', 'root']
    """
    taken = {name for name in names if name is not None}
    result = []
    number = 0
    for name, parent in zip(names, parents, strict=True):
        if name is None and parent < 0:
            name = free_name(taken, "root")
        while name is None:
            number += 1
            name = None if f"group {number}" in taken else f"group {number}"
        taken.add(name)
        result.append(name)
    return result


def disambiguated(names: Sequence[str], parents: Sequence[int]) -> list[str]:
    """Return the names with those that several nodes have made distinct, by the names of their parents.

    Where the parent is not enough, further ancestors are put before it. The root keeps its name.

    Raises:
        DuplicateNamesError: if siblings have one name.

    >>> disambiguated(["r", "animal", "other", "vehicle", "other"], [-1, 0, 1, 0, 3])
    ['r', 'animal', 'other (animal)', 'vehicle', 'other (vehicle)']
    """
    nodes_of: dict[str, list[int]] = {}
    for node, name in enumerate(names):
        nodes_of.setdefault(name, []).append(node)
    result = list(names)
    taken = {name for name, nodes in nodes_of.items() if len(nodes) == 1}
    for name, nodes in nodes_of.items():
        if len(nodes) == 1:
            continue
        if len({parents[node] for node in nodes}) < len(nodes):
            above = Counter(parents[node] for node in nodes).most_common(1)[0][0]
            where = f"below {names[above]!r}" if above >= 0 else "as a root"
            raise DuplicateNamesError(f"The name {name!r} is used twice {where}; give every node a unique name.")
        new = _by_ancestors(name, nodes, names, parents, taken)
        for node, each in zip(nodes, new, strict=True):
            result[node] = each
        taken.update(new)
    return result


def _by_ancestors(
    name: str, nodes: list[int], names: Sequence[str], parents: Sequence[int], taken: set[str]
) -> list[str]:
    paths: list[list[str]] = [[] for _ in nodes]
    at = list(nodes)
    for _ in range(len(names)):
        for i, node in enumerate(at):
            if parents[node] >= 0:
                at[i] = parents[node]
                paths[i].insert(0, names[at[i]])
        new = [f"{name} ({'/'.join(path)})" if path else name for path in paths]
        if len(set(new)) == len(new) and not taken & set(new):
            return new
        if all(parents[node] < 0 for node in at):
            break
    raise DuplicateNamesError(f"The name {name!r} is used {len(nodes)} times; give every node a unique name.")


def duplicates_error(names: Sequence[str], parents: Sequence[int]) -> DuplicateNamesError:
    """Return the error for names of several nodes: it names all of them and offers others."""
    times = Counter(names)
    twice = [name for name, count in times.items() if count > 1]
    try:
        new: Sequence[str] | None = disambiguated(names, parents)
    except DuplicateNamesError:
        new = None
    offered = {name: [new[i] for i, each in enumerate(names) if each == name] for name in twice if new is not None}
    if len(twice) == 1:
        count = "twice" if times[twice[0]] == 2 else f"{times[twice[0]]} times"
        what = f"The name {twice[0]!r} is used {count}"
    else:
        what = f"The names {some(twice, MOST_LISTED)} are used more than once"
    return DuplicateNamesError(f"{what}; give every node a unique name{_such_as(offered)}.", offered)


def several_parents_error(several: dict[str, list[Any]], may_split: bool) -> TreeError:
    """Return the error for nodes with several parents; leaves may be split into one node below each parent."""
    (name, above), *more = several.items()
    if not more:
        what = f"The node {name!r} has {_counted(len(above))} parents, {_listed(above)}"
    else:
        nodes = ", ".join(f"{child!r} (below {_listed(parents)})" for child, parents in list(several.items())[:5])
        rest = list(several)[5:]
        what = f"The nodes {nodes}{f', {some(rest, MOST_LISTED)}' if rest else ''} have several parents"
    offered = {child: [f"{child} ({each})" for each in parents] for child, parents in several.items()}
    if may_split:
        first = _listed(next(iter(offered.values())))
        return DuplicateNamesError(f"{what}; a tree gives each node one parent: name the leaves {first}.", offered)
    return TreeError(f"{what}; a tree gives each node one parent.")


def _such_as(offered: dict[str, list[str]]) -> str:
    if not offered:
        return ""
    first = next(iter(offered.values()))
    return f", such as {_listed(first)}"


def _listed(names: Sequence[str]) -> str:
    shown = [repr(name) for name in names[:3]]
    if len(names) > 3:
        return f"{', '.join(shown)} and {len(names) - 3} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else shown[0]


def _counted(number: int) -> str:
    return {2: "two", 3: "three", 4: "four"}.get(number, str(number))
