"""Computations of the Compare page: which groups are comparable, their metrics over seeds, curves and mistakes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hierapp.analysis import groups as grouping, summary
from hierapp.analysis.groups import Group
from hierapp.errors import ConfigError, some
from hierapp.metrics import METRICS
from hierapp.runs import Run, same_data
from hierapp.runs.records import Points
from hierapp.stats import Sample
from hierapp.trees import LabelTree

# Metrics of the test part that are one number, with their titles.
TITLES = {spec.name: spec.title for spec in METRICS.values() if not spec.per}
# Values of the test part that do not measure the quality of a run.
NOT_COMPARED = ("samples", "epoch", "epochs", "random_mistake_distance")
EVERY_TREE = "every tree"
SHOWN = 8  # groups shown at first: more groups than colors are hard to distinguish


@dataclass(frozen=True)
class Field:
    """Finished runs on one data set, of one content.

    Attributes:
        data: name of the data set.
        trees: for each tree's name the runs on it, the tree with the newest run first.
    """

    data: str
    trees: dict[str, tuple[Run, ...]]

    def under(self, tree: str) -> list[Run]:
        """Return the runs on a tree, or on every tree."""
        found = [run for name, runs in self.trees.items() for run in runs if tree in (name, EVERY_TREE)]
        return sorted(found, key=lambda run: int(run.id))


@dataclass(frozen=True)
class Band:
    """A metric of one group over the epochs: mean over the seeds, and the deviation (NaN for a single seed)."""

    epochs: list[float]
    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    n: int


def fields(runs: Sequence[Run]) -> dict[str, Field]:
    """Return the finished runs by data set and tree, those with the newest run first.

    Different trees with the same name, and data sets with the same name and different content, are distinguished by
    their first run.
    """
    by_name: dict[str, list[Run]] = {}
    for run in sorted((run for run in runs if run.state == "finished"), key=lambda run: -int(run.id)):
        by_name.setdefault(run.config.data, []).append(run)
    found = [Field(data, _by_tree(alike)) for data, each in by_name.items() for alike in same_data.by_content(each)]
    found.sort(key=lambda each: -int(each.under(EVERY_TREE)[-1].id))
    return dict(zip(_distinct([(each.data, each.under(EVERY_TREE)[0]) for each in found]), found, strict=True))


def _by_tree(runs: Sequence[Run]) -> dict[str, tuple[Run, ...]]:
    """Return the runs, newest first, by their trees' names."""
    texts: dict[str, list[Run]] = {}
    for run in runs:
        texts.setdefault(run.tree_text, []).append(run)
    names = _distinct([(alike[-1].config.tree, alike[-1]) for alike in texts.values()])
    return {name: tuple(alike) for name, alike in zip(names, texts.values(), strict=True)}


def _distinct(named: Sequence[tuple[str, Run]]) -> list[str]:
    """Return the names, with the number of the run where names are equal."""
    names = [name for name, _ in named]
    return [f"{name} (run {run.id})" if names.count(name) > 1 else name for name, run in named]


def usual_tree(field: Field) -> str:
    """Return the tree with the newest run among those with two or more groups; else the tree with the newest run."""
    for name, runs in field.trees.items():
        if len({(run.config.loss, str(run.config.options)) for run in runs}) > 1:
            return name
    return next(iter(field.trees))


def key(group: Group) -> str:
    """Return a stable name of a group, for addresses: its first run."""
    return min((run.id for run in (*group.runs.values(), *group.repeated)), key=int)


@dataclass(frozen=True)
class Place:
    """Where the Compare page shows some runs: the names of data set and tree, and the keys of the groups."""

    data: str
    tree: str
    groups: tuple[str, ...]


