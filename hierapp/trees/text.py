"""Trees as typed text: indented lines, or lines of parent,child."""

from __future__ import annotations

import csv
import io
import re

from hierapp.errors import TreeError, short
from hierapp.trees import formats
from hierapp.trees.edits import Children, free_name, made_of
from hierapp.trees.tree import LabelTree


def parse(text: str) -> LabelTree:
    r"""Read pasted text: one indented name per line, or `parent,child` lines; also any file format.

    Indentation is any number of spaces or tabs, with or without a bullet (-, * or +). If several lines are not
    indented, they are put below one root.

    Raises:
        TreeError: if the text is not a tree; for a faulty line, the message gives its number.

    >>> parse("animal\n  cat\n  dog\ntruck").nodes
    ('root', 'animal', 'cat', 'dog', 'truck')
    >>> parse("animal,cat\nanimal,dog").leaves
    ('cat', 'dog')
    """
    if len(text) > formats.LARGEST_FILE:
        raise TreeError("The text is larger than 10 MB, which no label tree needs; check it.")
    lines = [(number, line.expandtabs(8)) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if not lines:
        raise TreeError("The text is empty; type a name a line, indented below its parent, or parent,child lines.")
    first = lines[0][1].lstrip()
    if first.startswith(("{", "(")) or first.endswith(";"):
        return formats.parse(text, "json" if first.startswith("{") else "newick")
    if _is_edges(lines):
        return _from_edges(lines)
    return _from_indents(lines)


def render(tree: LabelTree) -> str:
    """Write the tree as indented lines.

    `parse` restores it, unless a name begins with a space or a bullet, or contains a line break.

    >>> print(render(LabelTree.from_edges([("root", "cat"), ("root", "dog")])))
    root
      cat
      dog
    """
    return "\n".join("  " * (int(depth) - 1) + name for name, depth in zip(tree.nodes, tree.depth, strict=True))


def draw(tree: LabelTree, lines: bool = True) -> str:
    """Draw the tree for a terminal, one node per line; without `lines` in plain characters.

    >>> print(draw(LabelTree.from_edges([("root", "cat"), ("root", "dog")])))
    root
    ├── cat
    └── dog
    """
    down, branch, last_branch = ("│   ", "├── ", "└── ") if lines else ("|   ", "|-- ", "`-- ")
    last = {int(parent): node for node, parent in enumerate(tree.parents)}
    drawn, indent = [tree.nodes[0]], [""]
    for node in range(1, len(tree.nodes)):
        parent = int(tree.parents[node])
        is_last = last[parent] == node
        drawn.append(indent[parent] + (last_branch if is_last else branch) + tree.nodes[node])
        indent.append(indent[parent] + ("    " if is_last else down))
    return "\n".join(drawn)


def _is_edges(lines: list[tuple[int, str]]) -> bool:
    return all("," in line and not line[0].isspace() for _, line in lines)


def _from_edges(lines: list[tuple[int, str]]) -> LabelTree:
    edges = []
    for number, line in lines:
        cells = [cell.strip() for cell in next(csv.reader(io.StringIO(line), skipinitialspace=True))]
        if len(cells) != 2:
            raise TreeError(
                f"Line {number}: expected parent,child but got {len(cells)} cells; quote names with commas."
            )
        if (number, [cell.lower() for cell in cells]) != (lines[0][0], ["parent", "child"]):
            edges.append((cells[0], cells[1]))
    return LabelTree.from_edges(edges)


def _from_indents(lines: list[tuple[int, str]]) -> LabelTree:
    below: Children = {}
    tops: list[str] = []
    open_at: list[tuple[int, str]] = []
    for number, line in lines:
        name = re.sub(r"^[-*+] +", "", line.strip())
        indent = len(line) - len(line.lstrip())
        while open_at and open_at[-1][0] >= indent:
            open_at.pop()
        if name in below:
            raise TreeError(f"Line {number}: the name {short(name)} is used twice; give every node a name of its own.")
        below[name] = []
        if open_at:
            below[open_at[-1][1]].append(name)
        else:
            tops.append(name)
        open_at.append((indent, name))
    if len(tops) == 1:
        return made_of(tops[0], below)
    root = free_name(below, "root")
    return made_of(root, below | {root: tops})
