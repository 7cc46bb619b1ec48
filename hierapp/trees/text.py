"""Trees as typed text: an outline of indented lines, or anything that a file may hold."""

from __future__ import annotations

from hierapp.errors import TreeError
from hierapp.trees import formats
from hierapp.trees.tree import LabelTree


def parse(text: str, read_as: str | None = None, disambiguate: bool = False) -> LabelTree:
    r"""Read pasted text: one indented name per line, or whatever a file may hold.

    Indentation is any number of spaces or tabs, with or without a bullet (-, * or +). If several lines are not
    indented, they are put below one root.

    Args:
        text: the text.
        read_as: see `LabelTree.load`.
        disambiguate: see `LabelTree.load`.

    Raises:
        AmbiguousTreeError: if the text can be read as several trees.
        DuplicateNamesError: if several nodes have one name.
        TreeError: if the text is not a tree; for a faulty line, the message gives its number.

    >>> parse("animal\n  cat\n  dog\ntruck").nodes
    ('root', 'animal', 'cat', 'dog', 'truck')
    >>> parse("animal,cat\nanimal,dog").leaves
    ('cat', 'dog')
    """
    if len(text) > formats.LARGEST_FILE:
        raise TreeError("The text is larger than 10 MB, the limit for label trees; check it.")
    if not text.strip():
        raise TreeError("The text is empty; enter one name per line, indented below its parent, or parent,child lines.")
    return formats.read(text, read_as=read_as, disambiguate=disambiguate)


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
