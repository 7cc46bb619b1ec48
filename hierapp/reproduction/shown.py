"""What is shown of each figure: this machine's runs, else results that this machine kept, else those that ship."""

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
    """A figure, how far its runs are, and what there is to show.

    Attributes:
        status: its runs here.
        result: what came out; None where nothing was measured.
        source: this machine's "runs" as they are now, results "kept" in its folder, or "shipped" ones.
        outcome: the file that the result is from; None for runs.
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
    """Each figure with the best that there is of it; `judge` may remember what it found.

    Raises:
        StoreError: if kept results are broken, or what runs stored cannot be read.
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
