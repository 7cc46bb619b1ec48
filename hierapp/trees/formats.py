"""Read and write label trees: JSON, tables of edges or ranks, the adjacency matrix, Newick, outlines.

Reading returns a LabelTree or raises a TreeError. Every format that is written restores every tree exactly.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hierapp.errors import AmbiguousTreeError, DuplicateNamesError, TreeError, one_line, short
from hierapp.trees import json_shapes, newick, outline, tables
from hierapp.trees.readings import MOST_LEVELS, Reading, not_too_deep, settle
from hierapp.trees.tree import LabelTree
from hierapp.utils import files, text_files
from hierapp.utils.reading import open_file

__all__ = ["FORMATS", "LARGEST_FILE", "MOST_LEVELS", "TreeFormat"]

LARGEST_FILE = 10_000_000  # bytes
NEWICK_SUFFIXES = (".nwk", ".newick", ".nw", ".tree", ".tre", ".treefile")
TABLE_SUFFIXES = (".csv", ".tsv", ".tab")
EDGE_SUFFIXES = (".edges", ".edgelist")


@dataclass(frozen=True)
class TreeFormat:
    """A file format in which trees are written."""

    suffix: str
    label: str
    readings: Callable[[str], list[Reading]]
    write: Callable[[LabelTree], str]

    def parse(self, text: str) -> LabelTree:
        """Read a tree from text in this format; raise a TreeError if it is not one."""
        if not text.strip():
            raise TreeError(f"The file is empty; expected {self.label}.")
        return settle(self.readings(text))

    def render(self, tree: LabelTree) -> str:
        """Write a tree as text for `parse`; raise a TreeError if it is too deep."""
        return self.write(not_too_deep(tree))


def load(path: str | Path, read_as: str | None = None, disambiguate: bool = False) -> LabelTree:
    """Read a tree from a file, see `LabelTree.load`.

    Raises:
        TreeError: if the file does not exist, cannot be read, or is not a label tree.
    """
    path = Path(path)
    try:
        with open_file(path) as file:
            data = file.read(LARGEST_FILE + 1)
    except FileNotFoundError:
        raise TreeError(f"There is no file {one_line(path)}; check its name and folder.") from None
    except IsADirectoryError:
        raise TreeError(f"{one_line(path)} is a folder; give a file with a label tree.") from None
    except (OSError, ValueError) as error:
        raise TreeError(f"The file {str(path)!r} cannot be read ({getattr(error, 'strerror', error)}).") from None
    return parse_bytes(data, path.name, read_as, disambiguate)


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


def parse_bytes(data: bytes, file_name: str, read_as: str | None = None, disambiguate: bool = False) -> LabelTree:
    """Read an uploaded file; every error message begins with its name.

    Args:
        data: the content: UTF-8, or UTF-16 with a byte order mark.
        file_name: its suffix decides where the content can be read in several ways.
        read_as: see `LabelTree.load`.
        disambiguate: see `LabelTree.load`.

    Raises:
        AmbiguousTreeError: if it can be read as several trees.
        DuplicateNamesError: if several nodes have one name.
        TreeError: if the file is too large, not text or not a label tree.
    """
    file_name = one_line(file_name)
    if len(data) > LARGEST_FILE:
        raise TreeError(
            f"{file_name}: larger than {LARGEST_FILE // 1_000_000} MB, the limit for label trees; check the file."
        )
    try:
        text = text_files.decode(data)
    except UnicodeDecodeError as error:
        raise TreeError(f"{file_name}: byte {error.start} is not UTF-8; save the file as UTF-8 text.") from None
    try:
        return read(text, file_name, read_as, disambiguate)
    except AmbiguousTreeError as error:
        raise AmbiguousTreeError(f"{file_name}: {error}", error.readings) from None
    except DuplicateNamesError as error:
        raise DuplicateNamesError(f"{file_name}: {error}", error.offered) from None
    except TreeError as error:
        raise TreeError(f"{file_name}: {error}") from None


def read(text: str, file_name: str = "", read_as: str | None = None, disambiguate: bool = False) -> LabelTree:
    r"""Read a tree from the text of a file or a form, by its content first and its suffix second.

    Args:
        text: the text.
        file_name: the name of its file, if there is one.
        read_as: see `LabelTree.load`.
        disambiguate: see `LabelTree.load`.

    Raises:
        TreeError: see `parse_bytes`.

    >>> read("animal -> cat\nanimal -> dog").leaves
    ('cat', 'dog')
    """
    if not text.strip():
        raise TreeError("The file is empty; expected a label tree.")
    return settle(_readings(text.lstrip("\ufeff"), file_name.lower()), read_as, disambiguate)


def _readings(text: str, file_name: str) -> list[Reading]:
    """Return the ways in which the content may be meant, the most usual first."""
    start = text.lstrip()[:1]
    if file_name.endswith(".adjacency.csv") and start not in "{[(":
        return _adjacency(text)
    if start == "(" or (file_name.endswith(NEWICK_SUFFIXES) and ";" in text and not _known_tables(text)):
        return _newick(text)
    if start == "{" or (file_name.endswith(".json") and not _known_tables(text)):
        return _json(text)
    if start == "[":
        return _newick(text) if text.rstrip().endswith(";") else _json(text)
    return _of_lines(text, file_name)


def _known_tables(text: str) -> bool:
    return any(table.is_known for table in _tables(text))


def _tables(text: str) -> list[tables.Table]:
    try:
        return tables.find(text)
    except TreeError:
        return []


def _of_lines(text: str, file_name: str) -> list[Reading]:
    is_table = file_name.endswith(TABLE_SUFFIXES)
    indented = outline.is_indented(text)
    found = tables.find(text) if is_table or not indented else [each for each in _tables(text) if each.is_known]
    readings = [reading for table in found for reading in _named_by(table, tables.readings_of(table), len(found))]
    if found or is_table:
        if not found:
            raise TreeError(
                "Expected lines of parent,child or of ranks, separated by commas, semicolons or tabs, but there are"
                " none."
            )
        return readings
    if not indented and (words := tables.find_words(text)) is not None:
        readings = tables.readings_of(words)
        parents = {row[0] for row in words.cells}
        if file_name.endswith(EDGE_SUFFIXES) or any(row[1] in parents for row in words.cells):
            return readings
    return readings + outline.readings_of(text)


def _named_by(table: tables.Table, readings: list[Reading], count: int) -> list[Reading]:
    """Return the readings with the delimiter in their names if there are several."""
    if count == 1:
        return readings
    return [
        Reading(
            f"{each.name} {table.delimiter}", f"{each.label}, separated by {table.delimiter}", each.nodes, each.doubtful
        )
        for each in readings
    ]


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


def stem_of(file_name: str) -> str:
    """Return a file's name without the suffix of a tree.

    >>> stem_of("pets.adjacency.csv"), stem_of("pets.tsv"), stem_of("pets v2")
    ('pets', 'pets', 'pets v2')
    """
    lower = file_name.lower()
    suffix = next((known.suffix for known in FORMATS.values() if lower.endswith(known.suffix)), Path(file_name).suffix)
    return file_name[: len(file_name) - len(suffix)] or file_name


def of_name(file_name: str) -> TreeFormat:
    """Return the format for a file's suffix; raise a TreeError that lists the suffixes if there is none."""
    for known in FORMATS.values():
        if file_name.lower().endswith(known.suffix):
            return known
    raise TreeError(
        f"{file_name}: the suffix does not belong to a tree format; use one of"
        f" {', '.join(f.suffix for f in FORMATS.values())}."
    )


