"""The targets of labels over a tree: leaves, or nodes if some labels are coarse."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hierapp.errors import TreeError, some
from hierapp.trees import LabelTree


def targets_of(class_names: Sequence[str], coarse_names: Sequence[str], tree: LabelTree) -> NDArray[np.int64]:
    """Return for each label its position in `tree.leaves`; with coarse labels, in `tree.nodes`.

    Raises:
        TreeError: if the classes are not the leaves, or a coarse label is not an inner node.
    """
    leaves = tree.positions_of(class_names)
    if not coarse_names:
        return leaves
    inner = {tree.nodes[node]: int(node) for node in tree.internal_nodes.tolist()}
    missing = [name for name in coarse_names if name not in inner]
    if missing:
        raise TreeError(
            f"The tree does not fit the data set: rows have the coarse labels {some(missing)}, which are not inner"
            " nodes of the tree; choose a tree with these nodes."
        )
    return np.concatenate([tree.leaf_nodes[leaves], np.array([inner[name] for name in coarse_names], np.int64)])
