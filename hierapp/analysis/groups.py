"""Finished runs by their group: everything that decides how they go, but for the seed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hierapp.analysis import summary
from hierapp.errors import ConfigError, some
from hierapp.losses.equivalence import same_loss
from hierapp.runs import Run

# The seed tells the replicates of a group apart; the device is where it ran.
NOT_IN_GROUP = ("seed", "device")


@dataclass(frozen=True)
class Group:
    """The runs of one group.

    Attributes:
        label: what tells it from the other groups.
        runs: for each seed its run, the newest where there are several: the same training again is no evidence.
        repeated: the older runs of those seeds.
    """

    label: str
    runs: dict[int, Run]
    repeated: tuple[Run, ...] = ()

    @property
    def run(self) -> Run:
        """Any of them, for what they have in common."""
        return next(iter(self.runs.values()))

    def values(self, metric: str) -> dict[int, float]:
        """For each seed a value of `Run.test`, as `hierapp.stats.compare` takes them.

        Raises:
            ConfigError: if a run has no such metric, or it is no single number.
        """
        return {seed: _value_of(run, metric) for seed, run in self.runs.items()}


def groups(runs: Sequence[Run]) -> list[Group]:
    """The finished ones of some runs by their group, groups and seeds in order; runs that are not finished are left
    out.

    Two groups differ in any field of their configuration but the seed and the device, or in their tree as it was
    when they were queued.
    """
    found: dict[str, list[Run]] = {}
    for run in runs:
        if run.state == "finished":
            found.setdefault(_key(run), []).append(run)
    # A run's number counts up; the newest of a seed is put in last.
    ordered = [sorted(alike, key=lambda run: int(run.id)) for alike in found.values()]
    labels = summary.labels([alike[0] for alike in ordered], but=NOT_IN_GROUP).values()
    made = []
    for alike, label in zip(ordered, labels, strict=True):
        newest = {run.config.seed: run for run in alike}
        chosen = {seed: newest[seed] for seed in sorted(newest)}
        made.append(Group(label, chosen, tuple(run for run in alike if newest[run.config.seed] is not run)))
    return made


def values(found: Sequence[Group], metric: str) -> dict[str, dict[int, float]]:
    """For each group's label its value for each seed, as `hierapp.stats.compare_all` takes them.

    Raises:
        ConfigError: if a run has no such metric, or it is no single number.
    """
    return {group.label: group.values(metric) for group in found}


def remark(first: Group, second: Group) -> str | None:
    """What theory says of two groups: one sentence where their losses, as different as they look, are the same."""
    one, other = first.run, second.run
    looks = (one.config.loss, one.config.options) == (other.config.loss, other.config.options)
    if one.config.data != other.config.data or (looks and one.tree == other.tree):
        return None
    return same_loss(one.config, other.config, one.tree, other.tree, (one.similarity, other.similarity))


def metrics(runs: Sequence[Run]) -> list[str]:
    """The metrics of the test part that all of some runs have and that are single numbers, in their order."""
    tests = [run.test or {} for run in runs]
    if not tests:
        return []
    return [name for name in tests[0] if all(_is_number(test.get(name)) for test in tests)]


def _key(run: Run) -> str:
    config = run.config.model_dump(exclude=set(NOT_IN_GROUP))
    return json.dumps([config, run.tree_text], sort_keys=True, default=str)


def _value_of(run: Run, metric: str) -> float:
    test: Mapping[str, Any] = run.test or {}
    if not _is_number(test.get(metric)):
        raise ConfigError(f"Run {run.id} has no metric {metric!r}; choose one of {some(metrics([run]), 8)}.")
    return float(test[metric])


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
