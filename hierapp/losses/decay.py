"""The weights of HXE, without torch: pages compute them, too."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hierapp.trees import LabelTree

Decay = Literal["root", "height"]


def step_decay(tree: LabelTree, alpha: float, normalize: bool, decay: Decay = "root") -> NDArray[np.float64]:
    """Return HXE's weights [D] of the steps from the root down: exp(-alpha * d(v)) for the node v of a step.

    With "root", d is the number of steps from the root, with "height" that to the level of the deepest leaves, which is
    the height of v if all leaves are there. If `normalize` is set, the weights are divided by their sum over all N
    nodes, including the root, as in the published code.

    >>> tree = LabelTree.from_edges([("root", "animal"), ("animal", "cat"), ("animal", "dog"), ("root", "truck")])
    >>> step_decay(tree, 1.0, False).round(4).tolist(), step_decay(tree, 1.0, False, "height").round(4).tolist()
    ([0.3679, 0.1353], [0.3679, 1.0])
    """
    deepest = tree.leaf_paths.shape[1] - 1

    def weight(steps: NDArray[np.int64]) -> NDArray[np.float64]:
        apart = steps if decay == "root" else deepest - steps
        found: NDArray[np.float64] = np.exp(-alpha * apart)
        return found

    weights = weight(np.arange(1, deepest + 1))
    return weights / math.fsum(weight(tree.depth - 1)) if normalize else weights
