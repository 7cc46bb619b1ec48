"""Python objects that users have edges and paths in: lists, arrays, dictionaries, pandas frames."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from numbers import Number
from typing import Any

from hierapp.errors import TreeError, short
from hierapp.trees.names import name_of

Edges = Iterable[Sequence[Any]] | Mapping[str, Sequence[str]] | Any
_HOW = "give (parent, child) pairs, or a dictionary from each parent to the list of its children"


def edge_pairs(edges: Edges) -> Iterator[tuple[str, str]]:
    """Yield the (parent, child) pairs of edges in any of the forms of `LabelTree.from_edges`.

    Raises:
        TreeError: if they are in another form.
    """
    if _is_frame(edges):
        edges = _of_frame(edges)
    if isinstance(edges, Mapping):
        yield from _of_mapping(edges)
        return
    for edge in _each(edges, _HOW):
        items = edge.tolist() if hasattr(edge, "tolist") else edge
        if not isinstance(items, (list, tuple)) or len(items) not in (2, 3):
            raise TreeError(f"Expected an edge to be a pair of names but got {short(edge)}; {_HOW}.")
        if len(items) == 3 and not isinstance(items[2], (Number, Mapping, type(None))):
            raise TreeError(
                f"Expected the third element of an edge to be a weight but got {short(items[2])}; give pairs, or call"
                " LabelTree.from_paths for paths from the root down."
            )
        parent, child = map(name_of, items[:2])
        if not parent or not child:
            raise TreeError("A node has an empty name; give every node a name.")
        yield parent, child


def name_paths(paths: Any) -> Iterator[list[str]]:
    """Yield the names along each path, blanks as "".

    Raises:
        TreeError: if they are no sequences of names.
    """
    if _is_frame(paths):
        paths = paths.to_numpy()
    how = "give a sequence of names from the root down for each class"
    for path in _each(paths, how):
        items = path.tolist() if hasattr(path, "tolist") else path
        if not isinstance(items, (list, tuple)):
            raise TreeError(f"Expected a path of names but got {short(path)}; {how}.")
        yield ["" if _is_blank(item) else name_of(item) for item in items]


def _each(values: Any, how: str) -> Iterator[Any]:
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        raise TreeError(f"Expected a list but got {short(values)}; {how}.")
    return iter(values)


def _is_frame(values: Any) -> bool:
    # By its methods, so that pandas is not imported.
    return hasattr(values, "to_numpy") and hasattr(values, "columns")


def _of_frame(frame: Any) -> Any:
    columns = [str(column).strip().casefold() for column in frame.columns]
    if "parent" in columns and "child" in columns:
        frame = frame.iloc[:, [columns.index("parent"), columns.index("child")]]
    elif len(columns) != 2:
        raise TreeError(
            f"Expected a frame with the columns parent and child but got {short(list(frame.columns))}; choose the two"
            " columns, or call LabelTree.from_paths for columns of ranks."
        )
    return [row for row in frame.to_numpy().tolist() if not _is_blank(row[0])]


def _of_mapping(children_of: Mapping[Any, Any]) -> Iterator[tuple[str, str]]:
    for parent, children in children_of.items():
        if isinstance(children, (str, bytes)) or not isinstance(children, Iterable):
            raise TreeError(f"Expected a list of children of {short(parent)} but got {short(children)}; {_HOW}.")
        if isinstance(children, Mapping) and children:
            raise TreeError(f"Expected a list of children of {short(parent)} but got a dictionary; {_HOW}.")
        for child in children:
            yield name_of(parent), name_of(child)


def _is_blank(value: Any) -> bool:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return True
    return isinstance(value, str) and not value.strip()
