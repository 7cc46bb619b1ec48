"""The report of searches, the same for the command line and the page: a dict for JSON, tables for the user."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from hierapp.errors import HierappError
from hierapp.runs import Store
from hierapp.search import journal, trials
from hierapp.search.journal import Journal, Search
from hierapp.search.plan import METRICS, Metric
from hierapp.search.space import Value
from hierapp.search.trials import SearchState, Trial


@dataclass(frozen=True)
class Report:
    """The state of a search at one moment."""

    search: Search
    journal: Journal
    trials: list[Trial]
    state: SearchState
    best: Trial | None

    @classmethod
    def of(cls, search: Search) -> Report:
        """Read the current state of a search.

        Raises:
            StoreError: if it cannot be read.
        """
        read = search.read()
        found = trials.read(search, read)
        state = trials.state_of(search, found, read)
        return cls(search, read, found, state, trials.best(search, found))

    @property
    def metric(self) -> Metric:
        return METRICS[self.search.plan.metric]

    @property
    def is_going(self) -> bool:
        """Whether its state is about to change."""
        return self.state in ("running", "stopping")

    @property
    def counts(self) -> dict[str, int]:
        """The number of trials in each state that occurs."""
        states = [trial.state for trial in self.trials]
        return {state: states.count(state) for state in trials.STATES if state in states}

    def as_dict(self) -> dict[str, Any]:
        """Return the report as the command line prints it with --json."""
        plan = self.search.plan
        return {
            "name": plan.name,
            "state": self.state,
            "error": self.journal.error,
            "metric": plan.metric,
            "trials": plan.trials,
            "owner": plan.owner,
            "created": plan.created,
            "losses": list(plan.losses),
            "varied": list(plan.varied),
            "values": dict(plan.values),
            "best": None if self.best is None else self.best.number,
            "importances": self.journal.importances,
            "tried": [
                {
                    "trial": trial.number,
                    "state": trial.state,
                    "run": trial.run.id if trial.run else None,
                    "value": trial.value,
                    "epochs": len(trial.values),
                    "params": trial.params,
                    "error": trial.why,
                }
                for trial in self.trials
            ],
        }

    def table(self) -> pd.DataFrame:
        """Return one row per trial: run, state, value so far, and parameters; "" where a parameter does not apply."""
        columns = [dimension.title for dimension in self.search.plan.dimensions]
        rows = [
            {
                "trial": trial.number,
                "run": trial.run.id if trial.run else "",
                "state": trial.state,
                "epochs": len(trial.values),
                self.metric.title: trial.value,
                **{
                    dimension.title: text(trial.params[dimension.name]) if dimension.name in trial.params else ""
                    for dimension in self.search.plan.dimensions
                },
            }
            for trial in self.trials
        ]
        frame = pd.DataFrame(rows, columns=["trial", "run", "state", "epochs", self.metric.title, *columns])
        return frame.astype({self.metric.title: float})


def overview(store: Store) -> pd.DataFrame:
    """Return one row per search, the newest first; searches with a broken plan are left out."""
    rows = []
    for report in every(store):
        plan = report.search.plan
        rows.append(
            {
                "search": plan.name,
                "state": report.state,
                "trials": f"{sum(not trial.is_open for trial in report.trials)} of {plan.trials}",
                "data": plan.values["data"],
                "losses": ", ".join(plan.losses),
                "varies": "  ".join(plan.varied),
                "by": report.metric.title,
                "best": None if report.best is None else report.best.value,
            }
        )
    columns = ["search", "state", "trials", "data", "losses", "varies", "by", "best"]
    return pd.DataFrame(rows, columns=columns).astype({"best": float})


def every(store: Store) -> list[Report]:
    """Return the searches of a store, the newest first, without those with a broken plan."""
    found: list[Report] = []
    for name in journal.names(store):
        try:
            search = journal.find(store, name)
            _ = search.plan.dimensions
        except HierappError:  # from another version of hierapp: it varies something unknown here
            continue
        found.append(Report.of(search))
    return found


def text(value: Value) -> str:
    """Format a value.

    >>> text(0.00123), text(True), text("adam")
    ('0.00123', 'on', 'adam')
    """
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def best_so_far(report: Report) -> list[tuple[int, float]]:
    """Return the best value up to each finished trial: (trial, value) in order."""
    found: list[tuple[int, float]] = []
    better = max if report.metric.more_is_better else min
    for trial in finished(report.trials):
        value = trial.value or 0.0
        found.append((trial.number, better(value, found[-1][1]) if found else value))
    return found


def finished(tried: Sequence[Trial]) -> list[Trial]:
    """Return the trials whose value counts."""
    return [trial for trial in tried if trial.state == "finished" and trial.value is not None]
