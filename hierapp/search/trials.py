"""The status of a search's trials: the journal says what was tried, the runs contain the results.

It is read each time, from the metrics of the validation part only. A trial is one entry of the journal with one run, so
that no trial counts twice, even after a crash or a restart.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from hierapp.runs import Run
from hierapp.runs.states import OPEN_STATES
from hierapp.search.journal import Entry, Journal, Search
from hierapp.search.plan import METRICS
from hierapp.search.space import Value

State = Literal[
    "waiting",  # its run is queued, or will be in a moment
    "running",
    "finished",
    "pruned",  # stopped as unpromising
    "stopped",  # with the search, and resumed with it
    "cancelled",  # by a user
    "failed",
    "interrupted",  # its process is gone; resumed with the search
    "refused",  # its values are incompatible
    "gone",  # its run is no longer in the store
]
OPEN: tuple[State, ...] = ("waiting", "running")
STATES: tuple[State, ...] = get_args(State)

SearchState = Literal["running", "stopping", "stopped", "failed", "interrupted", "finished"]


@dataclass(frozen=True)
class Trial:
    """One configuration that was tried.

    Attributes:
        number: the index, from 0.
        params: its values by name.
        run: the current state of its run; None if there is none.
        values: the metric at each epoch so far, (epoch, value) in order.
        value: the value that counts so far; None if there is none yet.
    """

    number: int
    params: dict[str, Value]
    state: State
    run: Run | None = None
    values: tuple[tuple[int, float], ...] = ()
    value: float | None = None
    why: str | None = None

    @property
    def is_open(self) -> bool:
        return self.state in OPEN


def read(search: Search, journal: Journal | None = None) -> list[Trial]:
    """Return the current trials of a search, in order.

    Raises:
        StoreError: if the journal or the store cannot be read.
    """
    journal = journal or search.read()
    store, metric = search.store, search.plan.metric
    ids = [entry.run for entry in journal.entries if entry.run is not None]
    runs = {run.id: run for run in store.runs(ids, deleted=None)}  # a trial in the trash keeps its value
    recorded = store.metrics(ids, metric)
    found = []
    for number, entry in enumerate(journal.entries):
        run = runs.get(entry.run or "")
        run = run if run is not None and _is_of(entry, run) else None
        points = recorded.get(entry.run or "", {}).get(metric, [])
        values = tuple((int(epoch), value) for epoch, value in points if math.isfinite(value))
        why = entry.refused or (run.error if run else None)
        found.append(Trial(number, entry.params, _state(entry, run), run, values, _value(search, run, values), why))
    return found


def best(search: Search, trials: Sequence[Trial]) -> Trial | None:
    """Return the finished trial with the best value, the first one among equals; None if none is finished."""
    finished = [trial for trial in trials if trial.state == "finished" and trial.value is not None]
    sign = -1 if METRICS[search.plan.metric].more_is_better else 1
    return min(finished, key=lambda trial: sign * (trial.value or 0.0), default=None)


def state_of(search: Search, trials: Sequence[Trial], journal: Journal) -> SearchState:
    """Return the current state of the search."""
    if journal.stopping:
        return "stopping" if any(trial.is_open and trial.run for trial in trials) else "stopped"
    if is_over(search, trials):
        return "interrupted" if any(trial.state == "interrupted" for trial in trials) else "finished"
    if journal.error is not None:
        return "failed"  # even if its runner has not ended yet
    return "running" if search.is_at_work() else "interrupted"


def is_over(search: Search, trials: Sequence[Trial]) -> bool:
    """Return whether all requested trials have ended, so that a runner has nothing more to do."""
    return len(trials) >= search.plan.trials and not any(trial.is_open or trial.state == "stopped" for trial in trials)


def can_resume(state: SearchState) -> bool:
    """Return whether the search can be resumed."""
    return state in ("stopped", "failed", "interrupted")


def _is_of(entry: Entry, run: Run) -> bool:
    """Return whether a run has the trial's values: in a restored store, the id may belong to another run."""
    config = run.config
    return all(
        (config.options.get(name.rpartition(".")[2]) if "." in name else getattr(config, name, None)) == value
        for name, value in entry.params.items()
    )


def _state(entry: Entry, run: Run | None) -> State:
    if entry.refused is not None:
        return "refused"
    if run is None:
        return "waiting" if entry.run is None else "gone"
    if run.state in OPEN_STATES:
        return "waiting" if run.state == "queued" else "running"
    if run.state == "cancelled":
        if entry.pruned is not None and entry.pruned[0] == run.attempt:
            return "pruned"
        return "stopped" if entry.halted and run.deleted is None else "cancelled"
    if run.state == "interrupted" and run.deleted is not None:
        return "cancelled"  # only a restored run can be resumed
    return run.state  # type: ignore[return-value] # finished, failed, interrupted


def _value(search: Search, run: Run | None, values: Sequence[tuple[int, float]]) -> float | None:
    """Return the metric that counts: the best epoch's or, with select "last", the last epoch's."""
    if not values or run is None:
        return None
    numbers = [value for _, value in values]
    if run.config.select == "last":
        return numbers[-1]
    return max(numbers) if METRICS[search.plan.metric].more_is_better else min(numbers)
