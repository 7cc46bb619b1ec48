"""Trees in tables: edges and columns of ranks, with or without a header and further columns."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from hierapp.errors import TreeError, short
from hierapp.trees import matrix
from hierapp.trees.assemble import Nodes, by_ids, of_edges, of_paths
from hierapp.trees.headers import ID_WORDS, edge_columns, id_column, plain, rank_order
from hierapp.trees.names import name_of
from hierapp.trees.readings import Reading
from hierapp.utils import text_files
from hierapp.utils.text_files import DELIMITERS, Row, TableError

_ARROW = re.compile(r"\s*(?:-+>|=+>|→)\s*|\s+>\s+")
# networkx writes the attributes of an edge after its nodes.
_ATTRIBUTES = re.compile(r"\s*\{[^{}]*\}\s*$")


@dataclass
class Table:
    """Rows of stripped cells with line numbers, and the name of what separates the cells."""

    rows: list[Row]
    delimiter: str

    @property
    def cells(self) -> list[list[str]]:
        """The rows without line numbers."""
        return [row for _, row in self.rows]

    @property
    def header(self) -> list[str]:
        """The first row, as the words of headers are written."""
        return [plain(cell) for cell in self.rows[0][1]]

    @property
    def is_known(self) -> bool:
        """Whether it is an adjacency matrix, or its header says what the columns are."""
        return matrix.looks_like(self.rows) or edge_columns(self.header) is not None or _ranks(self) is not None


def find(text: str) -> list[Table]:
    """Return the tables that the text may be, by delimiter; a table with a known header excludes the others.

    Raises:
        TreeError: if the quotes of the only table are broken.
    """
    given, text = text_files.without_sep_line(text)
    found: list[Table] = []
    broken: TableError | None = None
    for name, mark in ({"sep": given} if given else DELIMITERS).items():
        if mark not in text:
            continue
        try:
            rows = text_files.rows(text, mark)
        except TableError as error:
            broken = broken or error
            continue
        if 2 * sum(len(row) > 1 for _, row in rows) >= len(rows) > 0:
            found.append(Table(rows, name))
    if (arrows := _arrows(text)) is not None:
        found = [table for table in found if table.is_known] or [arrows]
    if not found and broken is not None:
        raise TreeError(str(broken))
    return [table for table in found if table.is_known][:1] or found


def _arrows(text: str) -> Table | None:
    if _ARROW.search(text) is None:
        return None
    rows = [(line, [cell.strip().strip("\"'") for cell in _ARROW.split(row)]) for line, row in _lines(text)]
    enough = 2 * sum(len(row) > 1 for _, row in rows) >= len(rows)
    return Table(rows, "arrow") if enough and all(all(row) for _, row in rows) else None


def find_words(text: str) -> Table | None:
    """Return the table of lines with two words each, separated by white space; None if the lines are others.

    Lines that begin with # are left out, and so are weights and attributes behind the words.
    """
    rows: list[Row] = []
    for number, line in _lines(text):
        if line.startswith("#"):
            continue
        try:
            cells = text_files.rows(re.sub(r"\s+", " ", _ATTRIBUTES.sub("", line)).strip(), " ")
        except TableError:
            return None
        if len(cells) != 1 or len(cells[0][1]) not in (2, 3):
            return None
        rows.append((number, cells[0][1]))
    if not rows or any(len(row) == 3 and text_files.number(row[2]) is None for _, row in rows[1:]):
        return None
    return Table(rows, "space")


def readings_of(table: Table) -> list[Reading]:
    """Return the ways to read a table, the most usual first.

    Raises:
        TreeError: if it has no two columns.
    """
    if matrix.looks_like(table.rows):
        return [adjacency(table)]
    if (columns := edge_columns(table.header)) is not None:
        return [Reading("edges", "columns of parents and children", _named_edges(table, columns))]
    width = max(len(row) for row in table.cells)
    rows = [row + [""] * (width - len(row)) for row in table.cells]
    if (order := _ranks(table)) is not None:
        return [Reading("ranks", "columns of ranks", _paths(rows[1:], order))]
    found = _unnamed(rows, table.delimiter)
    if not found:
        raise TreeError(
            f"Expected a parent and a child, or a path from the root down, in each line but got"
            f" {short(','.join(rows[0]))} in line {table.rows[0][0]}."
        )
    return found


def adjacency(table: Table) -> Reading:
    """Return the reading of a table as an adjacency matrix."""
    return Reading("adjacency", "an adjacency matrix", lambda split: matrix.nodes_of(table.rows))


# Tables with a known header


def _named_edges(table: Table, columns: tuple[int, int]) -> Callable[[bool], Nodes]:
    ids = id_column(table.header, columns)
    needed = 1 + max(columns if ids is None else (*columns, ids))

    def nodes(split: bool) -> Nodes:
        rows = []
        for line, row in table.rows[1:]:
            if not any(row):
                continue
            if len(row) < needed:
                raise TreeError(f"Expected a parent and a child in line {line} but got {len(row)} cells.")
            if not row[columns[1]]:
                raise TreeError(f"A node has an empty name, in line {line}; give every node a name.")
            rows.append(row)
        pairs = [(name_of(row[columns[0]]), name_of(row[columns[1]])) for row in rows]
        return of_edges(pairs if ids is None else by_ids([name_of(row[ids]) for row in rows], pairs), split)

    return nodes


def _ranks(table: Table) -> list[int] | None:
    header, body = table.header, table.cells[1:]
    named = [
        i
        for i, cell in enumerate(header)
        if cell and not (cell in ID_WORDS and all(_is_number(row[i]) for row in body if i < len(row) and row[i]))
    ]
    return rank_order(header, named) if body else None


# Tables whose first line may be a header or not


def _unnamed(rows: list[list[str]], delimiter: str) -> list[Reading]:
    filled = [i for i in range(len(rows[0])) if any(row[i] for row in rows)]
    found: list[Reading] = []
    for has_header in _may_have_header(rows, filled) if delimiter != "json" else [False]:
        body = rows[1:] if has_header else rows
        columns = [i for i in filled if not (has_header and _is_index(rows, i))]
        found += _by_position(body, columns, "header" if has_header else "no-header")
    return found


def _may_have_header(rows: list[list[str]], filled: list[int]) -> list[bool]:
    """Return whether the first row is a header, data, or may be both; it is data if one of its names recurs below."""
    first, body = rows[0], rows[1:]
    below = {cell for row in body for cell in row if cell and not _is_number(cell)}
    if not body or any(first[i] in below for i in filled) or any(not first[i] for i in filled[1:]):
        return [False]
    numeric = [i for i in filled if all(_is_number(row[i]) for row in body if row[i])]
    named = [i for i in filled if first[i]]
    if [first[i] for i in named] == [str(i) for i in range(len(named))] and not set(named) & set(numeric):
        return [True]  # as pandas numbers the columns
    if any(_is_number(first[i]) for i in filled):
        return [False]
    if any(not _is_number(first[i]) for i in numeric):
        return [True]
    return [False, True]


def _is_number(cell: str) -> bool:
    return text_files.number(cell, decimal_comma=True) is not None


def _is_index(rows: list[list[str]], column: int) -> bool:
    """Return whether a column is an index as pandas writes it: without a name, or called so, and full of numbers."""
    return plain(rows[0][column]) in ("", *ID_WORDS) and all(_is_number(row[column]) for row in rows[1:] if row[column])


def _by_position(body: list[list[str]], columns: list[int], suffix: str) -> list[Reading]:
    """Return the readings of columns without known names."""
    while len(columns) > 2 and len(body) > 1 and len({row[columns[-1]] for row in body}) == 1:
        columns = columns[:-1]  # a weight or a relation, for leaves have different names
    note = ", with a header in the first line" if suffix == "header" else ""
    numeric = [i for i in columns if all(_is_number(row[i]) for row in body if row[i])]
    text = [i for i in columns if i not in numeric]
    readings = []
    if len(columns) == 2 or len(text) == 2 or (not text and len(columns) == 3):
        parent, child = (columns if len(columns) == 2 or not text else text)[:2]
        readings += [
            Reading(f"edges {suffix}", f"parent and child{note}", _edges(body, parent, child)),
            Reading(f"child-parent {suffix}", f"child and parent{note}", _edges(body, child, parent), doubtful=True),
        ]
    for used, kind, words in ((columns, "", ""), (text, " without-numbers", " without the columns of numbers")):
        if len(used) < 2 or (kind and used == columns) or _recurs(body, used):
            continue
        if kind and len({tuple(row[i] for i in used) for row in body}) < len(body):
            continue
        readings += [
            Reading(f"ranks{kind} {suffix}", f"ranks from the root down{words}{note}", _paths(body, used)),
            Reading(
                f"ranks-up{kind} {suffix}", f"ranks from the leaves up{words}{note}", _paths(body, used[::-1]), True
            ),
        ]
    return readings


def _recurs(body: list[list[str]], columns: Sequence[int]) -> bool:
    """Return whether a name stands in different columns, other than side by side in one row: these are no ranks."""
    column_of: dict[str, int] = {}
    for row in body:
        before = ""
        for column in columns:
            cell = row[column]
            if cell and cell != before and column_of.setdefault(cell, column) != column:
                return True
            before = cell
    return False


def _edges(body: list[list[str]], parent: int, child: int) -> Callable[[bool], Nodes]:
    def nodes(split: bool) -> Nodes:
        if any(not row[child] for row in body):
            raise TreeError("A node has an empty name; give every node a name.")
        return of_edges([(name_of(row[parent]), name_of(row[child])) for row in body], split)

    return nodes


def _paths(body: list[list[str]], columns: Sequence[int]) -> Callable[[bool], Nodes]:
    return lambda split: of_paths([[name_of(row[i]) for i in columns] for row in body], split)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    return ((number, line.strip()) for number, line in enumerate(text.splitlines(), 1) if line.strip())