def place_of(finished: Sequence[Run], chosen: Collection[str]) -> Place:
    """Return where the groups of the chosen runs are compared.

    Args:
        finished: all finished runs.
        chosen: the ids of the chosen ones.

    Raises:
        ConfigError: if none of them has finished, or they have several data sets.
    """
    found = {name: field for name, field in fields(finished).items() if chosen_in(field.under(EVERY_TREE), chosen)}
    if not found:
        raise ConfigError("None of these runs has finished; wait for the end of one, or choose finished runs.")
    if len(found) > 1:
        raise ConfigError(f"These runs have different data ({some(list(found), 4)}); choose runs with the same data.")
    ((data, field),) = found.items()
    trees = [name for name, runs in field.trees.items() if chosen_in(runs, chosen)]
    tree = trees[0] if len(trees) == 1 else EVERY_TREE
    groups = grouping.groups(field.under(tree))
    keys = [key(group) for group in groups if chosen_in([*group.runs.values(), *group.repeated], chosen)]
    return Place(data, tree, tuple(keys))


def chosen_in(runs: Iterable[Run], chosen: Collection[str]) -> list[Run]:
    """Return the runs whose ids are chosen."""
    return [run for run in runs if run.id in chosen]


def comparable(groups: Sequence[Group]) -> list[Group]:
    """Return the newest of the groups that differ from that of the newest run only in loss and tree, in order.

    Imported predictions, whose training is unknown, are among them. If there are not at least two such groups, the
    newest of all groups are returned.
    """
    if not groups:
        return []
    trained = [group for group in groups if not group.run.is_imported] or list(groups)
    recipe = _recipe(max(trained, key=_newest).run)
    alike = [group for group in groups if group.run.is_imported or _recipe(group.run) == recipe]
    some = alike if len(alike) > 1 else list(groups)
    newest = sorted(some, key=_newest)[-SHOWN:]
    return [group for group in groups if group in newest]


def _newest(group: Group) -> int:
    return max(int(run.id) for run in group.runs.values())


def _recipe(run: Run) -> str:
    """Return all that determines a run except loss, tree and seed."""
    return str(run.config.model_dump(exclude={"loss", "options", "tree", *grouping.NOT_IN_GROUP}))


def metric_names(groups: Sequence[Group]) -> list[str]:
    """Return the metrics that all runs of the groups have: the known ones first, then the others."""
    found = grouping.metrics([run for group in groups for run in group.runs.values()])
    known = [name for name in TITLES if name in found]
    return known + [name for name in found if name not in TITLES and name not in NOT_COMPARED]


def title(metric: str) -> str:
    """Return a metric's name in words."""
    return TITLES.get(metric, metric.replace("_", " "))


def is_share(metric: str) -> bool:
    """Return whether a metric is a share of images, which is shown in percent."""
    return "accuracy" in metric or "recall" in metric


def largest_difference(metric: str) -> float | None:
    """Return the largest possible difference between two values of a metric; None if there is no limit."""
    return 1.0 if is_share(metric) else None


def samples(group: Group, metrics: Sequence[str]) -> dict[str, Sample | None]:
    """Return each metric over the seeds of a group; None if a run does not have it."""
    found: dict[str, Sample | None] = {}
    for name in metrics:
        values = [(run.test or {}).get(name) for run in group.runs.values()]
        known = [float(value) for value in values if isinstance(value, int | float) and np.isfinite(value)]
        found[name] = Sample.of(known) if len(known) == len(values) else None
    return found


def table(groups: Sequence[Group], metrics: Sequence[str] = tuple(TITLES)) -> pd.DataFrame:
    """Return one row per group: n, and each metric's mean and deviation ("0.6990 ± 0.0041").

    Metrics that no group has are left out.
    """
    rows = []
    for group in groups:
        said = {title(name): words(sample) for name, sample in samples(group, metrics).items()}
        rows.append({"group": group.label, "n": len(group.runs), **said})
    columns = ["group", "n", *(title(name) for name in metrics)]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.drop(columns=[name for name in columns[2:] if frame[name].isna().all()])


def short_table(groups: Sequence[Group], metric: str = "accuracy") -> pd.DataFrame:
    """Return the table with the metrics that fit on a page: those of the table of runs and the chosen one."""
    runs = [run for group in groups for run in group.runs.values()]
    return table(groups, tuple(dict.fromkeys((*summary.test_metrics(runs).values(), "mean_iou", metric))))


def words(sample: Sample | None) -> str | None:
    """Format mean and deviation; for a single value only the value."""
    if sample is None:
        return None
    return f"{sample.mean:.4f}" if sample.deviation is None else f"{sample.mean:.4f} ± {sample.deviation:.4f}"


