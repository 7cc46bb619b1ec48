"""Finished runs by group: a group has all runs whose configurations differ only in seed and device."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hierapp.analysis import summary
from hierapp.errors import ConfigError, some
from hierapp.losses.equivalence import same_loss
from hierapp.runs import Run, same_data

# The seed distinguishes the replicates of a group; the device is where a run was computed.
NOT_IN_GROUP = ("seed", "device")


@dataclass(frozen=True)
class Group:
    """The runs of one group.

    Attributes:
        label: text that distinguishes it from the other groups.
        runs: for each seed its newest run; repeating the same training adds no evidence.
        repeated: the older runs of those seeds.
    """

    label: str
    runs: dict[int, Run]
    repeated: tuple[Run, ...] = ()

    @property
    def run(self) -> Run:
        """Any of the runs, for what they have in common."""
        return next(iter(self.runs.values()))

    def values(self, metric: str) -> dict[int, float]:
        """Return for each seed a value of `Run.test`, in the form that `hierapp.stats.compare` accepts.

        Raises:
            ConfigError: if a run does not have the metric, or it is not a single number.
        """
        return {seed: _value_of(run, metric) for seed, run in self.runs.items()}


def groups(runs: Sequence[Run]) -> list[Group]:
    """Return the finished runs by group, with groups and seeds in order; other runs are left out.

    Two groups differ in a field of their configuration other than seed and device, or in the content of their tree,
    similarity or data set when they were queued.
    """
    found: dict[tuple[str, str, str | None], list[Run]] = {}
    for run in runs:
        if run.state == "finished":
            found.setdefault(configuration(run), []).append(run)
    # Run numbers increase, so the newest run of a seed is added last.
    same = [alike for each in found.values() for alike in same_data.by_content(each)]
    ordered = [sorted(alike, key=lambda run: int(run.id)) for alike in same]
    labels = summary.labels([alike[0] for alike in ordered], but=NOT_IN_GROUP).values()
    made = []
    for alike, label in zip(ordered, labels, strict=True):
        newest = {run.config.seed: run for run in alike}
        chosen = {seed: newest[seed] for seed in sorted(newest)}
        made.append(Group(label, chosen, tuple(run for run in alike if newest[run.config.seed] is not run)))
    return made


def values(found: Sequence[Group], metric: str) -> dict[str, dict[int, float]]:
    """Return for each group's label its value for each seed, in the form that `hierapp.stats.compare_all` accepts.

    Raises:
        ConfigError: if a run does not have the metric, or it is not a single number.
    """
    return {group.label: group.values(metric) for group in found}


def remark(first: Group, second: Group) -> str | None:
    """Return one sentence if the losses of two groups are the same in theory, although they look different."""
    one, other = first.run, second.run
    if one.is_imported or other.is_imported:
        return None
    looks = (one.config.loss, one.config.options) == (other.config.loss, other.config.options)
    if one.config.data != other.config.data or one.content.differ(other.content) or (looks and one.tree == other.tree):
        return None
    return same_loss(one.config, other.config, one.tree, other.tree, (one.similarity, other.similarity))


def metrics(runs: Sequence[Run]) -> list[str]:
    """Return the metrics of the test part that all runs have and that are single numbers, in their order."""
    tests = [run.test or {} for run in runs]
    if not tests:
        return []
    return [name for name in tests[0] if all(_is_number(test.get(name)) for test in tests)]


def configuration(run: Run) -> tuple[str, str, str | None]:
    """Return what runs of one group share, apart from the content of their data."""
    config = run.config.model_dump(exclude=set(NOT_IN_GROUP))
    return json.dumps(config, sort_keys=True, default=str), run.tree_text, run.similarity_text


def _value_of(run: Run, metric: str) -> float:
    test: Mapping[str, Any] = run.test or {}
    if not _is_number(test.get(metric)):
        raise ConfigError(f"Run {run.id} has no metric {metric!r}; choose one of {some(metrics([run]), 8)}.")
    return float(test[metric])


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
