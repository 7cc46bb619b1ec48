"""Read and write label trees: JSON, CSV of edges, CSV of the adjacency matrix, Newick.

Reading returns a LabelTree or raises a TreeError. Every format restores every tree exactly.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hierapp.errors import TreeError, one_line, short
from hierapp.trees import newick
from hierapp.trees.tree import LabelTree
from hierapp.utils import files

LARGEST_FILE = 10_000_000  # bytes
# More than label trees need, and within the json module's recursion limit, so that all formats read the same trees.
MOST_LEVELS = 200


@dataclass(frozen=True)
class TreeFormat:
    """A file format of trees."""

    suffix: str
    label: str
    read: Callable[[str], LabelTree]
    write: Callable[[LabelTree], str]

    def parse(self, text: str) -> LabelTree:
        """Read a tree from text; raise a TreeError if it is not one."""
        if not text.strip():
            raise TreeError(f"The file is empty; expected {self.label}.")
        return _not_too_deep(self.read(text))

    def render(self, tree: LabelTree) -> str:
        """Write a tree as text for `parse`; raise a TreeError if it is too deep."""
        return self.write(_not_too_deep(tree))


def load(path: str | Path) -> LabelTree:
    """Read a tree from a file; its suffix determines the format.

    Raises:
        TreeError: if the file does not exist, cannot be read, or is not a label tree in that format.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
    except FileNotFoundError:
        raise TreeError(f"There is no file {one_line(path)}; check its name and folder.") from None
    except IsADirectoryError:
        raise TreeError(f"{one_line(path)} is a folder; give a file with a label tree.") from None
    except (OSError, ValueError) as error:
        raise TreeError(f"The file {str(path)!r} cannot be read ({getattr(error, 'strerror', error)}).") from None
    return parse_bytes(data, path.name)


def save(tree: LabelTree, path: str | Path) -> None:
    """Write a tree to a file; its suffix determines the format.

    Raises:
        TreeError: if the suffix is unknown, the tree is too deep, or the file cannot be written.
    """
    path = Path(path)
    content = as_bytes(tree, path)
    try:
        files.replace(content, path, files.PUBLIC_FILE)
    except (OSError, ValueError) as error:
        raise TreeError(f"The file {str(path)!r} cannot be written ({getattr(error, 'strerror', error)}).") from None


def as_bytes(tree: LabelTree, path: Path) -> bytes:
    """Return the content of a file of this name.

    Raises:
        TreeError: if the suffix is unknown, the tree is too deep, or a name is not valid Unicode.
    """
    try:
        return of_name(path.name).render(tree).encode()
    except UnicodeEncodeError as error:
        raise TreeError(f"The file {str(path)!r} cannot be written ({error}).") from None


