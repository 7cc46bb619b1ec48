"""Newick, a one-line tree format used in biology: `((cat,dog)animal,truck)root;`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hierapp.errors import TreeError, short
from hierapp.trees.assemble import Nodes
from hierapp.trees.names import made_names, name_of
from hierapp.trees.tree import LabelTree

_SPECIAL = set("()[]{},;:'\"= \t\r\n")
_BRACKET = re.compile(r"[\[\]]")
# Support values of inner nodes: 95, 0.98, 1e-3, 95%, or two as 95/0.98.
_SUPPORT = re.compile(r"[0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?%?(?:/[0-9]*\.?[0-9]+%?)*")


def parse(text: str) -> LabelTree:
    """Read a tree from Newick text, see `nodes_of`.

    Raises:
        TreeError: if it is not a label tree in Newick format.
    """
    return LabelTree(*nodes_of(text))


def nodes_of(text: str) -> Nodes:
    """Read the nodes of a tree from Newick text.

    Underscores in labels are not changed; branch lengths and [comments], also nested ones, are ignored. Inner nodes
    without a label, or with an unquoted number as label, which is a support value, are named group 1, group 2, ...

    Raises:
        TreeError: if it is not in Newick format.

    >>> nodes_of("((cat:0.1,dog:0.2)100:0.3,truck);").names
    ['cat', 'dog', 'group 1', 'truck', 'root']
    """
    names: list[str | None] = []
    parents: list[int] = []
    groups: list[list[int]] = [[]]  # for each open parenthesis, the nodes that need a parent
    waiting: list[int] | None = None  # the children of the next node
    named = False
    ended = False

    def add(name: str | None) -> None:
        nonlocal waiting, named
        for child in waiting or []:
            parents[child] = len(names)
        waiting, named = None, True
        groups[-1].append(len(names))
        names.append(name)
        parents.append(-1)

    for kind, value in _tokens(text):
        if ended:
            raise TreeError(f"Broken Newick: {short(value)} follows after the closing semicolon.")
        if kind == "(":
            if named or waiting is not None:
                raise TreeError("Broken Newick: an opening parenthesis follows a node; put a comma between them.")
            groups.append([])
        elif kind in ("label", "quoted"):
            if named:
                raise TreeError(f"Broken Newick: the labels {names[-1] or ')'!r} and {value!r} follow one another.")
            is_support = kind == "label" and waiting is not None and _SUPPORT.fullmatch(value) is not None
            add(None if is_support else name_of(value))
        else:
            if kind == ")" and len(groups) == 1:
                raise TreeError("Broken Newick: there are more closing parentheses than opening ones.")
            if not named:
                if waiting is None:
                    raise TreeError(f"Broken Newick: a leaf before {value!r} has no name; name every leaf.")
                add(None)
            named = False
            if kind == ")":
                waiting = groups.pop()
            elif kind == ";":
                ended = True
    if not ended:
        raise TreeError("Broken Newick: the closing semicolon is missing.")
    if len(groups) > 1:
        raise TreeError("Broken Newick: there are more opening parentheses than closing ones.")
    return Nodes(made_names(names, parents), parents)


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    """Yield (kind, text) for labels, quoted labels and punctuation, without lengths and comments."""
    at, size = 0, len(text)
    while at < size:
        char = text[at]
        if char.isspace():
            at += 1
        elif char == "[":
            at = _after_comment(text, at)
        elif char in "(),;":
            yield char, char
            at += 1
        elif char == ":":
            at += 1
            while at < size and text[at] not in "(),;[":
                at += 1
        elif char in "'\"":
            label, at = _quoted(text, at + 1, char)
            yield "quoted", label
        else:
            start = at
            while at < size and text[at] not in "()[],;:'" and not text[at].isspace():
                at += 1
            if at == start:
                raise TreeError(f"Broken Newick: {char!r} where a name was expected; quote names that contain it.")
            yield "label", text[start:at]


def _after_comment(text: str, at: int) -> int:
    """Return the position after the comment that begins here; comments may be nested."""
    depth = 0
    for bracket in _BRACKET.finditer(text, at):
        depth += 1 if bracket[0] == "[" else -1
        if depth == 0:
            return bracket.end()
    raise TreeError("Broken Newick: a comment in [brackets] does not end.")


def _quoted(text: str, at: int, quote: str) -> tuple[str, int]:
    """Read the label after an opening quote; return it and the position after it. Two quotes stand for one."""
    parts = []
    while True:
        end = text.find(quote, at)
        if end < 0:
            raise TreeError("Broken Newick: a quoted name does not end.")
        parts.append(text[at:end])
        if text[end + 1 : end + 2] != quote:
            return quote.join(parts), end + 1
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
        label = _label(tree.nodes[node], inner=bool(below)) + after
        if not below:
            parts.append(label)
            continue
        parts.append("(")
        ahead.append((-1, ")" + label))
        ahead.extend((child, "" if child == below[-1] else ",") for child in reversed(below))
    return "".join(parts) + ";\n"


def _label(name: str, inner: bool) -> str:
    # An unquoted number at an inner node would be read as a support value.
    if any(char in _SPECIAL or char.isspace() for char in name) or (inner and _SUPPORT.fullmatch(name)):
        return "'" + name.replace("'", "''") + "'"
    return name
