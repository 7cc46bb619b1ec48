"""The results of finished runs for a figure, as plain numbers: the input of the rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hierapp import metrics
from hierapp.reproduction.presets import Figure
from hierapp.reproduction.timing import Timing
from hierapp.runs import Run, Store
from hierapp.training import predictions
from hierapp.trees import LabelTree

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class ClassCurves:
    """The accuracy of each class after each epoch, [epochs, L] in the tree's leaf order, plain and weighted."""

    plain: NDArray[np.float64]
    weighted: NDArray[np.float64]


@dataclass(frozen=True)
class Evidence:
    """The results of a figure's runs, by group name and then by seed.

    Attributes:
        tree: the data set's own tree.
        test: the metrics on the test part.
        accuracy: the validation accuracy after each epoch.
        seconds: the training time of a run.
        confusion: counts [L, L] on the test part.
        classes: the accuracy curves of the classes, on the validation part.
        right: bool [n], True for each test image that is classified correctly.
        timing: the measurement of appendix A.
    """

    tree: LabelTree
    test: Mapping[str, Mapping[int, Mapping[str, Any]]] = field(default_factory=dict)
    accuracy: Mapping[str, Mapping[int, tuple[float, ...]]] = field(default_factory=dict)
    seconds: Mapping[str, Mapping[int, float]] = field(default_factory=dict)
    confusion: Mapping[str, Mapping[int, Counts]] = field(default_factory=dict)
    classes: Mapping[str, Mapping[int, ClassCurves]] = field(default_factory=dict)
    right: Mapping[str, Mapping[int, NDArray[np.bool_]]] = field(default_factory=dict)
    timing: Timing | None = None

    def values(self, group: str, metric: str = "accuracy") -> dict[int, float]:
        """Return a metric of the test part for each seed."""
        return {seed: float(test[metric]) for seed, test in self.test.get(group, {}).items()}


def gather(
    store: Store,
    figure: Figure,
    found: Mapping[str, Mapping[int, Run]],
    tree: LabelTree,
    timing: Timing | None = None,
) -> Evidence:
    """Read the results that a figure needs from its finished runs, by group and seed.

    Raises:
        StoreError: if a run's stored outputs cannot be read.
    """
    asked = {group.name: found.get(group.name, {}) for group in figure.groups}
    points = store.metrics([run.id for runs in asked.values() for run in runs.values()])
    mine = {  # without runs that were trained in another way and have no metrics
        name: {
            seed: run
            for seed, run in runs.items()
            if "accuracy" in (run.test or {}) and points[run.id].get("val_accuracy")
        }
        for name, runs in asked.items()
    }
    accuracy = {
        name: {seed: tuple(value for _, value in points[run.id]["val_accuracy"]) for seed, run in runs.items()}
        for name, runs in mine.items()
    }
    seconds = {
        name: {seed: sum(value for _, value in points[run.id].get("epoch_seconds", [])) for seed, run in runs.items()}
        for name, runs in mine.items()
    }
    return Evidence(
        tree,
        {name: {seed: run.test or {} for seed, run in runs.items()} for name, runs in mine.items()},
        accuracy,
        seconds,
        confusion=_each(mine, lambda run: _confusion(store, run)) if "confusion" in figure.needs else {},
        classes=_each(mine, lambda run: _class_curves(store, run)) if "classes" in figure.needs else {},
        right=_each(mine, _right) if "outputs" in figure.needs else {},
        timing=timing if "timing" in figure.needs else None,
    )


def _each(runs: Mapping[str, Mapping[int, Run]], read: Any) -> dict[str, dict[int, Any]]:
    """Return the result of `read` for each run, without runs for which it is None."""
    return {
        name: {seed: what for seed, run in of_seed.items() if (what := read(run)) is not None}
        for name, of_seed in runs.items()
    }


def _confusion(store: Store, run: Run) -> Counts | None:
    found = store.confusion(run.id, "test")
    return None if found is None else found.toarray()


def _class_curves(store: Store, run: Run) -> ClassCurves | None:
    counts = [store.confusion(run.id, "validation", epoch) for epoch in range(1, run.epoch + 1)]
    reports = [metrics.report(each, run.tree) for each in counts if each is not None]
    if len(reports) != run.epoch:
        return None
    return ClassCurves(*(np.array([each[key] for each in reports]) for key in ("recall", "weighted_recall")))


def _right(run: Run) -> NDArray[np.bool_] | None:
    said = predictions.read(run.folder)
    return None if said is None else said.predicted == said.target