def parse_bytes(data: bytes, file_name: str) -> LabelTree:
    """Read an uploaded file; every error message begins with its name.

    Raises:
        TreeError: if the suffix is unknown, or the file is too large, not UTF-8 or not a label tree.
    """
    file_name = one_line(file_name)
    chosen = of_name(file_name)
    if len(data) > LARGEST_FILE:
        raise TreeError(
            f"{file_name}: larger than {LARGEST_FILE // 1_000_000} MB, which no label tree needs; check the file."
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TreeError(f"{file_name}: byte {error.start} is not UTF-8; save the file as UTF-8 text.") from None
    try:
        return chosen.parse(text)
    except TreeError as error:
        seen = _looks_like(text)
        if seen and seen != chosen.suffix:
            raise TreeError(
                f"{file_name}: not {chosen.label}, it looks like {_BY_SUFFIX[seen].label}; rename it to *{seen}."
            ) from None
        raise TreeError(f"{file_name}: {error}") from None


def parse(text: str, format_name: str) -> LabelTree:
    """Read a tree from text in one of `FORMATS`.

    Raises:
        TreeError: if the format is unknown or the text is not a label tree in it.

    >>> parse("(cat,dog)root;", "newick").leaves
    ('cat', 'dog')
    """
    return _format(format_name).parse(text)


def render(tree: LabelTree, format_name: str) -> str:
    r"""Write a tree as text in one of `FORMATS`.

    Raises:
        TreeError: if the format is unknown or the tree is too deep for a file.

    >>> render(LabelTree.from_edges([("root", "cat"), ("root", "dog")]), "newick")
    '(cat,dog)root;\n'
    """
    return _format(format_name).render(tree)


def of_name(file_name: str) -> TreeFormat:
    """Return the format for a file's suffix; raise a TreeError that lists the suffixes if there is none."""
    for known in FORMATS.values():
        if file_name.lower().endswith(known.suffix):
            return known
    raise TreeError(
        f"{file_name}: the suffix names no format of trees; use one of {', '.join(f.suffix for f in FORMATS.values())}."
    )


def _format(name: str) -> TreeFormat:
    if name not in FORMATS:
        raise TreeError(f"Unknown format {name!r}; choose one of {', '.join(FORMATS)}.")
    return FORMATS[name]


def _not_too_deep(tree: LabelTree) -> LabelTree:
    levels = int(tree.depth.max())
    if levels > MOST_LEVELS:
        raise TreeError(f"The tree has {levels} levels; expected at most {MOST_LEVELS}: make it shallower.")
    return tree


def _looks_like(text: str) -> str | None:
    """Guess the suffix from the first characters of the text; None if they fit no format."""
    start = text.lstrip()
    if start.startswith("{"):
        return ".json"
    if start.startswith("("):
        return ".nwk"
    if start.lower().startswith(("parent,child", '"parent","child"')):
        return ".csv"
    if start.startswith((",", '"",')):
        return ".adjacency.csv"
    return None


# JSON


def _parse_json(text: str) -> LabelTree:
    try:
        top = json.loads(text)
    except json.JSONDecodeError as error:
        raise TreeError(f"Broken JSON in line {error.lineno}, column {error.colno}: {error.msg.lower()}.") from None
    except RecursionError:
        raise TreeError(f"The JSON is nested too deep; expected a tree of at most {MOST_LEVELS} levels.") from None
    except ValueError as error:  # a number with thousands of digits
        raise TreeError(f"Broken JSON: {str(error).lower().rstrip('.')}.") from None
    names: list[str] = []
    parents: list[int] = []
    ahead: list[tuple[Any, int]] = [(top, -1)]
    while ahead:
        node, parent = ahead.pop()
        if isinstance(node, str):
            node = {"name": node}
        if not isinstance(node, dict) or not isinstance(node.get("name"), str):
            where = f"below {names[parent]!r}" if names else "at the top"
            raise TreeError(f'Expected {where} an object with a "name" and perhaps "children" but got {short(node)}.')
        below = node.get("children")
        if below is None:
            below = []
        if not isinstance(below, list):
            raise TreeError(f'Expected the "children" of {node["name"]!r} to be a list but got {short(below)}.')
        names.append(node["name"])
        parents.append(parent)
        here = len(names) - 1
        ahead.extend((child, here) for child in reversed(below))
    return LabelTree(names, parents)


def _render_json(tree: LabelTree) -> str:
    # Written from the preorder without the json module, which fails on trees deeper than Python's recursion limit.
    lines = []
    depth = tree.depth.tolist()
    for node, name in enumerate(tree.nodes):
        indent = "  " * (depth[node] - 1)
        text = json.dumps(name, ensure_ascii=False)
        if tree.children[node]:
            lines.append(f'{indent}{{"name": {text}, "children": [')
            continue
        following = depth[node + 1] if node + 1 < len(depth) else 1
        ends = "".join(f"\n{'  ' * (level - 1)}]}}" for level in range(depth[node] - 1, following - 1, -1))
        lines.append(
            f'{indent}{{"name": {text}}}{ends if following < depth[node] else ""}{"," if following > 1 else ""}'
        )
    return "\n".join(lines) + "\n"


# CSV


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows that are not empty, with their line numbers."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        for row in reader:
            if row:
                yield reader.line_num, row
    except csv.Error as error:
        raise TreeError(f"Broken CSV in line {reader.line_num}: {error}.") from None


def _write_rows(rows: list[list[str]]) -> str:
    # Not csv.writer: it does not quote a lone carriage return, and csv.reader ends the row there.
    return "".join(",".join(map(_cell, row)) + "\n" for row in rows)


def _cell(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if any(char in text for char in ',"\r\n') else text


def _parse_edges(text: str) -> LabelTree:
    rows = _rows(text)
    _, header = next(rows, (0, []))
    if [cell.strip().lower() for cell in header] != ["parent", "child"]:
        raise TreeError(f"Expected the first line to be parent,child but got {short(','.join(header))}.")
    edges = []
    for line, row in rows:
        if len(row) != 2:
            raise TreeError(f"Expected a parent and a child in line {line} but got {len(row)} cells.")
        edges.append((row[0], row[1]))
    return LabelTree.from_edges(edges)


def _render_edges(tree: LabelTree) -> str:
    edges = [[tree.nodes[parent], tree.nodes[node]] for node, parent in enumerate(tree.parents.tolist()) if parent >= 0]
    return _write_rows([["parent", "child"], *edges])


def _parse_adjacency(text: str) -> LabelTree:
    rows = _rows(text)
    _, header = next(rows, (0, []))
    if not header or header[0].strip():
        raise TreeError("Expected the first line to be an empty cell and then the names of the nodes.")
    names = header[1:]
    matrix: list[list[int]] = []
    for line, row in rows:
        if len(row) != len(header):
            raise TreeError(f"Expected {len(header)} cells in line {line}, as in the first line, but got {len(row)}.")
        if len(matrix) == len(names):
            raise TreeError(f"Expected {len(names)} rows, one a name of the first line, but line {line} is another.")
        if row[0] != names[len(matrix)]:
            raise TreeError(f"Expected line {line} to be the row of {names[len(matrix)]!r} but got {short(row[0])}.")
        if any(cell.strip() not in ("0", "1") for cell in row[1:]):
            raise TreeError(f"Line {line} holds cells besides 0 and 1; write 1 where the column is a child.")
        matrix.append([int(cell) for cell in row[1:]])
    if len(matrix) != len(names):
        raise TreeError(f"Expected {len(names)} rows, one a name of the first line, but got {len(matrix)}.")
    if not names:
        raise TreeError("The adjacency matrix is empty; give a row and a column for each node.")
    return LabelTree.from_adjacency(matrix, names)


def _render_adjacency(tree: LabelTree) -> str:
    if 2 * len(tree.nodes) ** 2 > LARGEST_FILE:
        raise TreeError(f"A matrix of {len(tree.nodes)} nodes is too large for a file; use another format.")
    matrix = tree.adjacency().tolist()
    return _write_rows(
        [["", *tree.nodes], *([name, *map(str, row)] for name, row in zip(tree.nodes, matrix, strict=True))]
    )


FORMATS: dict[str, TreeFormat] = {
    # The longer suffix first, because .adjacency.csv also ends in .csv.
    "json": TreeFormat(".json", "JSON", _parse_json, _render_json),
    "adjacency": TreeFormat(".adjacency.csv", "CSV of the adjacency matrix", _parse_adjacency, _render_adjacency),
    "edges": TreeFormat(".csv", "CSV of edges", _parse_edges, _render_edges),
    "newick": TreeFormat(".nwk", "Newick", newick.parse, newick.render),
}
_BY_SUFFIX = {known.suffix: known for known in FORMATS.values()}
