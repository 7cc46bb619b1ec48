"""The shapes in which programs write trees as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from hierapp.errors import TreeError, short
from hierapp.trees import tables
from hierapp.trees.assemble import Nodes, of_edges, with_root
from hierapp.trees.headers import edge_columns, plain
from hierapp.trees.json_graphs import (
    NAME_KEYS,
    REFERENCE_KEYS,
    coco,
    is_scalar,
    links_of_adjacency,
    node_link,
    ontology,
    own_name,
    unwrapped,
)
from hierapp.trees.names import made_names, name_of
from hierapp.trees.readings import MOST_LEVELS, Reading
from hierapp.trees.tables import Table

CHILD_KEYS = ("children", "Subcategory", "subcategories", "child", "nodes", "items", "_children")
EXAMPLE = '{"name": "root", "children": ["cat", "dog"]}'


def parse(text: str) -> Any:
    """Parse JSON; raise a TreeError with the place of a mistake, or if an object has one key twice."""
    try:
        return json.loads(text, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        raise TreeError(f"Broken JSON in line {error.lineno}, column {error.colno}: {error.msg.lower()}.") from None
    except RecursionError:
        raise TreeError(f"The JSON is nested too deeply; expected a tree of at most {MOST_LEVELS} levels.") from None
    except TreeError:
        raise
    except ValueError as error:  # a number with thousands of digits
        raise TreeError(f"Broken JSON: {str(error).lower().rstrip('.')}.") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        # json.loads would keep the last one and lose the others.
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise TreeError(f"The name {twice!r} is used twice as a key of one object; give every node a unique name.")
    return made


def readings_of(top: Any) -> list[Reading]:
    """Return the ways to read parsed JSON, the most usual first."""
    if isinstance(top, Mapping):
        return _of_object(top)
    if isinstance(top, list):
        return _of_list(top)
    return [_named(top)]


def _of_object(top: Mapping[str, Any]) -> list[Reading]:
    categories = top.get("categories")
    if isinstance(categories, list) and categories and _all_have(categories, "supercategory"):
        return [coco(categories)]
    if isinstance(top.get("elements"), Mapping):  # Cytoscape
        elements = top["elements"]
        return [node_link(unwrapped(elements.get("nodes")), unwrapped(elements.get("edges")), top)]
    for key in ("links", "edges"):
        if isinstance(top.get("nodes"), list) and isinstance(top.get(key), list):
            return [node_link(unwrapped(top["nodes"]), unwrapped(top[key]), top)]
    if isinstance(top.get("nodes"), list) and isinstance(top.get("adjacency"), list):
        return [node_link(top["nodes"], links_of_adjacency(top["nodes"], top["adjacency"]), top)]
    if isinstance(top.get("columns"), list) and isinstance(top.get("data"), list):
        return tables.readings_of(_table([top["columns"], *top["data"]]))
    if (columns := _columns(top)) is not None:
        return tables.readings_of(columns)
    if any(isinstance(top.get(key), (str, int)) for key in NAME_KEYS) and not _is_flat(top):
        return [_named(top)]
    if any(_holds_objects(top.get(key)) for key in CHILD_KEYS):  # a root without a name
        return [_named(top)]
    if top and all(isinstance(value, str) or value is None for value in top.values()):
        return _of_map(top)
    found = [Reading("nested", "nested objects or lists of names", lambda split: _nested(top))]
    if top and all(isinstance(value, list) and all(is_scalar(item) for item in value) for value in top.values()):
        found.append(
            Reading("edges", "lists of children", lambda split: of_edges(_child_lists(top), split)),
        )
    return found


def _of_list(top: list[Any]) -> list[Reading]:
    if not top or not all(isinstance(item, (Mapping, str, int, list)) for item in top):
        return [_named(top)]
    if all(isinstance(item, Mapping) for item in top):
        if _all_have(top, "supercategory") and _all_have(top, "name"):
            return [coco(top)]
        if any(key in item for item in top for key in REFERENCE_KEYS):
            return [Reading("ontology", "a list of nodes with the ids of their children", lambda split: ontology(top))]
        keys = list(dict.fromkeys(key for item in top for key in item))
        flat = all(_is_cell(value) for item in top for value in item.values())
        is_named = all(any(key in item for key in NAME_KEYS) for item in top)
        if flat and len(keys) > 1 and (edge_columns([plain(key) for key in keys]) is not None or not is_named):
            return tables.readings_of(_table([keys, *([item.get(key) for key in keys] for item in top)]))
        return [Reading("tree", "a list of trees", lambda split: _named_nodes({"children": top}))]
    if all(isinstance(item, list) for item in top):
        unnamed = Reading("groups", "groups without names", lambda split: _groups(top))
        if all(len(item) > 1 and all(is_scalar(each) for each in item) for item in top):
            return [*tables.readings_of(_table(top)), unnamed]
        return [unnamed]
    return [Reading("tree", "a list of names", lambda split: _named_nodes({"children": top}))]


# Objects with a name and children


def _named(top: Any) -> Reading:
    return Reading("tree", "objects with names and children", lambda split: _named_nodes(top))


def _named_nodes(top: Any) -> Nodes:
    names: list[str | None] = []
    parents: list[int] = []
    ahead: list[tuple[Any, int]] = [(top, -1)]
    while ahead:
        node, parent = ahead.pop()
        if is_scalar(node):
            node = {"name": node}
        below_key = next((key for key in CHILD_KEYS if key in node), None) if isinstance(node, Mapping) else None
        name = own_name(node) if isinstance(node, Mapping) else None
        if not isinstance(node, Mapping) or (name is None and not (below_key and node[below_key])):
            where = f"below {names[parent]!r}" if names and names[parent] else "at the top"
            raise TreeError(f'Expected {where} an object with a "name" and perhaps "children" but got {short(node)}.')
        below = (node[below_key] if below_key else None) or []
        if not isinstance(below, list) or (below_key and node[below_key] not in (None, []) and not below):
            raise TreeError(
                f'Expected the "{below_key}" of {name!r} to be a list but got {short(node[below_key or ""])}.'
            )
        names.append(name)
        parents.append(parent)
        here = len(names) - 1
        ahead.extend((child, here) for child in reversed(below))
    return Nodes(made_names(names, parents), parents)


# Nested objects and lists


def _nested(top: Mapping[str, Any]) -> Nodes:
    """Read {"animal": {"cat": {}, "dog": {}}} and {"animal": ["cat", "dog"]}."""
    names: list[str] = []
    parents: list[int] = []
    ahead: list[tuple[str, Any, int]] = [(key, value, -1) for key, value in reversed(list(top.items()))]
    while ahead:
        key, value, parent = ahead.pop()
        names.append(name_of(key))
        parents.append(parent)
        here = len(names) - 1
        ahead.extend(reversed([(name, below, here) for name, below in _below(key, value)]))
    if not names:
        raise TreeError(f"Expected a tree in JSON, as {EXAMPLE}, but got {short(top)}.")
    return with_root(names, parents) if parents.count(-1) > 1 else Nodes(names, parents)


def _below(key: str, value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, Mapping):
        return list(value.items())
    if isinstance(value, list):
        found: list[tuple[str, Any]] = []
        for item in value:
            if isinstance(item, Mapping) and (name := own_name(item)) is not None:
                found.append((name, next((item[each] for each in CHILD_KEYS if each in item), None)))
            elif isinstance(item, Mapping):
                found += item.items()
            elif is_scalar(item):
                found.append((item, None))
            else:
                raise TreeError(f"Expected the names below {key!r} but got {short(item)}; write a list of names.")
        return found
    if value is None or isinstance(value, (int, float)):  # a number is a class index or a count, not a name
        return []
    raise TreeError(f"Expected an object or a list below {key!r} but got {short(value)}; write a list of names.")


def _groups(top: list[Any]) -> Nodes:
    """Read nested lists, whose groups have no names."""
    names: list[str | None] = []
    parents: list[int] = []
    ahead: list[tuple[Any, int]] = [(top, -1)]
    while ahead:
        item, parent = ahead.pop()
        if not isinstance(item, list) and not is_scalar(item):
            raise TreeError(f"Expected lists of names but got {short(item)}; write names or lists of names.")
        names.append(None if isinstance(item, list) else name_of(item))
        parents.append(parent)
        here = len(names) - 1
        if isinstance(item, list):
            if not item:
                raise TreeError("A group is empty; put names into it, or leave it out.")
            ahead.extend((each, here) for each in reversed(item))
    return Nodes(made_names(names, parents), parents)


def _of_map(top: Mapping[str, str | None]) -> list[Reading]:
    """Read {"cat": "animal", "animal": null}: a name to the name of its parent, or of its child."""
    up = [(name_of(value or ""), name_of(key)) for key, value in top.items()]
    down = [(parent, child) for child, parent in up if child and parent]
    return [
        Reading("child-parent", "from each name to its parent", lambda split: of_edges(up, split)),
        Reading("edges", "from each name to its child", lambda split: of_edges(down, split)),
    ]


def _child_lists(top: Mapping[str, Sequence[Any]]) -> list[tuple[str, str]]:
    return [(name_of(parent), name_of(child)) for parent, children in top.items() for child in children]


# Tables in JSON


def _columns(top: Mapping[str, Any]) -> Table | None:
    """Return the table that pandas writes by columns: {"parent": {"0": ...}, "child": {"0": ...}}."""
    keys = list(top)
    if edge_columns([plain(key) for key in keys]) is None:
        return None
    columns = [list(column.values()) if isinstance(column, Mapping) else column for column in top.values()]
    if not all(isinstance(column, list) and len(column) == len(columns[0]) for column in columns):
        return None
    if not all(_is_cell(cell) for column in columns for cell in column):
        return None
    return _table([keys, *(list(row) for row in zip(*columns, strict=True))])


def _table(rows: Sequence[Any]) -> Table:
    cells = []
    for line, row in enumerate(rows, 1):
        if not isinstance(row, list) or not row or not all(_is_cell(cell) for cell in row):
            raise TreeError(f"Expected rows of names but got {short(row)}; write a list of names for each row.")
        cells.append((line, ["" if cell is None else str(cell).strip() for cell in row]))
    return Table(cells, "json")


def _is_cell(value: Any) -> bool:
    return value is None or isinstance(value, (str, int, float))


def _is_flat(top: Mapping[str, Any]) -> bool:
    """Return whether an object may be a map from names to names, rather than one node."""
    return len(top) > 1 and all(isinstance(value, str) or value is None for value in top.values())


def _holds_objects(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(item, Mapping) and own_name(item) is not None for item in value)


def _all_have(items: Sequence[Any], key: str) -> bool:
    return all(isinstance(item, Mapping) and key in item for item in items)
