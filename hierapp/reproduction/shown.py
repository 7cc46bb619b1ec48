"""What is displayed for each figure: this machine's runs, else results saved on this machine, else those that ship."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from hierapp.reproduction import results, state
from hierapp.reproduction.figures import FIGURES
from hierapp.reproduction.planning import DATA
from hierapp.reproduction.presets import Figure, Size
from hierapp.reproduction.results import PaperResults, Result
from hierapp.reproduction.state import FigureStatus
from hierapp.runs import Store

Source = Literal["runs", "kept", "shipped"]
Judge = Callable[[Store, FigureStatus, Size, str], Result | None]


@dataclass(frozen=True)
class DisplayedFigure:
    """A figure, the status of its runs, and the result to display.

    Attributes:
        status: its runs on this machine.
        result: its result; None if nothing was measured.
        source: this machine's "runs" in their current state, results "kept" in its folder, or "shipped" ones.
        outcome: the file that contains the result; None for runs.
    """

    status: FigureStatus
    result: Result | None = None
    source: Source | None = None
    outcome: PaperResults | None = None

    @property
    def figure(self) -> Figure:
        return self.status.figure


def shown(
    store: Store,
    size: Size,
    data: str = DATA,
    figures: Sequence[Figure] = FIGURES,
    judge: Judge = state.result,
) -> list[DisplayedFigure]:
    """Return each figure with the best available result; `judge` may cache its results.

    Raises:
        StoreError: if saved results are broken, or the stored outputs of runs cannot be read.
    """
    files: list[tuple[Source, PaperResults | None]] = [
        ("kept", results.load(results.file_of(size.name))),
        ("shipped", results.load(results.shipped_file(size.name))),
    ]
    found = []
    for status in state.statuses(store, figures, size, data):
        result = judge(store, status, size, data)
        if result is not None:
            found.append(DisplayedFigure(status, result, "runs"))
            continue
        for source, outcome in files:
            if outcome is not None and outcome.data == data and status.figure.id in outcome.results:
                found.append(DisplayedFigure(status, outcome.results[status.figure.id], source, outcome))
                break
        else:
            found.append(DisplayedFigure(status))
    return found
