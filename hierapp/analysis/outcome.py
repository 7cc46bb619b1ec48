"""What came out of some runs, in a few plain sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from hierapp.analysis import groups as grouping
from hierapp.runs import Run, same_data

ACCURACY, DISTANCE = "accuracy", "mean_distance"


@dataclass(frozen=True)
class Outcome:
    """The result of runs that differ in the group only.

    Attributes:
        sentence: which group is right most often, and which has the smallest mean distance, on the test part.
        caution: what the runs do not show.
        groups: the groups that are compared.
    """

    sentence: str
    caution: str
    groups: tuple[grouping.Group, ...]

    @property
    def seeds(self) -> int:
        """How many seeds each group has, at least."""
        return min(len(group.runs) for group in self.groups)


def outcome(runs: Sequence[Run]) -> Outcome | None:
    """Return what came out of finished runs; None if they are not over, or cannot be compared.

    Comparable are two or more groups with the same data set and tree, whose runs have metrics of the test part.
    """
    if not runs or any(run.state != "finished" for run in runs):
        return None
    found = grouping.groups(runs)
    if len(found) < 2 or len({run.tree_text for run in runs}) > 1 or len(same_data.by_content(runs)) > 1:
        return None
    if len({run.config.data for run in runs}) > 1 or not {ACCURACY, DISTANCE} <= set(grouping.metrics(runs)):
        return None
    accuracy, distance = _means(found, ACCURACY), _means(found, DISTANCE)
    highest, smallest = max(accuracy.values()), min(distance.values())
    sentence = (
        f"On the test part the highest accuracy, {highest:.1%}, is that of {_named(accuracy, highest)}, and the"
        f" smallest mean distance to the true class, {smallest:.3f}, that of {_named(distance, smallest)}"
    )
    plain = "cross-entropy"
    sentence += f"; {plain} has {accuracy[plain]:.1%} and {distance[plain]:.3f}." if plain in accuracy else "."
    made = Outcome(sentence, "", tuple(found))
    caution = (
        "One seed shows no difference between losses: with another one the order may be reversed."
        if made.seeds == 1
        else f"Means over at least {made.seeds} seeds; the Compare page tests whether the differences may be chance."
    )
    return replace(made, caution=caution)


def _means(found: Sequence[grouping.Group], metric: str) -> dict[str, float]:
    return {label: sum(each.values()) / len(each) for label, each in grouping.values(found, metric).items()}


def _named(means: Mapping[str, float], value: float) -> str:
    return " and ".join(label for label, mean in means.items() if mean == value)
