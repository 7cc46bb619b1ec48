"""Hierarchical precision, recall and F_beta of predicted nodes or sets of nodes."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from hierapp.errors import ConfigError
from hierapp.trees import LabelTree
from hierapp.utils.indices import here, indices


def hierarchical_f_beta(
    predicted: ArrayLike, target: ArrayLike, tree: LabelTree, beta: float = 1.0, count_root: bool = False
) -> dict[str, float]:
    """Compute precision, recall and F_beta between predicted and true sets of ancestors.

    With A the predicted set and B the true leaf with its ancestors, F_beta = (1 + b^2) |A and B| / (|A| + b^2 |B|).

    Args:
        predicted: [n], positions in `tree.nodes`, whose set is the node with its ancestors; or sets as bool [n, N], as
            from `hierapp.decoding.decode_set`.
        target: [n], positions in `tree.leaves`.
        tree: the label tree.
        beta: weight of recall (default 1).
        count_root: whether the root counts (default False, as in `report`).

    Returns:
        precision, recall and f_beta, summed over all samples (micro), and macro_precision, macro_recall and
        macro_f_beta, the means over samples. 0 / 0 counts as 0.

    Raises:
        ConfigError: if the lengths differ, a position is not a node or leaf, or beta is negative.

    >>> tree = LabelTree.from_edges([("root", "animal"), ("animal", "cat"), ("animal", "dog"), ("root", "truck")])
    >>> found = hierarchical_f_beta([1, 3], [0, 0], tree, beta=2.0)  # animal and dog for a cat
    >>> round(found["f_beta"], 4), round(found["macro_f_beta"], 4)
    (0.5263, 0.5278)
    """
    if not (math.isfinite(beta) and beta >= 0):
        raise ConfigError(f"Expected beta to be a number of at least 0 but got {beta}.")
    true = indices(target)
    if true.size and not 0 <= true.min() <= true.max() < len(tree.leaves):
        raise ConfigError(f"Expected classes from 0 to {len(tree.leaves) - 1} but got {true.min()} to {true.max()}.")
    given = np.asarray(here(predicted))
    sizes = tree.depth[tree.leaf_nodes[true]] - (0 if count_root else 1)
    both, own = (_of_sets if given.ndim == 2 else _of_nodes)(given, true, tree, count_root)
    square, count = beta * beta, max(len(true), 1)
    found = {}
    for name, above, below in (
        ("precision", both, own),
        ("recall", both, sizes),
        ("f_beta", (1 + square) * both, own + square * sizes),
    ):
        whole = float(below.sum())
        found[name] = float(above.sum()) / whole if whole else 0.0
        each = np.divide(above, below, out=np.zeros(len(true)), where=below > 0)
        found[f"macro_{name}"] = float(each.sum() / count)
    return found


def _of_nodes(given: np.ndarray, true: np.ndarray, tree: LabelTree, count_root: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return |A and B| and |A| of predicted nodes."""
    nodes = indices(given, "nodes")
    if nodes.shape != true.shape:
        raise ConfigError("Expected as many predictions as true leaves; give one for each.")
    if nodes.size and not 0 <= nodes.min() <= nodes.max() < len(tree.nodes):
        raise ConfigError(f"Expected nodes from 0 to {len(tree.nodes) - 1} but got {nodes.min()} to {nodes.max()}.")
    # Any leaf below a node shares its path down to that node.
    paths, depth = tree.leaf_paths, tree.depth
    alike = (paths[true] == paths[tree.leaf_ranges[nodes, 0]]).sum(1)
    left_out = 0 if count_root else 1
    both = np.minimum(alike, np.minimum(depth[tree.leaf_nodes[true]], depth[nodes])) - left_out
    return both.astype(np.float64), (depth[nodes] - left_out).astype(np.float64)


def _of_sets(given: np.ndarray, true: np.ndarray, tree: LabelTree, count_root: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return |A and B| and |A| of predicted sets."""
    if given.shape != (len(true), len(tree.nodes)) or given.dtype != bool:
        raise ConfigError(
            f"Expected sets as bool [{len(true)}, {len(tree.nodes)}], a column per node, but got {given.dtype}"
            f" {list(given.shape)}."
        )
    first = 0 if count_root else 1
    paths = tree.leaf_paths[true]
    inside = np.take_along_axis(given, paths, 1)[:, first:]
    # The leaf is repeated at the end of its path.
    once = np.arange(first, paths.shape[1]) < tree.depth[tree.leaf_nodes[true]][:, None]
    return (inside & once).sum(1).astype(np.float64), given[:, first:].sum(1).astype(np.float64)
