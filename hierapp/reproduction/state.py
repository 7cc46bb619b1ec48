"""The status of a size's figures in a store: their runs, and the results that can be judged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from hierapp.data import registry as datasets
from hierapp.reproduction import evidence, judge, queueing, timing
from hierapp.reproduction.figures import FIGURES
from hierapp.reproduction.planning import DATA, Planned, plan
from hierapp.reproduction.presets import Figure, Size
from hierapp.reproduction.results import PaperResults, Result
from hierapp.runs import Run, Store
from hierapp.runs.states import State
from hierapp.runs.weights_header import conditions
from hierapp.trees import library as tree_library


@dataclass(frozen=True)
class FigureStatus:
    """A figure's runs (None for missing ones) and what is needed for its result.

    Attributes:
        figure: the figure.
        planned: the runs it asks for.
        runs: for each planned run, the run in the store.
        timed: whether the timings it needs are measured; True if it needs none.
    """

    figure: Figure
    planned: tuple[Planned, ...]
    runs: tuple[Run | None, ...]
    timed: bool

    @property
    def states(self) -> Counter[State]:
        """The number of runs in each state."""
        return Counter(run.state for run in self.runs if run is not None)

    @property
    def is_complete(self) -> bool:
        """Whether everything the figure asks for is there."""
        return self.timed and all(run is not None and run.state == "finished" for run in self.runs)

    @property
    def is_open(self) -> bool:
        """Whether one of its runs is waiting or running."""
        return any(run is not None and run.is_open for run in self.runs)

    @property
    def lacking(self) -> list[Planned]:
        """The planned runs that are neither finished nor open."""
        pairs = zip(self.planned, self.runs, strict=True)
        return [planned for planned, run in pairs if run is None or run.can_resume]

    @property
    def key(self) -> tuple[object, ...]:
        """A key of everything that the result depends on."""
        ended = tuple(run.id for run in self.runs if run is not None and run.state == "finished")
        return (self.figure.id, ended, self.timed)


def statuses(store: Store, figures: Sequence[Figure], size: Size, data: str = DATA) -> list[FigureStatus]:
    """Return the status of each of these figures."""
    every = plan(figures, size, data)
    found = dict(zip([_key(each) for each in every], queueing.matches(store.runs(), every), strict=True))
    made = []
    for figure in figures:
        planned = tuple(plan([figure], size, data))
        timed = "timing" not in figure.needs or timing.kept(size.name, data) is not None
        made.append(FigureStatus(figure, planned, tuple(found[_key(each)] for each in planned), timed))
    return made


def result(store: Store, status: FigureStatus, size: Size, data: str = DATA) -> Result | None:
    """Return the result of a figure's finished runs; None while a group has none.

    Raises:
        StoreError: if the stored outputs of the runs cannot be read.
    """
    by_group = queueing.by_group(zip(status.planned, status.runs, strict=True))
    tree = tree_library.load(datasets.find(data).default_tree)
    measured = timing.kept(size.name, data) if "timing" in status.figure.needs else None
    seen = evidence.gather(store, status.figure, by_group, tree, measured)
    return None if judge.missing(status.figure, seen) else judge.judge(status.figure, seen)


def outcome(
    store: Store, size: Size, data: str, command: str, took_seconds: float | None = None
) -> PaperResults | None:
    """Return the results of all figures that can be judged, for a file; None if there are none."""
    found = statuses(store, FIGURES, size, data)
    made = {each.figure.id: one for each in found if (one := result(store, each, size, data)) is not None}
    if not made:
        return None
    shown = [each for each in found if each.figure.id in made]
    runs = {run.id: run for each in shown for run in each.runs if run is not None and run.state == "finished"}
    return PaperResults(
        size=size.name,
        data=data,
        made=f"{datetime.now(UTC):%Y-%m-%d}",
        command=command,
        environment=_environment(list(runs.values())),
        seeds=sorted({run.config.seed for run in runs.values()}),
        epochs=max((run.config.epochs for run in runs.values()), default=0),
        runs=len(runs),
        training_seconds=round(sum((run.ended or 0) - (run.started or 0) for run in runs.values()), 1),
        took_seconds=None if took_seconds is None else round(took_seconds, 1),
        results=made,
    )


def _key(planned: Planned) -> tuple[str, int]:
    return planned.group.name, planned.config.seed


def _environment(runs: Sequence[Run]) -> dict[str, str]:
    """Return what the runs were trained with; several values where the runs differ."""
    found: dict[str, dict[str, None]] = {}
    for run in runs:
        for name, value in conditions(run).items():
            if value is not None:
                found.setdefault(name, {})[str(value)] = None
    return {name: ", ".join(values) for name, values in found.items()}
