"""Outlines: one name a line, indented below its parent, as typed or as drawn by `tree`."""

from __future__ import annotations

import re
from collections.abc import Callable

from hierapp.errors import DuplicateNamesError, TreeError
from hierapp.trees.assemble import Nodes, with_root
from hierapp.trees.names import duplicates_error, name_of
from hierapp.trees.readings import Reading

# What `tree` and `hierapp tree show` draw before a name.
_DRAWN = re.compile(r"^(?:[│|]\xa0?\s{2,3}| {4}|\xa0{2} )*(?:[├└][─]+|[|`+\\]--+) ")
_BULLET = re.compile(r"^(?:[-*+•] +|[-*+•]\t)")
TABS = (8, 4, 2)  # columns of a tab, where tabs and spaces are mixed


def readings_of(text: str) -> list[Reading]:
    """Return the ways to read an outline: several where tabs and spaces are mixed."""
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if any(_DRAWN.match(line) for _, line in lines):
        lines = [(number, _undrawn(line)) for number, line in lines]
    indents = {char for _, line in lines for char in line[: len(line) - len(line.lstrip())]}
    if indents >= {" ", "\t"}:
        return [
            Reading(f"outline tab-{width}", f"an outline with tabs of {width}", _reader(lines, width)) for width in TABS
        ]
    return [Reading("outline", "an outline", _reader(lines, TABS[0]))]


def is_indented(text: str) -> bool:
    """Return whether a line is indented, or drawn as a branch."""
    return any(line.strip() and (line[0] in " \t" or _DRAWN.match(line)) for line in text.splitlines())


def _undrawn(line: str) -> str:
    drawn = _DRAWN.match(line)
    return line if drawn is None else " " * len(drawn[0]) + line[drawn.end() :]


def _reader(lines: list[tuple[int, str]], tab: int) -> Callable[[bool], Nodes]:
    return lambda split: _nodes([(number, line.expandtabs(tab)) for number, line in lines], split)


def _nodes(lines: list[tuple[int, str]], split: bool) -> Nodes:
    names: list[str] = []
    parents: list[int] = []
    open_at: list[tuple[int, int]] = []  # indentation and position of the nodes that may get children
    for number, line in lines:
        indent = len(line) - len(line.lstrip())
        name = name_of(_BULLET.sub("", line.strip()))
        if not name:
            raise TreeError(f"Line {number}: a bullet without a name; write one, or remove the line.")
        while open_at and open_at[-1][0] >= indent:
            open_at.pop()
        parents.append(open_at[-1][1] if open_at else -1)
        open_at.append((indent, len(names)))
        names.append(name)
    if parents.count(-1) > 1:
        names, parents = with_root(names, parents)
    if not split and len(set(names)) < len(names):
        error = duplicates_error(names, parents)
        seen: set[str] = set()
        first = next(i for i, name in enumerate(names) if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise DuplicateNamesError(f"Line {lines[first][0]}: t{str(error)[1:]}", error.offered)
    return Nodes(names, parents)
