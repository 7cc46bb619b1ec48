"""Intersection over union of classes, from a confusion matrix of pixels; uses only numpy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hierapp.errors import ConfigError
from hierapp.metrics.counts import dense
from hierapp.metrics.spec import MetricSpec
from hierapp.trees import LabelTree

if TYPE_CHECKING:
    from scipy.sparse import csr_array

METRICS = (
    MetricSpec("mean_iou", "mean IoU", "share", True, maps=True),
    MetricSpec("level_mean_iou", "mean IoU of the level", "share", True, per="level", maps=True),
    MetricSpec("class_iou", "IoU", "share", True, per="class", maps=True),
)


def class_ious(confusion: ArrayLike | csr_array) -> NDArray[np.float64]:
    """Return the intersection over union of each class, TP / (TP + FP + FN); NaN for one without a pixel in either.

    Args:
        confusion: counts [L, L], rows true: an array, or a scipy.sparse array.

    Raises:
        ConfigError: if the matrix is not square.

    >>> class_ious([[3, 1], [0, 4]]).tolist()
    [0.75, 0.8]
    """
    counts = dense(confusion).astype(np.float64, copy=False)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1]:
        raise ConfigError(f"Expected a square matrix of counts but got the shape {list(counts.shape)}.")
    true = np.diag(counts)
    union = counts.sum(0) + counts.sum(1) - true
    found: NDArray[np.float64] = np.divide(true, union, out=np.full(len(counts), np.nan), where=union > 0)
    return found


def mean_iou(confusion: ArrayLike | csr_array) -> float:
    """Return the mean of `class_ious` over the classes that occur, as truth or prediction; 0 if none does.

    >>> mean_iou([[3, 1, 0], [0, 4, 0], [0, 0, 0]])
    0.775
    """
    found = class_ious(confusion)
    return float(np.nanmean(found)) if np.isfinite(found).any() else 0.0


def merged(confusion: ArrayLike | csr_array, tree: LabelTree, level: int) -> NDArray[np.float64]:
    """Return the confusion matrix of the nodes of a level, 1 for the children of the root; rows true.

    A path that ends above the level is represented by its leaf.
    """
    nodes = tree.leaf_paths[:, level]
    group = np.append(True, nodes[1:] != nodes[:-1]).cumsum() - 1
    counts = dense(confusion).astype(np.float64, copy=False)
    found = np.zeros((group[-1] + 1, group[-1] + 1))
    np.add.at(found, (group[:, None], group[None, :]), counts)
    return found


def iou_report(confusion: ArrayLike | csr_array, tree: LabelTree) -> dict[str, Any]:
    """Compute the IoU of classes and levels, as plain numbers and lists for JSON.

    Args:
        confusion: counts [L, L], rows true, in the order of `tree.leaves`: an array, or a scipy.sparse array.
        tree: the label tree.

    Returns:
        mean_iou; level_mean_iou, for each level below the root the mean IoU of its nodes, whose classes are merged;
        class_iou, 0 for a class that neither occurs nor is predicted, which the means leave out.

    Raises:
        ConfigError: if the matrix does not have one row and one column per leaf.

    >>> tree = LabelTree.from_edges([("root", "animal"), ("animal", "cat"), ("animal", "dog"), ("root", "truck")])
    >>> iou_report([[3, 1, 0], [2, 2, 0], [0, 0, 4]], tree)["level_mean_iou"]
    [1.0, 0.6333333333333333]
    """
    counts = dense(confusion).astype(np.float64, copy=False)
    if counts.shape != (len(tree.leaves), len(tree.leaves)):
        raise ConfigError(f"Expected counts {[len(tree.leaves)] * 2} but got the shape {list(counts.shape)}.")
    return {
        "mean_iou": mean_iou(counts),
        "level_mean_iou": [mean_iou(merged(counts, tree, level)) for level in range(1, tree.leaf_paths.shape[1])],
        "class_iou": np.nan_to_num(class_ious(counts)).tolist(),
    }
