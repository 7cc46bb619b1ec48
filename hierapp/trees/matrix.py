"""The adjacency matrix as a table: a line of names, then a row a node that begins with its name, in any order."""

from __future__ import annotations

from collections.abc import Sequence

from hierapp.errors import TreeError, short
from hierapp.trees.assemble import Nodes, of_adjacency
from hierapp.trees.names import name_of
from hierapp.utils.text_files import Row, number


def looks_like(rows: Sequence[Row]) -> bool:
    """Return whether most rows begin with a name of the first row and hold numbers besides."""
    (_, header), *body = rows
    names = set(header[1:])
    own = [row for _, row in body if row[0] in names]
    if not body or 2 * len(own) <= len(body) or header[0] in names:
        return False
    return all(_truth(cell) is not None or number(cell, True) is not None for row in own for cell in row[1:])


def nodes_of(rows: Sequence[Row]) -> Nodes:
    """Read the matrix.

    Raises:
        TreeError: if the rows are not such a matrix, or a node has several parents.
    """
    (_, header), *body = rows
    if header[0] and not {row[0] for _, row in body} <= set(header[1:]):
        raise TreeError("Expected the first line to be an empty cell and then the names of the nodes.")
    names = [name_of(cell) for cell in header[1:]]
    if not names:
        raise TreeError("The adjacency matrix is empty; give a row and a column for each node.")
    values: list[list[bool]] = []
    for line, row in body:
        if len(row) != len(header):
            raise TreeError(f"Expected {len(header)} cells in line {line}, as in the first line, but got {len(row)}.")
        truths = [_truth(cell) for cell in row[1:]]
        if None in truths:
            raise TreeError(f"Line {line} contains cells other than 0 and 1; write 1 where the column is a child.")
        values.append([bool(truth) for truth in truths])
    return of_adjacency(_in_order(names, body, values), names)


def _in_order(names: Sequence[str], body: Sequence[Row], values: list[list[bool]]) -> list[list[bool]]:
    """Return the rows in the order of the names."""
    own = [name_of(row[0]) for _, row in body]
    if own == list(names):
        return values
    row_of: dict[str, list[bool]] = {}
    for (line, _), name, row in zip(body, own, values, strict=True):
        if name not in names:
            raise TreeError(f"Line {line} is the row of {short(name)}, which is not in the first line.")
        if name in row_of:
            raise TreeError(f"Line {line} is a second row of {name!r}; give each node one row.")
        row_of[name] = row
    if missing := [name for name in names if name not in row_of]:
        raise TreeError(
            f"Expected {len(names)} rows, one per name in the first line, but got {len(body)}: there is no row for"
            f" {short(missing[0])}."
        )
    return [row_of[name] for name in names]


def _truth(cell: str) -> bool | None:
    if cell.casefold() in ("true", "false"):
        return cell.casefold() == "true"
    value = number(cell, decimal_comma=True)
    return bool(value) if value in (0.0, 1.0) else None
