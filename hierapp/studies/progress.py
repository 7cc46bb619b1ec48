"""The runs of a study in a store: which are there, what was chosen, and what can be queued next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Literal

from hierapp.execution import planned
from hierapp.execution.planned import RunQueue
from hierapp.runs import Run, Store
from hierapp.runs.states import State
from hierapp.studies.planning import StudyRun, candidates, test_runs, tuning_runs
from hierapp.studies.spec import Study

Stage = Literal["tuning", "training", "complete"]
Found = tuple[tuple[StudyRun, Run | None], ...]


@dataclass(frozen=True)
class StudyProgress:
    """The runs of a study, each with its match in the store.

    Attributes:
        study: the study.
        tuning: the tuning runs.
        chosen: for each group whose tuning runs have ended the values with the best mean validation accuracy.
        tests: the test runs; empty until the values of all groups are chosen.
    """

    study: Study
    tuning: Found
    chosen: Mapping[str, Mapping[str, Any]]
    tests: Found

    @property
    def stage(self) -> Stage:
        """What is missing: tuning runs, test runs, or nothing."""
        if len(self.chosen) < len(self.study.groups):
            return "tuning"
        return "complete" if all(_has_ended(run) for _, run in self.tests) else "training"

    @property
    def current(self) -> Found:
        """The runs of the current stage."""
        return self.tuning if self.stage == "tuning" else self.tests

    @property
    def states(self) -> Counter[State]:
        """The number of runs of the current stage in each state."""
        return Counter(run.state for _, run in self.current if run is not None)

    @property
    def is_open(self) -> bool:
        """Whether a run is waiting or running."""
        return any(run is not None and run.is_open for _, run in (*self.tuning, *self.tests))

    def lacking(self, retry_failed: bool = False) -> list[StudyRun]:
        """Return the runs of the current stage that are neither finished nor open, nor failed if not asked for."""
        return [
            wanted
            for wanted, run in self.current
            if run is None or (run.can_resume and (retry_failed or run.state != "failed"))
        ]


def tag_of(study: Study) -> str:
    """Return the tag of a study's runs."""
    return f"study:{study.name}"[:40]


def progress(store: Store, study: Study) -> StudyProgress:
    """Return the runs of a study in a store; errors as `planning.tuning_runs`."""
    runs, wanted = store.runs(), tuning_runs(study)
    tuning = tuple(zip(wanted, planned.matches(runs, wanted), strict=True))
    chosen = choose(store, study, tuning)
    tests = test_runs(study, chosen) if len(chosen) == len(study.groups) else []
    return StudyProgress(study, tuning, chosen, tuple(zip(tests, planned.matches(runs, tests), strict=True)))


def choose(store: Store, study: Study, tuning: Found) -> dict[str, Mapping[str, Any]]:
    """Return the values of each group whose tuning runs have all ended; all groups at once if nothing is tuned.

    The best are those with the highest mean over the tuning seeds of the best validation accuracy; of equal ones the
    first. A failed run, such as one that diverged, counts as 0.
    """
    if not study.tuning:
        return {group.name: {} for group in study.groups}
    by_group: dict[str, list[tuple[StudyRun, Run | None]]] = {group.name: [] for group in study.groups}
    for wanted, run in tuning:
        by_group[wanted.group.name].append((wanted, run))
    ended = {name: pairs for name, pairs in by_group.items() if all(_has_ended(run) for _, run in pairs)}
    curves = store.metrics([run.id for pairs in ended.values() for _, run in pairs if run is not None])
    chosen: dict[str, Mapping[str, Any]] = {}
    for name, pairs in ended.items():
        means = [
            fmean(_best(run, curves) for wanted, run in pairs if wanted.values == values)
            for values in candidates(study)
        ]
        chosen[name] = candidates(study)[means.index(max(means))]
    return chosen


def advance(
    store: Store, study: Study, run_queue: RunQueue | None = None, retry_failed: bool = False
) -> tuple[StudyProgress, list[str]]:
    """Queue what the current stage lacks; return the progress before, and the ids of the runs queued or resumed.

    Raises:
        HierappError: as `planning.tuning_runs` and `execution.planned.queue`.
    """
    found = progress(store, study)
    lacking = found.lacking(retry_failed)
    return found, planned.queue(store, lacking, tag_of(study), run_queue) if lacking else []


def _has_ended(run: Run | None) -> bool:
    return run is not None and run.state in ("finished", "failed")


def _best(run: Run | None, curves: Mapping[str, Mapping[str, Sequence[tuple[float, float]]]]) -> float:
    if run is None or run.state == "failed":
        return 0.0
    return max((value for _, value in curves[run.id].get("val_accuracy", ())), default=0.0)
