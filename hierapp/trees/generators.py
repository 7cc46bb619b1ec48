"""Trees generated from a data set's classes: flat, balanced, random, adversarial, or induced from a run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hierapp.errors import TreeError
from hierapp.trees.edits import Children, made_of
from hierapp.trees.names import free_name
from hierapp.trees.tree import LabelTree

if TYPE_CHECKING:
    from scipy.sparse import csr_array

ROOT = "root"
MOST_LINKED = 3_000  # classes that are clustered, because all their pairs are in memory


def flat(classes: Sequence[str]) -> LabelTree:
    """Create a tree with all classes directly below the root.

    >>> flat(["cat", "dog"]).nodes
    ('root', 'cat', 'dog')
    """
    root = free_name(classes, ROOT)
    return LabelTree([root, *classes], [-1] + [0] * len(classes))


def balanced(classes: Sequence[str]) -> LabelTree:
    """Create a binary tree that halves the classes, in the given order, at each node.

    >>> balanced(["cat", "dog", "truck"]).is_uniform_depth
    False
    """
    draft = _Draft(classes)

    def halves(part: Sequence[str]) -> list[str]:
        middle = (len(part) + 1) // 2
        return [
            half[0] if len(half) == 1 else draft.join(halves(half)) for half in (part[:middle], part[middle:]) if half
        ]

    return draft.rooted(halves(classes))


def random(classes: Sequence[str], seed: int) -> LabelTree:
    """Create a random tree: join two to four random nodes until at most four are left below the root.

    Args:
        classes: the names of the classes.
        seed: seed of the draws.

    >>> random(["a", "b", "c", "d", "e", "f"], seed=1) == random(["a", "b", "c", "d", "e", "f"], seed=1)
    True
    """
    generator, draft = np.random.default_rng(seed), _Draft(classes)
    loose = list(classes)
    while len(loose) > 4:
        chosen = set(generator.choice(len(loose), generator.integers(2, 5), replace=False).tolist())
        joined = draft.join([loose[i] for i in sorted(chosen)])
        loose = [name for i, name in enumerate(loose) if i not in chosen] + [joined]
    return draft.rooted(loose)


def adversarial(tree: LabelTree) -> LabelTree:
    """Create a tree of the same shape in which close classes are moved far apart.

    From the leaves up, each node interleaves the positions below its children evenly; the classes, in the tree's order,
    are assigned to the positions in the order of the root. Classes that were neighbors then separate near the root.

    >>> tree = LabelTree.from_edges([("r", "A"), ("r", "B"), ("A", "cat"), ("A", "dog"), ("B", "car"), ("B", "bus")])
    >>> adversarial(tree).leaves
    ('cat', 'car', 'dog', 'bus')
    """
    places = _dealt(tree, 0)
    names = list(tree.nodes)
    for node, leaf in zip(places, tree.leaf_nodes.tolist(), strict=True):
        names[node] = tree.nodes[leaf]
    return LabelTree(names, tree.parents)


def permuted(tree: LabelTree, seed: int) -> LabelTree:
    """Create a tree of the same shape with its classes at random places: a control for what a tree says of its classes.

    Args:
        tree: the label tree; its inner nodes keep their names and places.
        seed: seed of the permutation.

    >>> tree = LabelTree.from_edges([("r", "A"), ("r", "B"), ("A", "cat"), ("A", "dog"), ("B", "car"), ("B", "bus")])
    >>> permuted(tree, seed=0).leaves
    ('car', 'cat', 'dog', 'bus')
    """
    names = list(tree.nodes)
    places = tree.leaf_nodes.tolist()
    for node, leaf in zip(places, np.random.default_rng(seed).permutation(places).tolist(), strict=True):
        names[node] = tree.nodes[leaf]
    return LabelTree(names, tree.parents)


def _dealt(tree: LabelTree, node: int) -> list[int]:
    """Return the leaves below a node, with the leaves of each child spread evenly over the result."""
    if not tree.children[node]:
        return [node]
    piles = [_dealt(tree, child) for child in tree.children[node]]
    spread = [((turn + 0.5) / len(pile), leaf) for pile in piles for turn, leaf in enumerate(pile)]
    return [leaf for _, leaf in sorted(spread, key=lambda item: item[0])]


def from_confusion(confusion: ArrayLike | csr_array, classes: Sequence[str]) -> LabelTree:
    """Create a binary tree of classes that are confused with each other, by average linkage (scipy).

    The distance of two classes is 1 - (C_ij / row_i + C_ji / row_j) / 2, with the row sums row_i of the matrix C.

    Args:
        confusion: counts [L, L], an array or sparse; rows are the true classes.
        classes: the L names, in the order of the rows.

    Raises:
        TreeError: if the matrix has another shape, or there are more than `MOST_LINKED` classes.

    >>> from_confusion([[8, 2, 0], [3, 7, 0], [0, 1, 9]], ["cat", "dog", "truck"]).nodes
    ('root', 'group 1', 'cat', 'dog', 'truck')
    """
    _check_linked(classes)
    dense: Any = confusion.toarray() if hasattr(confusion, "toarray") else confusion
    counts = np.asarray(dense, np.float64)
    if counts.shape != (len(classes), len(classes)):
        raise TreeError(
            f"Expected a confusion matrix of {len(classes)} rows and columns, one per class, but got"
            f" {list(counts.shape)}."
        )
    share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    return _linked(1 - (share + share.T) / 2, classes)


def from_weights(weights: ArrayLike, classes: Sequence[str]) -> LabelTree:
    """Create a binary tree of classes with similar weights in a classifier's last layer, by average linkage (scipy).

    Args:
        weights: [L, features], one row per class.
        classes: the L names, in the order of the rows.

    Raises:
        TreeError: if the matrix has another number of rows, or there are more than `MOST_LINKED` classes.
    """
    _check_linked(classes)
    rows = np.asarray(weights, np.float64)
    if rows.ndim != 2 or len(rows) != len(classes):
        raise TreeError(f"Expected a row of weights for each of {len(classes)} classes but got {list(rows.shape)}.")
    rows = rows - rows.mean(0)  # the common part does not distinguish classes
    rows = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return _linked(1 - rows @ rows.T, classes)


def from_classifier(file: Path, tree: LabelTree) -> LabelTree:
    """Apply `from_weights` to the last layer of a run's network, whose classes are the leaves of the tree.

    Args:
        file: the run's model.safetensors.
        tree: the run's tree; a conditional head has one row per node, of which the leaves' rows are used.

    Raises:
        TreeError: if the file cannot be read, or its last matrix has another number of rows.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        weights = load_file(file)
    except (OSError, SafetensorError):
        raise TreeError(f"The weights {file.name} of this run cannot be read; train the run again.") from None
    matrices = [array for name, array in weights.items() if name.endswith("weight") and array.ndim == 2]
    rows = {len(tree.leaves): np.arange(len(tree.leaves)), len(tree.nodes) - 1: tree.leaf_nodes - 1}
    # The last layer of a network for label maps is a convolution of one pixel.
    pixels = [array[:, :, 0, 0] for array in weights.values() if array.ndim == 4 and array.shape[2:] == (1, 1)]
    last = next((array for array in [*matrices[::-1], *pixels[::-1]] if len(array) in rows), None)
    if last is None:
        raise TreeError(
            "The network's last layer does not have one row per class; induce the tree from mistakes instead."
        )
    return from_weights(last[rows[len(last)]], tree.leaves)


