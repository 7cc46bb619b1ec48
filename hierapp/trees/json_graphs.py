"""Graphs and lists of nodes in JSON: node-link data of networkx, d3 and Cytoscape, ontologies, COCO's categories."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from hierapp.errors import TreeError, short
from hierapp.trees.assemble import Nodes, with_root
from hierapp.trees.names import name_of
from hierapp.trees.readings import Reading

NAME_KEYS = ("name", "label", "title", "text", "LabelName", "id", "key")
REFERENCE_KEYS = ("child_ids", "childIds", "children_ids")
NO_GROUP = ("", "none", "null")  # what COCO's tools write for categories without a supercategory


def is_scalar(value: Any) -> bool:
    """Return whether a value may be a name: text or a whole number."""
    return isinstance(value, (str, int)) and not isinstance(value, bool)


def own_name(node: Mapping[str, Any]) -> str | None:
    """Return the name of an object, by the first of `NAME_KEYS` that it has; None if it has none."""
    return next((name_of(node[key]) for key in NAME_KEYS if is_scalar(node.get(key))), None)


def unwrapped(items: Any) -> Any:
    """Return nodes or links without the wrapper {"data": ...} of Cytoscape."""
    if not isinstance(items, list):
        return items
    return [
        item["data"] if isinstance(item, Mapping) and isinstance(item.get("data"), Mapping) else item for item in items
    ]


def node_link(nodes: Any, links: Any, top: Mapping[str, Any]) -> Reading:
    """Return the reading of lists of nodes and of links; `top` says whether the graph is directed."""
    return Reading("node-link", "nodes and links", lambda split: _node_link_nodes(nodes, links, top))


def _node_link_nodes(nodes: Any, links: Any, top: Mapping[str, Any]) -> Nodes:
    if top.get("directed") is False:
        raise TreeError("The graph is undirected; use a directed graph with links from parent to child.")
    if not isinstance(nodes, list) or not isinstance(links, list):
        raise TreeError('Expected lists of "nodes" and "links"; write the graph in the format of networkx.')
    ids: list[str] = []
    labels: list[str] = []
    for place, node in enumerate(nodes):
        item = node if isinstance(node, Mapping) else {"id": node}
        own = item.get("id", item.get("key"))
        label = next((item[key] for key in NAME_KEYS if key not in ("id", "key") and is_scalar(item.get(key))), own)
        if not is_scalar(label):
            raise TreeError(f'Expected nodes with an "id" but got {short(node)}; give every node an id.')
        ids.append(name_of(own) if is_scalar(own) else str(place))  # without ids, d3 counts
        labels.append(name_of(label))
    if len(set(ids)) < len(ids):
        twice = next(each for each in ids if ids.count(each) > 1)
        raise TreeError(f"The id {twice!r} is used twice; give every node a unique id.")
    place_of = {each: place for place, each in enumerate(ids)}
    parents = [-1] * len(ids)
    for link in links:
        parent, child = (_place(end, place_of, link) for end in _ends(link))
        if parents[child] >= 0:
            first, second = labels[parents[child]], labels[parent]
            raise TreeError(
                f"The node {labels[child]!r} has two parents, {first!r} and {second!r}; a tree gives each node one"
                " parent."
            )
        parents[child] = parent
    return Nodes(labels if len(set(labels)) == len(labels) else ids, parents)


def _ends(link: Any) -> tuple[Any, Any]:
    if isinstance(link, Mapping):
        for parent, child in (("source", "target"), ("from", "to"), ("parent", "child")):
            if parent in link and child in link:
                return link[parent], link[child]
    elif isinstance(link, list) and len(link) in (2, 3):
        return link[0], link[1]
    raise TreeError(
        f'Expected links with "source" and "target" but got {short(link)}; write the graph in the format of networkx.'
    )


def _place(end: Any, place_of: Mapping[str, int], link: Any) -> int:
    place = place_of.get(name_of(end)) if is_scalar(end) else None
    if place is None:
        raise TreeError(
            f"The link {short(link)} contains an id that no node has; list each node of a link among the nodes."
        )
    return place


def links_of_adjacency(nodes: list[Any], adjacency: list[Any]) -> list[list[Any]]:
    """Return the links of networkx' adjacency data, pairs of ids."""
    return [
        [node.get("id"), below.get("id")]
        for node, row in zip(nodes, adjacency, strict=False)
        if isinstance(node, Mapping) and isinstance(row, list)
        for below in row
        if isinstance(below, Mapping)
    ]


def ontology(items: list[Mapping[str, Any]]) -> Nodes:
    """Read [{"id", "name", "child_ids"}], as AudioSet's ontology is written."""
    nodes = [{key: value for key, value in item.items() if key in NAME_KEYS} for item in items]
    links = []
    for item, node in zip(items, nodes, strict=True):
        below = next((item[key] for key in REFERENCE_KEYS if key in item), None) or []
        if not isinstance(below, list):
            raise TreeError(f"Expected a list of the children's ids but got {short(below)}; write their ids.")
        links += [[node.get("id"), child] for child in below]
    names, parents = _node_link_nodes(nodes, links, {})
    return with_root(names, parents) if parents.count(-1) > 1 else Nodes(names, parents)


def coco(items: list[Any]) -> Reading:
    """Return the reading of COCO's categories."""
    return Reading("coco", "categories with supercategories", lambda split: _coco_nodes(items))


def _coco_nodes(items: list[Any]) -> Nodes:
    """Read COCO's categories: below their supercategories, which may be categories themselves, below a made root."""
    pairs: list[tuple[str, str]] = []
    for item in items:
        if not isinstance(item, Mapping) or not is_scalar(item.get("name")):
            raise TreeError(f'Expected a category with a "name" but got {short(item)}; give every category a name.')
        group = item.get("supercategory")
        above = name_of(group) if is_scalar(group) else ""
        pairs.append(("" if above.casefold() in NO_GROUP else above, name_of(item["name"])))
    sizes = Counter(group for group, _ in pairs)
    # A category that alone makes up a supercategory of its own name, such as COCO's person, stands below the root.
    pairs = [("" if group == name and sizes[group] == 1 else group, name) for group, name in pairs]
    # A name is a node of its own where it is a category of another group, and a supercategory otherwise.
    own = {name: i for i, (group, name) in enumerate(pairs) if group != name}
    groups = [group for group in dict.fromkeys(group for group, _ in pairs) if group and group not in own]
    place = own | {group: len(pairs) + i for i, group in enumerate(groups)}
    parents = [place[group] if group else -1 for group, _ in pairs] + [-1] * len(groups)
    names = [name for _, name in pairs] + groups
    return with_root(names, parents) if parents.count(-1) > 1 else Nodes(names, parents)
