"""What came out of some runs, in a few plain sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from hierapp.analysis import groups as grouping
from hierapp.runs import Run, same_data
from hierapp.stats import seeds_to_reach

ACCURACY, DISTANCE = "accuracy", "mean_distance"
ALPHA = 0.05


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


@dataclass(frozen=True)
class Enough:
    """How many seeds a comparison needs before a test can show a difference at all.

    Attributes:
        seeds: the fewest with which every group of two or more can have p < 0.05 against a baseline, by Wilcoxon's test
            of seeds in pairs after Holm's correction.
        reason: one sentence that says so.
    """

    seeds: int
    reason: str


def enough_seeds(groups: int) -> Enough:
    """Return the seeds that a number of groups needs.

    >>> enough_seeds(2).seeds, enough_seeds(3).seeds, enough_seeds(10).seeds
    (6, 7, 9)
    """
    comparisons = max(groups - 1, 1)
    seeds = seeds_to_reach(ALPHA / comparisons, paired=True)
    family = "" if comparisons == 1 else f" after Holm's correction over {comparisons} comparisons with a baseline"
    return Enough(
        seeds, f"With fewer than {seeds} seeds the test of seeds in pairs cannot reach p < {ALPHA:g}{family}."
    )


def _means(found: Sequence[grouping.Group], metric: str) -> dict[str, float]:
    return {label: sum(each.values()) / len(each) for label, each in grouping.values(found, metric).items()}


def _named(means: Mapping[str, float], value: float) -> str:
    return " and ".join(label for label, mean in means.items() if mean == value)
