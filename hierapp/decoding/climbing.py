"""The way from the most probable leaf up to the root, and the threshold at which `climb` is right often enough."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hierapp.decoding import arrays
from hierapp.decoding.inputs import chunks, flat_rows, target_leaves
from hierapp.decoding.tables import Rows
from hierapp.errors import ConfigError
from hierapp.trees import LabelTree


def way_up(rows: Rows) -> tuple[Any, Any]:
    """Return the path to the most probable leaf of each row and z of its nodes, [n, D] each.

    The root comes first, with z = 1; the leaf is repeated to fill a row.
    """
    path = rows.tables.paths[rows.p.argmax(1)]
    # Rounded probabilities can sum to more than 1.
    z = arrays.along(rows.z, path).clip(0.0, 1.0)
    z[:, 0] = 1.0
    return path, z


def climb_threshold(leaf_log_probs: Any, target: ArrayLike, tree: LabelTree, alpha: float = 0.1) -> float:
    """Compute the threshold at which the decoder "climb" is right for a share 1 - alpha of new samples.

    The score of a calibration sample is the largest z of a node between the most probable leaf and the root that is
    not an ancestor of the truth, 0 if the leaf is right. The threshold is the ceil((n + 1) (1 - alpha))-th smallest
    score, or 1, at which "climb" always predicts the root, if n is too small for that. A new sample from the same
    distribution is predicted as the true leaf or one of its ancestors with probability at least 1 - alpha, and at most
    1 - alpha + 1 / (n + 1) if the scores have no ties. This does not hold if the network was trained on the calibration
    samples, or if they selected the epoch.

    Source: split-conformal calibration; Goren et al., NeurIPS 2024.

    Args:
        leaf_log_probs: [n, L, ...] log-probabilities of the leaves of the calibration samples, array or tensor.
        target: [n, ...], positions in `tree.leaves`.
        tree: the label tree.
        alpha: the share of new samples that may be wrong, between 0 and 1 (default 0.1).

    Raises:
        ConfigError: if alpha is out of range, there are no samples, or the input does not fit the tree.

    >>> tree = LabelTree.from_edges([("root", "animal"), ("animal", "cat"), ("animal", "dog"), ("root", "truck")])
    >>> p = np.array([[0.5, 0.3, 0.2], [0.6, 0.3, 0.1], [0.7, 0.2, 0.1], [0.4, 0.3, 0.3]])
    >>> round(climb_threshold(np.log(p), [0, 1, 0, 2], tree, alpha=0.4), 4)  # scores 0, 0.6, 0, 0.7; the third
    0.6
    """
    if not 0 < alpha < 1:
        raise ConfigError(f"Expected alpha between 0 and 1 but got {alpha}.")
    scores = climb_scores(leaf_log_probs, target, tree)
    if not len(scores):
        raise ConfigError("Expected at least one calibration sample but got none.")
    # (n + 1) (1 - alpha) may exceed a whole number by rounding.
    rank = math.ceil((len(scores) + 1) * (1 - alpha) - 1e-9)
    return float(np.sort(scores)[rank - 1]) if rank <= len(scores) else 1.0


def climb_scores(leaf_log_probs: Any, target: ArrayLike, tree: LabelTree) -> NDArray[np.float64]:
    """Compute the scores that `climb_threshold` sorts, [n]: "climb" is right at thresholds >= the sample's score."""
    log_p, _ = flat_rows(leaf_log_probs, tree)
    true = target_leaves(target, len(log_p), tree)
    found = [np.empty(0)]
    for part, rows in chunks(log_p, tree):
        path, z = way_up(rows)
        agree = path == rows.tables.paths[arrays.as_array(true[part], rows.p)]
        found.append(arrays.to_numpy(rows.xp.amax(rows.xp.where(agree, 0.0, z), 1)))
    return np.concatenate(found)
