"""Edits of a label tree: pure functions from tree to tree that address nodes by name.

An edit that is not possible raises a TreeError. A node that loses its last child becomes a leaf, and so a class, until
it gets other children or is removed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hierapp.errors import TreeError, short
from hierapp.trees.names import name_of
from hierapp.trees.tree import LabelTree

Children = dict[str, list[str]]


def add(tree: LabelTree, parent: str, name: str, at: int | None = None) -> LabelTree:
    """Add a leaf below a node, as its last child or at position `at` among its children.

    Raises:
        TreeError: if the parent is unknown, or the name is taken or empty.

    >>> from hierapp import LabelTree
    >>> add(LabelTree.from_edges([("root", "cat"), ("root", "dog")]), "root", "cow", at=0).leaves
    ('cow', 'cat', 'dog')
    """
    name = name_of(name)
    _known(tree, parent)
    if name in tree.nodes:
        raise TreeError(f"A node {short(name)} already exists; choose another name.")
    below = children_of(tree)
    below[parent].insert(_place(at, below[parent]), name)
    return _made(tree.nodes[0], below | {name: []})


def rename(tree: LabelTree, node: str, name: str) -> LabelTree:
    """Rename a node.

    Raises:
        TreeError: if the node is unknown, or the name is taken or empty.

    >>> from hierapp import LabelTree
    >>> rename(LabelTree.from_edges([("root", "cat"), ("root", "dog")]), "cat", "lynx").leaves
    ('lynx', 'dog')
    """
    name = name_of(name)
    _known(tree, node)
    if name == node:
        return tree
    if name in tree.nodes:
        raise TreeError(f"A node {short(name)} already exists; choose another name for {short(node)}.")
    return LabelTree([name if each == node else each for each in tree.nodes], tree.parents)


def remove(tree: LabelTree, nodes: Sequence[str], with_subtree: bool = False) -> LabelTree:
    """Remove nodes; their children take their places, or are removed with them (`with_subtree`).

    Raises:
        TreeError: if a node is unknown or the root, or no leaf remains.

    >>> from hierapp import LabelTree
    >>> tree = LabelTree.from_edges([("root", "animal"), ("animal", "cat"), ("animal", "dog"), ("root", "truck")])
    >>> remove(tree, ["animal"]).leaves, remove(tree, ["animal"], with_subtree=True).leaves
    (('cat', 'dog', 'truck'), ('truck',))
    """
    _not_the_root(tree, nodes, "removed")
    below = children_of(tree)
    for node in nodes:
        above = _parent(below, node)
        if above is None:  # removed with an ancestor
            continue
        place = below[above].index(node)
        below[above][place : place + 1] = [] if with_subtree else below[node]
        if with_subtree:
            for gone in _subtree(below, node):
                del below[gone]
        else:
            del below[node]
    return _made(tree.nodes[0], below)


def move(tree: LabelTree, nodes: Sequence[str], parent: str, at: int | None = None) -> LabelTree:
    """Move nodes with their subtrees below another node, in tree order, last or at position `at`.

    Raises:
        TreeError: if a node is unknown or the root, or the new parent is in its subtree.

    >>> from hierapp import LabelTree
    >>> tree = LabelTree.from_edges([("root", "animal"), ("animal", "cat"), ("animal", "dog"), ("root", "truck")])
    >>> move(tree, ["cat"], "root", at=0).leaves
    ('cat', 'dog', 'truck')
    """
    _known(tree, parent)
    _not_the_root(tree, nodes, "moved")
    below = children_of(tree)
    moved = _topmost(below, tree, nodes)
    for node in moved:
        if parent in _subtree(below, node):
            where = "itself" if parent == node else f"{short(parent)}, which is below it"
            raise TreeError(f"{short(node)} cannot be moved under {where}; choose a node outside its subtree.")
    place = _place(at, below[parent])
    before = [child for child in below[parent][:place] if child not in moved]
    after = [child for child in below[parent][place:] if child not in moved]
    for node in moved:
        above = _parent(below, node)
        assert above is not None
        below[above].remove(node)
    below[parent] = [*before, *moved, *after]
    return _made(tree.nodes[0], below)


def shift(tree: LabelTree, node: str, by: int) -> LabelTree:
    """Move a node by `by` places among its siblings; it stops at the first or last place.

    Raises:
        TreeError: if the node is unknown or the root.

    >>> from hierapp import LabelTree
    >>> shift(LabelTree.from_edges([("root", "cat"), ("root", "dog")]), "cat", 1).leaves
    ('dog', 'cat')
    """
    _not_the_root(tree, [node], "moved")
    below = children_of(tree)
    above = _parent(below, node)
    assert above is not None
    place = below[above].index(node)
    below[above].insert(max(0, min(len(below[above]) - 1, place + by)), below[above].pop(place))
    return _made(tree.nodes[0], below)


def promote(tree: LabelTree, nodes: Sequence[str]) -> LabelTree:
    """Move nodes one level up, to the place after their parents.

    Raises:
        TreeError: if a node is unknown, the root or a child of the root.

    >>> from hierapp import LabelTree
    >>> tree = LabelTree.from_edges([("root", "animal"), ("animal", "cat"), ("animal", "dog"), ("root", "truck")])
    >>> promote(tree, ["cat"]).leaves
    ('dog', 'cat', 'truck')
    """
    _not_the_root(tree, nodes, "promoted")
    below = children_of(tree)
    for node in reversed(_topmost(below, tree, nodes)):
        parent = _parent(below, node)
        above = _parent(below, parent) if parent else None
        if parent is None or above is None:
            raise TreeError(f"{short(node)} is already a child of the root; it cannot be moved up.")
        below[parent].remove(node)
        below[above].insert(below[above].index(parent) + 1, node)
    return _made(tree.nodes[0], below)


def collapse(tree: LabelTree, node: str) -> LabelTree:
    """Remove all inner nodes below a node, so that its leaves become its children.

    Raises:
        TreeError: if the node is unknown or has no inner node below it.

    >>> from hierapp import LabelTree
    >>> tree = LabelTree.from_edges([("root", "animal"), ("animal", "cat"), ("animal", "dog"), ("root", "truck")])
    >>> collapse(tree, "root").nodes
    ('root', 'cat', 'dog', 'truck')
    """
    _known(tree, node)
    below = children_of(tree)
    inner = [each for each in _subtree(below, node) if below[each]]
    if len(inner) <= 1:
        raise TreeError(f"{short(node)} has no internal node below it; there is nothing to collapse.")
    leaves = [each for each in _subtree(below, node) if not below[each]]
    for each in inner[1:]:
        del below[each]
    below[node] = leaves
    return _made(tree.nodes[0], below)


def group(tree: LabelTree, nodes: Sequence[str], name: str) -> LabelTree:
    """Put siblings below a new node, at the place of the first of them.

    Raises:
        TreeError: if a node is unknown or the root, the nodes are not siblings, or the name is taken or empty.

    >>> from hierapp import LabelTree
    >>> tree = LabelTree.from_edges([("root", "cat"), ("root", "truck"), ("root", "dog")])
    >>> group(tree, ["cat", "dog"], "pet").nodes
    ('root', 'pet', 'cat', 'dog', 'truck')
    """
    name = name_of(name)
    _not_the_root(tree, nodes, "grouped")
    if not nodes:
        raise TreeError("No node is chosen; choose siblings to group.")
    if name in tree.nodes:
        raise TreeError(f"A node {short(name)} already exists; choose another name for the group.")
    below = children_of(tree)
    parents = {_parent(below, node) for node in nodes}
    if len(parents) > 1:
        raise TreeError("The chosen nodes have different parents; choose siblings to group.")
    (parent,) = parents
    assert parent is not None
    chosen = [child for child in below[parent] if child in set(nodes)]
    below[parent] = [name if child == chosen[0] else child for child in below[parent] if child not in chosen[1:]]
    return _made(tree.nodes[0], below | {name: chosen})


OPERATIONS: dict[str, Callable[..., LabelTree]] = {
    "add": add,
    "rename": rename,
    "remove": remove,
    "move": move,
    "shift": shift,
    "promote": promote,
    "collapse": collapse,
    "group": group,
}


def apply(tree: LabelTree, operation: str, arguments: Mapping[str, Any]) -> LabelTree:
    """Apply one of `OPERATIONS` by its name, for the editor.

    Raises:
        TreeError: if the operation is unknown, its arguments are invalid, or it is not possible.

    >>> from hierapp import LabelTree
    >>> tree = LabelTree.from_edges([("root", "cat"), ("root", "dog")])
    >>> apply(tree, "rename", {"node": "cat", "name": "lynx"}).leaves
    ('lynx', 'dog')
    """
    if operation not in OPERATIONS:
        raise TreeError(f"There is no edit {operation!r}; choose one of {', '.join(OPERATIONS)}.")
    try:
        return OPERATIONS[operation](tree, **arguments)
    except (TypeError, AttributeError):
        raise TreeError(f"The edit {operation} is not possible with {short(str(dict(arguments)))}.") from None


def children_of(tree: LabelTree) -> Children:
    """Return a mapping from each node's name to the names of its children."""
    return {tree.nodes[i]: [tree.nodes[child] for child in below] for i, below in enumerate(tree.children)}


