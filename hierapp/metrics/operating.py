"""The operating curve: how often predictions are correct against how specific they are, over all thresholds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hierapp.decoding import arrays
from hierapp.decoding.climbing import way_up
from hierapp.decoding.inputs import chunks, flat_rows, target_leaves
from hierapp.decoding.tables import Rows
from hierapp.trees import LabelTree

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class OperatingCurve:
    """The decoder "climb" at every threshold where a prediction changes.

    The first point are the most probable leaves, the last one the root for every sample. Of a threshold t of the
    decoder, the point is the last one whose threshold is <= t.

    Attributes:
        thresholds: [T], ascending from 0.
        correct: [T], share of the samples whose prediction is the true leaf or one of its ancestors; it never falls.
        specificity: [T], mean of log2(L / number of leaves below the prediction), in bits; it never rises, from log2(L)
            to 0.
        depth: [T], mean depth of the predictions, 1 at the root.
        leaves: [T], share of the predictions that are leaves.
    """

    thresholds: Floats
    correct: Floats
    specificity: Floats
    depth: Floats
    leaves: Floats

    VALUES: ClassVar = ("correct", "specificity", "depth", "leaves")

    @property
    def average_correct(self) -> float:
        """Mean of `correct` over specificity, from 0 to log2(L) bits: the area under the curve, as a share."""
        whole = float(self.specificity[0] - self.specificity[-1])
        if not whole:
            return float(self.correct[0])
        falls = -np.diff(self.specificity)
        return float((falls * (self.correct[1:] + self.correct[:-1]) / 2).sum() / whole)

    def at_correct(self, share: float = 0.9) -> dict[str, float]:
        """Return the most specific point whose predictions are correct for at least this share of the samples.

        Returns:
            threshold, correct, specificity, depth and leaves of the point.
        """
        # The root is always correct.
        place = min(int(np.searchsorted(self.correct, share - 1e-12)), len(self.correct) - 1)
        return self._point(place)

    def at_thresholds(self, thresholds: ArrayLike) -> OperatingCurve:
        """Return the points of some thresholds of "climb"."""
        wanted = np.asarray(thresholds, np.float64)
        places = np.searchsorted(self.thresholds, wanted + 1e-12, side="right") - 1
        return OperatingCurve(wanted, *(getattr(self, name)[places.clip(0)] for name in self.VALUES))

    def _point(self, place: int) -> dict[str, float]:
        values = {name: float(getattr(self, name)[place]) for name in self.VALUES}
        return {"threshold": float(self.thresholds[place]), **values}


def operating_curve(leaf_log_probs: Any, target: ArrayLike, tree: LabelTree) -> OperatingCurve:
    """Compute the operating curve of the decoder "climb" exactly, without a grid of thresholds.

    Each sample's prediction moves from its most probable leaf up to the root as the threshold passes the z of each node
    on the way. These steps are sorted once over all samples.

    Source: Valmadre, NeurIPS 2022, for specificity as information.

    Args:
        leaf_log_probs: [n, L, ...] log-probabilities in the order of `tree.leaves`, array or tensor.
        target: [n, ...], positions in `tree.leaves`.
        tree: the label tree.

    Raises:
        ConfigError: if the shapes do not match, the probabilities of a row do not sum to 1, or a target is not a leaf.

    >>> tree = LabelTree.from_edges([("root", "animal"), ("animal", "cat"), ("animal", "dog"), ("root", "truck")])
    >>> curve = operating_curve(np.log([[0.6, 0.3, 0.1], [0.5, 0.2, 0.3]]), [1, 0], tree)  # a dog, then a cat
    >>> curve.thresholds.round(4).tolist(), curve.correct.tolist()
    ([0.0, 0.5, 0.6, 0.7, 0.9], [0.5, 0.5, 1.0, 1.0, 1.0])
    >>> round(curve.at_correct(0.9)["specificity"], 4)  # both animals, log2(3 / 2) bits
    0.585
    """
    log_p, _ = flat_rows(leaf_log_probs, tree)
    return of_blocks([(log_p, target)], tree)


def of_blocks(blocks: Iterable[tuple[Any, ArrayLike]], tree: LabelTree) -> OperatingCurve:
    """Compute `operating_curve` of log-probabilities [n, L] and targets [n] that come in blocks of rows."""
    bits = np.log2(len(tree.leaves) / (tree.leaf_ranges[:, 1] - tree.leaf_ranges[:, 0]))
    # Of a node: specificity, depth, whether it is a leaf.
    of_node = np.stack([bits, tree.depth, tree.height == 0], axis=1).astype(np.float64)
    moments, changes = [], []
    start, count = np.zeros(4), 0
    for rows, true in _chunks(blocks, tree):
        count += len(true)
        path, z = (arrays.to_numpy(each) for each in way_up(rows))
        leaves = tree.leaf_paths[true]
        right = (path == leaves).astype(np.float64)
        # The values of each node of the path, and what changes from it to its parent; nothing along the repeated leaf.
        value = np.concatenate([right[..., None], of_node[path]], axis=2)
        start += value[:, -1].sum(0)
        moved = path[:, 1:] != path[:, :-1]
        moments.append(z[:, 1:][moved])
        changes.append((value[:, :-1] - value[:, 1:])[moved])
    return _summed(np.concatenate(moments), np.concatenate(changes), start, max(count, 1))


def _chunks(blocks: Iterable[tuple[Any, ArrayLike]], tree: LabelTree) -> Iterator[tuple[Rows, NDArray[np.int64]]]:
    for log_p, target in blocks:
        true = target_leaves(target, len(log_p), tree)
        for part, rows in chunks(log_p, tree):
            yield rows, true[part]


def _summed(moments: Floats, changes: Floats, start: Floats, count: int) -> OperatingCurve:
    """Sort the changes [K, 4] by their thresholds [K] and sum them from the start [4]."""
    order = np.argsort(moments, kind="stable")
    moments, sums = moments[order], changes[order].cumsum(0)
    last = np.append(np.flatnonzero(np.diff(moments)), len(moments) - 1) if len(moments) else np.empty(0, np.int64)
    points = np.concatenate([start[None], start + sums[last]]) / count
    # Sums of logarithms leave rounding errors at the root.
    correct, specificity, depth, leaves = np.where(np.abs(points) < 1e-12, 0.0, points).T
    return OperatingCurve(np.append(0.0, moments[last]), correct, specificity, depth, leaves)
