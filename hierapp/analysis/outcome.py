"""What came out of some runs, in a few plain sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hierapp.analysis import groups as grouping
from hierapp.runs import Run, same_data

ACCURACY, DISTANCE = "accuracy", "mean_distance"


@dataclass(frozen=True)
class Outcome:
    """The result of runs that differ in the group only.

    Attributes:
        sentence: which group is right most often, and which has the smallest mean distance, on the test images.
        caution: what the runs do not show.
        seeds: how many seeds each group has, at least.
    """

    sentence: str
    caution: str
    seeds: int


def outcome(runs: Sequence[Run]) -> Outcome | None:
    """Return what came out of finished runs; None if they are not over, or cannot be compared.

    Comparable are two or more groups with the same data set and tree, whose runs have metrics of the test images.
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
    best, nearest = _named(accuracy, highest), _named(distance, smallest)
    sentence = (
        f"On the test images {best} has the highest accuracy, {highest:.1%}, and"
        f" {'also' if nearest == best else nearest} the smallest mean distance to the true class, {smallest:.3f}"
    )
    plain = "cross-entropy"
    sentence += f"; {plain} has {accuracy[plain]:.1%} and {distance[plain]:.3f}." if plain in accuracy else "."
    seeds = min(len(group.runs) for group in found)
    caution = (
        "One seed shows no difference between losses: with another one the order may be reversed."
        if seeds == 1
        else f"Means over at least {seeds} seeds; the Compare page tests whether the differences may be chance."
    )
    return Outcome(sentence, caution, seeds)


def _means(found: Sequence[grouping.Group], metric: str) -> dict[str, float]:
    return {label: sum(each.values()) / len(each) for label, each in grouping.values(found, metric).items()}


def _named(means: Mapping[str, float], value: float) -> str:
    return " and ".join(label for label, mean in means.items() if mean == value)