def made_of(root: str, children: Children) -> LabelTree:
    """Create the tree with this root and these children; nodes that are not below the root are ignored."""
    return _made(root, children)


def _made(root: str, below: Children) -> LabelTree:
    names: list[str] = []
    parents: list[int] = []
    ahead = [(root, -1)]
    while ahead:
        name, parent = ahead.pop()
        ahead.extend((child, len(names)) for child in reversed(below[name]))
        names.append(name)
        parents.append(parent)
    return LabelTree(names, parents)


def _known(tree: LabelTree, *nodes: str) -> None:
    for node in nodes:
        if node not in tree.nodes:
            raise TreeError(f"There is no node {short(node)} in this tree; it may have been renamed or removed.")


def _not_the_root(tree: LabelTree, nodes: Sequence[str], what: str) -> None:
    _known(tree, *nodes)
    if tree.nodes[0] in nodes:
        raise TreeError(f"The root {short(tree.nodes[0])} cannot be {what}; choose nodes below it.")


def _parent(below: Children, node: str | None) -> str | None:
    return next((name for name, children in below.items() if node in children), None)


def _subtree(below: Children, node: str) -> list[str]:
    """Return the node and its descendants in preorder."""
    found, ahead = [], [node]
    while ahead:
        found.append(ahead.pop())
        ahead.extend(reversed(below[found[-1]]))
    return found


def _topmost(below: Children, tree: LabelTree, nodes: Sequence[str]) -> list[str]:
    """Return the nodes in tree order, without those that are below another of them."""
    wanted, covered = set(nodes), set()
    for node in tree.nodes:
        if node in wanted and node not in covered:
            covered.update(_subtree(below, node)[1:])
    return [node for node in tree.nodes if node in wanted and node not in covered]


def _place(at: int | None, children: Sequence[str]) -> int:
    return len(children) if at is None else max(0, min(at, len(children)))