def _format(name: str) -> TreeFormat:
    if name not in FORMATS:
        raise TreeError(f"Unknown format {name!r}; choose one of {', '.join(FORMATS)}.")
    return FORMATS[name]


# JSON


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


def _write_rows(rows: list[list[str]]) -> str:
    return "".join(",".join(map(text_files.csv_cell, row)) + "\n" for row in rows)


def _render_edges(tree: LabelTree) -> str:
    edges = [[tree.nodes[parent], tree.nodes[node]] for node, parent in enumerate(tree.parents.tolist()) if parent >= 0]
    return _write_rows([["parent", "child"], *edges])


def _render_adjacency(tree: LabelTree) -> str:
    if 2 * len(tree.nodes) ** 2 > LARGEST_FILE:
        raise TreeError(f"A matrix of {len(tree.nodes)} nodes is too large for a file; use another format.")
    matrix = tree.adjacency().tolist()
    return _write_rows(
        [["", *tree.nodes], *([name, *map(str, row)] for name, row in zip(tree.nodes, matrix, strict=True))]
    )


def _json(text: str) -> list[Reading]:
    return json_shapes.readings_of(json_shapes.parse(text))


def _edges(text: str) -> list[Reading]:
    # A file that was written here is read as such: its names may hold other delimiters.
    return [reading for table in tables.find(text)[:1] for reading in tables.readings_of(table)] or _none(text)


def _adjacency(text: str) -> list[Reading]:
    return [tables.adjacency(table) for table in tables.find(text)[:1]] or _none(text)


def _none(text: str) -> list[Reading]:
    raise TreeError(
        f"Expected a table with commas, semicolons or tabs between its cells but got {short(text.strip())}."
    )


def _newick(text: str) -> list[Reading]:
    return [Reading("newick", "Newick", lambda split: newick.nodes_of(text))]


FORMATS: dict[str, TreeFormat] = {
    # The longer suffix first, because .adjacency.csv also ends in .csv.
    "json": TreeFormat(".json", "JSON", _json, _render_json),
    "adjacency": TreeFormat(".adjacency.csv", "CSV of the adjacency matrix", _adjacency, _render_adjacency),
    "edges": TreeFormat(".csv", "CSV of edges", _edges, _render_edges),
    "newick": TreeFormat(".nwk", "Newick", _newick, newick.render),
}
