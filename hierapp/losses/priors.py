"""Class priors for logit adjustment, by leaf or by node given its parent; this module does not import torch."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hierapp.errors import ConfigError
from hierapp.trees import LabelTree
from hierapp.utils.options import Option

By = Literal["leaf", "node"]
# The option of the losses that adjust logits.
TAU = Option(
    "tau", 0.0, "logit adjustment for rare classes: tau times the logarithm of the class priors is added in training"
)


def log_priors(tree: LabelTree, prior: ArrayLike, by: By) -> NDArray[np.float64]:
    """Return the logarithms of the priors.

    Args:
        tree: the label tree.
        prior: [L] in the order of `tree.leaves`, above 0: probabilities or counts of the classes.
        by: "leaf", log prior of the leaves, [L]; "node", log prior of the nodes below the root given their parents,
            [N - 1].

    Raises:
        ConfigError: if the priors do not have this shape, or are not finite and above 0.

    >>> tree = LabelTree.from_edges([("root", "animal"), ("animal", "cat"), ("animal", "dog"), ("root", "truck")])
    >>> np.exp(log_priors(tree, [3, 1, 4], "node")).round(2).tolist()
    [0.5, 0.75, 0.25, 0.5]
    """
    size = len(tree.leaves)
    try:
        shares = np.asarray(prior, np.float64)
    except (TypeError, ValueError):
        raise ConfigError("The class priors contain a value that is not a number; give one number per leaf.") from None
    if shares.shape != (size,) or not (np.isfinite(shares) & (shares > 0)).all():
        raise ConfigError(
            f"Expected class priors of shape [{size}], finite and above 0, but got {list(shares.shape)}"
            f"{' with other entries' if shares.shape == (size,) else ''}; for counts with zeros use at least 1 a class."
        )
    shares = shares / shares.sum()
    if by == "leaf":
        logs: NDArray[np.float64] = np.log(shares)
        return logs
    below = np.zeros(len(tree.nodes))
    below[tree.leaf_nodes] = shares
    for node in range(len(below) - 1, 0, -1):
        below[tree.parents[node]] += below[node]
    return np.log(below[1:]) - np.log(below[tree.parents[1:]])


def are_equal(tree: LabelTree, prior: ArrayLike, by: By) -> bool:
    """Return whether the priors change no probability: they are equal for all leaves, or among all siblings.

    >>> tree = LabelTree.from_edges([("root", "animal"), ("animal", "cat"), ("animal", "dog"), ("root", "truck")])
    >>> are_equal(tree, [1, 1, 1], "leaf"), are_equal(tree, [1, 1, 1], "node"), are_equal(tree, [1, 1, 2], "node")
    (True, False, True)
    """
    logs = log_priors(tree, prior, by)
    groups = [logs] if by == "leaf" else [logs[np.array(below) - 1] for below in tree.children if below]
    return all(bool(np.ptp(group) < 1e-9) for group in groups)