def smoothed(values: Sequence[float], weight: float) -> list[float]:
    """Compute the running mean in which earlier values have weight `weight` (0 to below 1), without bias at the start.

    Gaps (NaN) stay.

    >>> smoothed([1.0, 2.0, 2.0], 0.5)
    [1.0, 1.6666666666666667, 1.8571428571428572]
    """
    if not weight:
        return list(values)
    total, of, found = 0.0, 0.0, []
    for value in values:
        if not np.isfinite(value):
            found.append(value)
            continue
        total, of = weight * total + value, weight * of + 1
        found.append(total / of)
    return found


def bands(
    groups: Sequence[Group], recorded: Mapping[str, Points], metric: str, smoothing: float = 0.0
) -> dict[str, Band]:
    """Return the curve over the epochs for each group's label, with each run smoothed separately.

    Groups without the metric are left out. `recorded` is the result of `Store.metrics`.
    """
    found = {}
    for group in groups:
        lines = [recorded.get(run.id, {}).get(metric, []) for run in group.runs.values()]
        lines = [line for line in lines if line]
        if not lines:
            continue
        epochs = sorted({round(epoch, 6) for line in lines for epoch, _ in line})
        place = {epoch: column for column, epoch in enumerate(epochs)}
        values = np.full((len(lines), len(epochs)), np.nan)
        for row, line in enumerate(lines):
            columns = [place[round(epoch, 6)] for epoch, _ in line]
            values[row, columns] = smoothed([value for _, value in line], smoothing)
        known = (~np.isnan(values)).sum(0)
        mean = np.nansum(values, 0) / np.where(known, known, np.nan)
        squares = np.nansum((values - mean) ** 2, 0)
        deviation = np.sqrt(squares / np.where(known > 1, known - 1, np.nan))
        found[group.label] = Band(epochs, mean, deviation, len(lines))
    return found


def points(groups: Sequence[Group], across: str, up: str) -> dict[str, list[tuple[str, float, float]]]:
    """Return for each group its runs as (id, metric across, metric up), if they have both."""
    return {
        group.label: [
            (run.id, float(test[across]), float(test[up]))
            for run in group.runs.values()
            if (test := run.test or {}) and test.get(across) is not None and test.get(up) is not None
        ]
        for group in groups
    }


def class_means(groups: Sequence[Group], metric: str) -> dict[str, list[float]]:
    """Return for each group a metric of each class, as the mean over the seeds.

    Groups with a run that does not have the metric are left out.
    """
    lists: dict[str, list[Any]] = {
        group.label: [(run.test or {}).get(metric) for run in group.runs.values()] for group in groups
    }
    return {label: np.mean(rows, axis=0).tolist() for label, rows in lists.items() if all(rows)}


def height_shares(groups: Sequence[Group]) -> dict[str, list[float]]:
    """Return for each group the shares of its mistakes over all seeds by the height of the lowest common ancestor.

    The first share is for height 1.
    """
    found: dict[str, list[float]] = {}
    for group in groups:
        rows: list[Any] = [(run.test or {}).get("mistakes_by_height") for run in group.runs.values()]
        if all(rows) and np.sum(rows):
            found[group.label] = (np.sum(rows, axis=0) / np.sum(rows)).tolist()
    return found


def random_heights(tree: LabelTree) -> list[float]:
    """Return `height_shares` of uniformly random mistakes: the shares of the pairs of different leaves.

    >>> tree = LabelTree(["root", "animal", "cat", "dog", "truck"], [-1, 0, 1, 1, 0])
    >>> [round(share, 4) for share in random_heights(tree)]  # cat-dog of three pairs, the other two at the root
    [0.3333, 0.6667]
    """
    size = tree.leaf_ranges[:, 1] - tree.leaf_ranges[:, 0]
    pairs = size**2
    np.subtract.at(pairs, tree.parents[1:], size[1:] ** 2)  # pairs that meet further down
    pairs[tree.leaf_nodes] = 0
    by_height = np.bincount(tree.height, pairs, minlength=int(tree.height[0]) + 1)[1:]
    shares: list[float] = (by_height / max(by_height.sum(), 1)).tolist()
    return shares
