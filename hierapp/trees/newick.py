"""Newick, a one-line tree format used in biology: `((cat,dog)animal,truck)root;`."""

from __future__ import annotations

from collections.abc import Iterator

from hierapp.errors import TreeError, short
from hierapp.trees.tree import LabelTree

_SPECIAL = set("()[]{},;:'\"= \t\r\n")


def parse(text: str) -> LabelTree:
    """Read a tree from Newick text. Underscores in labels are not changed; branch lengths and [comments] are ignored.

    Raises:
        TreeError: if it is not a label tree in Newick format.
    """
    names: list[str] = []
    parents: list[int] = []
    groups: list[list[int]] = [[]]  # for each open parenthesis, the nodes that need a parent
    waiting: list[int] | None = None  # the children of the next node
    named = False
    ended = False
    for kind, value in _tokens(text):
        if ended:
            raise TreeError(f"Broken Newick: {short(value)} follows after the closing semicolon.")
        if kind == "(":
            if named or waiting is not None:
                raise TreeError("Broken Newick: an opening parenthesis follows a node; put a comma between them.")
            groups.append([])
        elif kind == "label":
            if named:
                raise TreeError(f"Broken Newick: the labels {names[-1]!r} and {value!r} follow one another.")
            for child in waiting or []:
                parents[child] = len(names)
            waiting, named = None, True
            groups[-1].append(len(names))
            names.append(value)
            parents.append(-1)
        else:
            if kind == ")" and len(groups) == 1:
                raise TreeError("Broken Newick: there are more closing parentheses than opening ones.")
            if not named:
                raise TreeError(f"Broken Newick: a node before {value!r} has no name; name every node, inner ones too.")
            named = False
            if kind == ")":
                waiting = groups.pop()
            elif kind == ";":
                ended = True
    if not ended:
        raise TreeError("Broken Newick: the closing semicolon is missing.")
    if len(groups) > 1:
        raise TreeError("Broken Newick: there are more opening parentheses than closing ones.")
    return LabelTree(names, parents)


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    """Yield (kind, text) for labels and punctuation, without lengths and comments."""
    at, size = 0, len(text)
    while at < size:
        char = text[at]
        if char.isspace():
            at += 1
        elif char == "[":
            end = text.find("]", at)
            if end < 0:
                raise TreeError("Broken Newick: a comment in [brackets] does not end.")
            at = end + 1
        elif char in "(),;":
            yield char, char
            at += 1
        elif char == ":":
            at += 1
            while at < size and text[at] not in "(),;[":
                at += 1
        elif char == "'":
            label, at = _quoted(text, at + 1)
            yield "label", label
        else:
            start = at
            while at < size and text[at] not in "()[],;:'" and not text[at].isspace():
                at += 1
            if at == start:
                raise TreeError(f"Broken Newick: {char!r} stands where a name was expected; quote names that hold it.")
            yield "label", text[start:at]


def _quoted(text: str, at: int) -> tuple[str, int]:
    """Read the label after an opening quote; return it and the position after it. Two quotes stand for one."""
    parts = []
    while True:
        end = text.find("'", at)
        if end < 0:
            raise TreeError("Broken Newick: a quoted name does not end.")
        parts.append(text[at:end])
        if text[end + 1 : end + 2] != "'":
            return "'".join(parts), end + 1
        at = end + 2


def render(tree: LabelTree) -> str:
    """Write a tree as Newick text, with the names of internal nodes and without branch lengths."""
    parts: list[str] = []
    ahead: list[tuple[int, str]] = [(0, "")]
    while ahead:
        node, after = ahead.pop()
        if node < 0:
            parts.append(after)
            continue
        below = tree.children[node]
        label = _label(tree.nodes[node]) + after
        if not below:
            parts.append(label)
            continue
        parts.append("(")
        ahead.append((-1, ")" + label))
        ahead.extend((child, "" if child == below[-1] else ",") for child in reversed(below))
    return "".join(parts) + ";\n"


def _label(name: str) -> str:
    if any(char in _SPECIAL or char.isspace() for char in name):
        return "'" + name.replace("'", "''") + "'"
    return name
