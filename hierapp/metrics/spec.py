"""What a metric says of itself: name, title, unit, format, and whether higher is better."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from numpy.typing import ArrayLike

from hierapp.trees import DistanceKind, LabelTree

# "share" of samples, from 0 to 1; "distance" in edges or levels, by the kind; "nats" and "bits" of information; "depth"
# with 1 at the root; "label": the numbers that classes are named after, such as years; "" for plain scores.
Unit = Literal["share", "distance", "nats", "bits", "depth", "label", ""]


@dataclass(frozen=True)
class MetricSpec:
    """One metric of a test part.

    Attributes:
        name: its key in the dict of metrics.
        title: its name in tables and plots.
        unit: what its numbers count.
        higher_is_better: whether higher values are better; None if neither is.
        format: format specification of its values.
        per: "level" or "class" if its value is a list, with one number for each level below the root or each class.
        maps: whether only runs on images with label maps have it.
    """

    name: str
    title: str
    unit: Unit
    higher_is_better: bool | None
    format: str = ".4f"
    per: Literal["", "level", "class"] = ""
    maps: bool = False

    def text(self, value: float) -> str:
        """Return a value as shown in tables.

        >>> MetricSpec("accuracy", "accuracy", "share", True).text(0.71236)
        '0.7124'
        """
        return format(value, self.format)


@dataclass(frozen=True, eq=False)
class Evaluated:
    """What the measures of the folder `measures` are computed from.

    Attributes:
        log_probs: [n, L] log-probabilities in the order of `tree.leaves`, array or tensor.
        target: [n], positions in `tree.leaves`.
        tree: the label tree.
        distance: the distance between leaves.
    """

    log_probs: Any
    target: ArrayLike
    tree: LabelTree
    distance: DistanceKind
