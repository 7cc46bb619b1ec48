"""LabelTree: an immutable vector of parents, from which everything else is derived.

Nodes are in preorder: the root first, every subtree contiguous, siblings in the given order. So the leaves below any
node are a contiguous range of `tree.leaves`, and leaves that are drawn next to each other are adjacent columns.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hierapp.errors import TreeError, some
from hierapp.trees.assemble import of_adjacency, of_edges, of_paths
from hierapp.trees.checks import check_vectors, preorder
from hierapp.trees.inputs import Edges, edge_pairs, name_paths
from hierapp.trees.names import name_of

if TYPE_CHECKING:
    from pathlib import Path

    import networkx as nx

Ints = NDArray[np.int64]
DistanceKind = Literal["lca-depth", "lca-height", "edges"]
DISTANCES: tuple[DistanceKind, ...] = ("lca-depth", "lca-height", "edges")


class LabelTree:
    """A rooted tree whose leaves are the classes.

    Args:
        names: one name per node, in any order; names are unique and not empty.
        parents: for each node the position of its parent in `names`, -1 for the root.

    Attributes:
        nodes: tuple of the N names in preorder; siblings keep their given order.
        parents: int array [N], the parent's position in `nodes`, -1 for the root.

    Raises:
        TreeError: if there is no root or more than one, a cycle, a name that is empty or used twice, or no leaf
            besides the root.

    >>> tree = LabelTree(["root", "animal", "cat", "dog", "truck"], [-1, 0, 1, 1, 0])
    >>> tree.leaves
    ('cat', 'dog', 'truck')
    >>> tree.depth.tolist()
    [1, 2, 3, 3, 2]
    >>> tree.is_uniform_depth
    False
    """

    nodes: tuple[str, ...]
    parents: Ints

    def __init__(self, names: Sequence[str], parents: ArrayLike) -> None:
        given = np.asarray(parents)
        names = [name_of(name) for name in names]
        check_vectors(names, given)
        order = preorder(names, given)
        position = np.empty(len(order), np.int64)
        position[order] = np.arange(len(order))
        above = np.array([position[given[i]] if given[i] >= 0 else -1 for i in order], np.int64)
        # object.__setattr__, because this class's own raises an error.
        self.__dict__.update(nodes=tuple(names[i] for i in order), parents=_frozen(above))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"A LabelTree is immutable; create a new one instead of setting its {name}.")

    def __reduce__(self) -> tuple[type[LabelTree], tuple[tuple[str, ...], Ints]]:
        # Unpickled arrays are writeable; those of a new tree are not.
        return LabelTree, (self.nodes, self.parents)

    # Construction

    @classmethod
    def from_edges(cls, edges: Edges) -> LabelTree:
        """Build a tree from (parent, child) pairs in any order.

        Args:
            edges: pairs; triples whose last element is a weight or a dictionary; an array [E, 2]; a pandas frame with
                two columns or with the columns parent and child; or a dictionary from parent to list of children.

        Raises:
            DuplicateNamesError: if a leaf has several parents.
            TreeError: if an inner node has several parents, an edge occurs twice, or the edges do not form a tree.

        >>> LabelTree.from_edges([("animal", "cat"), ("root", "animal"), ("root", "truck")]).nodes
        ('root', 'animal', 'cat', 'truck')
        """
        return cls(*of_edges(edge_pairs(edges)))

    @classmethod
    def from_paths(cls, paths: Iterable[Sequence[str | None]]) -> LabelTree:
        """Build a tree from paths of names from the root down, such as the rows of a table with columns of ranks.

        Blank steps (None, "" or NaN) are left out, and so is a step that repeats the one before. If the paths begin
        with different names, a root is added above them.

        Args:
            paths: sequences of names; an array [n, ranks] or a pandas frame will do.

        Raises:
            DuplicateNamesError: if a name stands below several parents.
            TreeError: if the paths do not form a tree.

        >>> LabelTree.from_paths([("animal", "cat"), ("animal", "dog"), ("truck", "")]).nodes
        ('root', 'animal', 'cat', 'dog', 'truck')
        """
        return cls(*of_paths(name_paths(paths)))

    @classmethod
    def from_adjacency(cls, matrix: ArrayLike, names: Sequence[str]) -> LabelTree:
        """Build a tree from the adjacency matrix of the paper's figure 2.

        Args:
            matrix: [N, N]; row i has a 1 in the columns of the children of node i, so that the root's column is 0.
            names: the N names, in the order of the rows.

        Raises:
            TreeError: if the matrix is not an adjacency matrix of a tree.

        >>> LabelTree.from_adjacency([[0, 1, 1], [0, 0, 0], [0, 0, 0]], ["root", "cat", "truck"]).leaves
        ('cat', 'truck')
        """
        return cls(*of_adjacency(matrix, names))

    @classmethod
    def from_networkx(cls, graph: nx.DiGraph[Any]) -> LabelTree:
        """Build a tree from a directed networkx graph whose edges go from parent to child.

        Nodes are text, or whole numbers, which are named by their digits.

        Raises:
            TreeError: if the graph is not such a tree.

        >>> import networkx as nx
        >>> LabelTree.from_networkx(nx.DiGraph([("root", "cat"), ("root", "dog")])).leaves
        ('cat', 'dog')
        """
        if not graph.is_directed():
            raise TreeError("The graph is undirected; give a networkx.DiGraph with edges from parent to child.")
        if len({name_of(node) for node in graph.nodes}) < len(graph):
            raise TreeError(
                "Several nodes of the graph have the same name, such as 1 and '1'; give every node a unique name."
            )
        alone = [str(node) for node in graph.nodes if graph.degree(node) == 0]
        if alone and len(graph) > 1:
            raise TreeError(f"The node {alone[0]!r} has no edge; connect every node to the tree, or remove it.")
        return cls.from_edges(list(graph.edges()))  # called, so that the edges of a multigraph are pairs too

    @classmethod
    def load(cls, path: str | Path, read_as: str | None = None, disambiguate: bool = False) -> LabelTree:
        """Read a tree from a file: JSON, a table of edges or of ranks, an adjacency matrix, Newick or an outline.

        The content determines the format; the suffix decides where the content does not.

        Args:
            path: the file.
            read_as: one of the readings that an AmbiguousTreeError names.
            disambiguate: name nodes of one name by their parents, as `other (animal)`.

        Raises:
            AmbiguousTreeError: if the file can be read as several trees.
            DuplicateNamesError: if several nodes have one name.
            TreeError: if the file does not exist, cannot be read, or is not a label tree.
        """
        from hierapp.trees import formats

        return formats.load(path, read_as, disambiguate)

    def save(self, path: str | Path) -> None:
        """Write the tree to a file; the suffix determines the format: .json, .csv, .adjacency.csv or .nwk."""
        from hierapp.trees import formats

        formats.save(self, path)

    # Derived properties

    @cached_property
    def children(self) -> tuple[tuple[int, ...], ...]:
        """Positions in `nodes` of the children of each node."""
        below: list[list[int]] = [[] for _ in self.nodes]
        for node, parent in enumerate(self.parents.tolist()):
            if parent >= 0:
                below[parent].append(node)
        return tuple(tuple(group) for group in below)

    @cached_property
    def depth(self) -> Ints:
        """Depth of each node, int array [N]: 1 at the root, plus one per level."""
        depth = np.ones(len(self.nodes), np.int64)
        for node, parent in enumerate(self.parents.tolist()):
            if parent >= 0:
                depth[node] = depth[parent] + 1
        return _frozen(depth)

    @cached_property
    def height(self) -> Ints:
        """Height of each node, int array [N]: number of edges to its deepest leaf, 0 at the leaves."""
        height = np.zeros(len(self.nodes), np.int64)
        for node in range(len(self.nodes) - 1, 0, -1):
            parent = self.parents[node]
            height[parent] = max(height[parent], height[node] + 1)
        return _frozen(height)

    @cached_property
    def leaf_nodes(self) -> Ints:
        """Positions of the leaves in `nodes`, int array [L]."""
        return _frozen(np.array([i for i, below in enumerate(self.children) if not below], np.int64))

    @cached_property
    def internal_nodes(self) -> Ints:
        """Positions in `nodes` of the nodes with children, int array; the root comes first."""
        return _frozen(np.array([i for i, below in enumerate(self.children) if below], np.int64))

    @cached_property
    def leaves(self) -> tuple[str, ...]:
        """The names of the L leaves, in the order of `nodes`."""
        return tuple(self.nodes[i] for i in self.leaf_nodes)

    @cached_property
    def leaf_ranges(self) -> Ints:
        """Leaves below each node, int array [N, 2]: those below node i, or i itself, are `leaves[start:stop]`."""
        ranges = np.empty((len(self.nodes), 2), np.int64)
        ranges[:, 0] = np.searchsorted(self.leaf_nodes, np.arange(len(self.nodes)))
        for node in range(len(self.nodes) - 1, -1, -1):
            below = self.children[node]
            ranges[node, 1] = ranges[below[-1], 1] if below else ranges[node, 0] + 1
        return _frozen(ranges)

    @cached_property
    def leaf_paths(self) -> Ints:
        """Path of each leaf, int array [L, levels]: the nodes from the root to leaf i, which is repeated to fill row i.

        >>> LabelTree(["root", "animal", "cat", "dog", "truck"], [-1, 0, 1, 1, 0]).leaf_paths.tolist()
        [[0, 1, 2], [0, 1, 3], [0, 4, 4]]
        """
        depth = self.depth[self.leaf_nodes]
        paths = np.repeat(self.leaf_nodes[:, None], int(depth.max()), axis=1)
        for level in range(paths.shape[1] - 2, -1, -1):
            paths[:, level] = np.where(depth > level + 1, self.parents[paths[:, level + 1]], paths[:, level])
        return _frozen(paths)

    @cached_property
    def is_uniform_depth(self) -> bool:
        """Whether all leaves have the same depth."""
        return len(set(self.depth[self.leaf_nodes].tolist())) == 1

    def path(self, node: int) -> list[int]:
        """Return the positions of the nodes from the root to `node`, both included."""
        up = [node]
        while (parent := int(self.parents[up[-1]])) >= 0:
            up.append(parent)
        return up[::-1]

    def adjacency(self) -> Ints:
        """Adjacency matrix of the paper's figure 2, int array [N, N]: row i has a 1 in the columns of i's children."""
        matrix = np.zeros((len(self.nodes), len(self.nodes)), np.int64)
        matrix[self.parents[1:], np.arange(1, len(self.nodes))] = 1
        return matrix

    def paths(self) -> Ints:
        """J of the paper's (3), int array [N, N]: row i has a 1 at each node from the root to i, both included."""
        matrix = np.zeros((len(self.nodes), len(self.nodes)), np.int64)
        for node, parent in enumerate(self.parents.tolist()):
            if parent >= 0:
                matrix[node] = matrix[parent]
            matrix[node, node] = 1
        return matrix

    def distances(self, kind: DistanceKind = "lca-depth") -> Ints:
        """Return the distances between leaves, in edges, int array [L, L] in the order of `leaves`.

        With a the lowest common ancestor of the leaves i and j, the kinds are:

        - "lca-depth" (the paper's): max(depth i, depth j) - depth a
        - "lca-height" (ILSVRC; Bertinetto et al. 2020): height of a
        - "edges": number of edges on the path from i to j

        They agree up to a factor if `is_uniform_depth`, and differ otherwise.

        Args:
            kind: "lca-depth", "lca-height" or "edges".

        Raises:
            TreeError: if the kind is unknown.

        >>> tree = LabelTree(["root", "animal", "cat", "dog", "truck"], [-1, 0, 1, 1, 0])
        >>> tree.distances().tolist()
        [[0, 1, 2], [1, 0, 2], [2, 2, 0]]
        """
        if kind not in DISTANCES:
            raise TreeError(f"Expected the distance to be one of {', '.join(DISTANCES)} but got {kind!r}.")
        of_ancestor = self.height if kind == "lca-height" else self.depth
        common = np.empty((len(self.leaves), len(self.leaves)), np.int64)
        # Parents come before children, so that the lowest common ancestor of each pair is written last.
        for node, (start, stop) in enumerate(self.leaf_ranges.tolist()):
            common[start:stop, start:stop] = of_ancestor[node]
        depth = self.depth[self.leaf_nodes]
        if kind == "lca-height":
            return common
        if kind == "edges":
            return depth[:, None] + depth[None, :] - 2 * common
        return np.maximum(depth[:, None], depth[None, :]) - common

    def positions_of(self, class_names: Sequence[str]) -> Ints:
        """Return for each class of a data set its position in `leaves`, int array; classes are matched by name.

        Raises:
            TreeError: if the classes are not exactly the leaves.

        >>> LabelTree.from_edges([("root", "cat"), ("root", "dog")]).positions_of(["dog", "cat"]).tolist()
        [1, 0]
        """
        class_names = [name_of(name) for name in class_names]
        position = {name: i for i, name in enumerate(self.leaves)}
        missing = [name for name in class_names if name not in position]
        unknown = sorted(set(self.leaves) - set(class_names))
        twice = sorted(name for name, times in Counter(class_names).items() if times > 1)
        complaints = []
        if twice:
            complaints.append(f"{'class' if len(twice) == 1 else 'classes'} {some(twice)} given more than once")
        if missing:
            complaints.append(f"{'class' if len(missing) == 1 else 'classes'} {some(missing)} not among the leaves")
        if unknown:
            complaints.append(f"{'leaf' if len(unknown) == 1 else 'leaves'} {some(unknown)} not among the classes")
        if complaints:
            raise TreeError(
                f"The tree does not fit the data set: {' and '.join(complaints)}; the leaves must be exactly the"
                f" {len(class_names)} class names."
            )
        return np.array([position[name] for name in class_names], np.int64)

    def restrict(self, names: Iterable[str], collapse: bool = False) -> LabelTree:
        """Return the tree over some of the leaves, in the same order.

        Args:
            names: the leaves that stay.
            collapse: remove inner nodes that are left with a single child; by default they stay.

        Raises:
            TreeError: if no name is given, or one is not a leaf.

        >>> tree = LabelTree.from_edges([("root", "animal"), ("animal", "cat"), ("animal", "dog"), ("root", "truck")])
        >>> tree.restrict(["cat", "truck"]).nodes, tree.restrict(["cat", "truck"], collapse=True).nodes
        (('root', 'animal', 'cat', 'truck'), ('root', 'cat', 'truck'))
        """
        from hierapp.trees.excerpt import restricted

        return restricted(self, names, collapse)

    def to_networkx(self) -> nx.DiGraph[Any]:
        """Convert to a networkx.DiGraph with edges from parent to child and nodes in the order of `nodes`."""
        import networkx as nx

        graph: nx.DiGraph[Any] = nx.DiGraph()
        graph.add_nodes_from(self.nodes)
        graph.add_edges_from((self.nodes[p], self.nodes[i]) for i, p in enumerate(self.parents.tolist()) if p >= 0)
        return graph

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, LabelTree):
            return NotImplemented
        return self.nodes == other.nodes and np.array_equal(self.parents, other.parents)

    def __hash__(self) -> int:
        return hash((self.nodes, self.parents.tobytes()))

    def __repr__(self) -> str:
        return f"LabelTree({len(self.nodes)} nodes, {len(self.leaves)} leaves, depth {self.depth.max()})"


def _frozen(array: Ints) -> Ints:
    array.flags.writeable = False
    return array