def _check_linked(classes: Sequence[str]) -> None:
    if len(classes) > MOST_LINKED:
        raise TreeError(
            f"Clustering compares all pairs of classes, which is possible for up to {MOST_LINKED:,} classes,"
            f" but there are {len(classes):,}; start from the names or an existing tree."
        )


def _linked(distances: NDArray[np.float64], classes: Sequence[str]) -> LabelTree:
    from scipy.cluster.hierarchy import linkage
    from scipy.spatial.distance import squareform

    if len(classes) < 3:
        return flat(classes)
    draft = _Draft(classes)
    condensed = squareform(np.clip((distances + distances.T) / 2, 0, None) * (1 - np.eye(len(classes))))
    # Each node with the position of its first class, so that classes stay in their order where possible.
    nodes = list(enumerate(classes))
    merges = linkage(condensed, "average")[:, :2].astype(int).tolist()
    for one, other in merges[:-1]:
        (place, first), (_, second) = sorted((nodes[one], nodes[other]))
        nodes.append((place, draft.join([first, second])))
    return draft.rooted([name for _, name in sorted(nodes[i] for i in merges[-1])])


class _Draft:
    """A tree that is built from the leaves up."""

    def __init__(self, classes: Sequence[str]) -> None:
        self.below: Children = {name: [] for name in classes}

    def join(self, nodes: list[str], name: str | None = None) -> str:
        """Put nodes below a new one."""
        made = name or next(each for i in range(1, len(self.below) + 2) if (each := f"group {i}") not in self.below)
        self.below[made] = nodes
        return made

    def rooted(self, nodes: list[str]) -> LabelTree:
        return made_of(self.join(nodes, free_name(self.below, ROOT)), self.below)
