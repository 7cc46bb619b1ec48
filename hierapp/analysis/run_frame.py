"""The columns of a table of runs: configuration, state, figures, date and duration of each row."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from statistics import fmean
from typing import Any

import pandas as pd

from hierapp.analysis import summary
from hierapp.analysis.run_rows import Row
from hierapp.runs import Run

SEVERAL = "several"  # the value of a fold whose runs differ

# Columns of text that a fold shows if its runs agree.
SHARED: Mapping[str, Callable[[Run], str]] = {
    "model": lambda run: "" if run.is_imported else run.config.model,
    "configuration": summary.recipe,
    "owner": lambda run: run.owner or "command line",
    "device": lambda run: run.device or "",
}
TEST_METRICS = {**summary.TEST_METRICS, **summary.ORDERED_METRICS}
METRICS = ("val accuracy", *TEST_METRICS)
# All columns, in the order of the table.
COLUMNS = (
    "run",
    "name",
    "data",
    "tree",
    "model",
    "seed",
    "configuration",
    "state",
    "progress",
    "epochs",
    *METRICS,
    "date",
    "duration",
    "tags",
    "note",
    "owner",
    "device",
)
ALWAYS = ("run", "name", "state", "val accuracy", "test accuracy", "mean distance", "severity", "date", "duration")
DIFFERENT = ("data", "tree", "model", "seed", "configuration", "owner")
WHERE_GIVEN = ("tags", "note", *summary.ORDERED_METRICS)
SORTED = ("run", "name", *METRICS, "date", "duration", "seed")


def frame(rows: Sequence[Row], state_of: Callable[[Run], str] = lambda run: run.state) -> pd.DataFrame:
    """Return one row for each row of the table, with all columns.

    Args:
        rows: the rows; see `run_rows.rows`.
        state_of: the words for the state of a run.
    """
    runs = {run.id: run for row in rows for run in row.runs}
    words = _words(list(runs.values()))
    values = [_kept_cells(row, words, state_of) for row in rows]
    made = pd.DataFrame(values, columns=list(COLUMNS))
    return made.astype({"run": "Int64", "seed": "Int64", "progress": float, **dict.fromkeys(METRICS, float)})


def usual_columns(frame: pd.DataFrame, is_going: bool) -> list[str]:
    """Return the columns that say something about the rows of a table: those of `ALWAYS`, and others whose values
    differ; progress and epochs only with `is_going`, while runs wait or run."""
    shown = {*ALWAYS, *("progress", "epochs") * is_going}
    shown |= {name for name in DIFFERENT if SEVERAL in frame[name].values or frame[name].nunique() > 1}
    shown |= {name for name in WHERE_GIVEN if (frame[name].notna() & (frame[name] != "")).any()}
    return [name for name in COLUMNS if name in shown]


def value_of(column: str) -> Callable[[Row], Any]:
    """Return the value by which a column sorts rows; None where a row has none."""
    if column == "run":
        return lambda row: int(row.runs[0].id)
    if column == "name":
        return lambda row: row.title or summary.loss_label(row.runs[0])
    if column == "seed":
        return lambda row: None if row.is_fold else row.runs[0].config.seed
    if column == "date":
        return lambda row: max(run.created for run in row.runs)
    if column == "duration":
        return lambda row: _seconds(row.runs)
    return lambda row: _mean(row, column)


@dataclass(frozen=True)
class _Words:
    """The words for runs of one table, which distinguish data sets, trees and similarities of one name."""

    loss: Mapping[str, str]
    data: Mapping[str, str]
    tree: Mapping[str, str]


# A table of 1,000 runs is shown again each second, while few of its runs have changed.
_MOST_WORDS, _MOST_CELLS = 8, 20_000
_WORDS: dict[tuple[object, ...], _Words] = {}
_CELLS: dict[tuple[object, ...], tuple[Run, tuple[Any, ...]]] = {}


def _words(runs: Sequence[Run]) -> _Words:
    key = tuple((run.folder, run.created) for run in runs)  # what words say of a run never changes
    found = _WORDS.get(key)
    if found is None:
        found = _Words(summary.loss_labels(runs), summary.data_labels(runs), summary.tree_labels(runs))
        if len(_WORDS) >= _MOST_WORDS:
            _WORDS.clear()
        _WORDS[key] = found
    return found


def _kept_cells(row: Row, words: _Words, state_of: Callable[[Run], str]) -> tuple[Any, ...]:
    """Return the cells of a row, those of a run that has ended from memory."""
    run = row.runs[0]
    if row.is_fold or run.is_open:
        return _cells(row, words, state_of)
    key = (run.folder, row.inside is None, words.loss[run.id], words.data[run.id], words.tree[run.id])
    made_from, cells = _CELLS.get(key, (None, ()))
    if made_from is not run:
        cells = _cells(row, words, state_of)
        if len(_CELLS) >= _MOST_CELLS:
            _CELLS.clear()
        _CELLS[key] = run, cells
    return cells


def _cells(row: Row, words: _Words, state_of: Callable[[Run], str]) -> tuple[Any, ...]:
    runs, run = row.runs, row.runs[0]
    seconds = _seconds(runs)
    cells = {
        "run": None if row.is_fold else int(run.id),
        "name": row.title or f"{'   ' if row.inside else ''}{words.loss[run.id]}",
        "data": _same([words.data[each.id] for each in runs]),
        "tree": _same([words.tree[each.id] for each in runs]),
        "seed": None if row.is_fold else run.config.seed,
        **{name: _same([value(each) for each in runs]) for name, value in SHARED.items()},
        "state": _states(runs) if row.is_fold else state_of(run),
        "progress": fmean(each.progress for each in runs),
        "epochs": "" if row.is_fold else summary.epochs(run),
        **{name: _mean(row, name) for name in METRICS},
        "date": time.strftime("%Y-%m-%d %H:%M", time.localtime(max(each.created for each in runs))),
        "duration": "" if seconds is None else f"{timedelta(seconds=round(seconds))}",
        "tags": " ".join(f"#{tag}" for tag in dict.fromkeys(tag for each in runs for tag in each.tags)),
        "note": "" if row.is_fold else run.own_note,
    }
    return tuple(cells[name] for name in COLUMNS)


def _same(values: Sequence[str]) -> str:
    return values[0] if len(set(values)) == 1 else SEVERAL


def _states(runs: Sequence[Run]) -> str:
    counts = Counter(run.state for run in runs)
    return ", ".join(f"{count} {state}" for state, count in counts.items())


def _mean(row: Row, column: str) -> float | None:
    """Return a metric of a run, or its mean over the seeds of a configuration; None if there is none."""
    if row.is_batch:
        return None  # a mean over different configurations says nothing
    found = [_metric(run, column) for run in row.runs]
    known = [value for value in found if value is not None]
    return fmean(known) if known else None


def _metric(run: Run, column: str) -> float | None:
    value = run.last.get("val_accuracy") if column == "val accuracy" else None
    if column in TEST_METRICS:
        value = (run.test or {}).get(TEST_METRICS[column])
    return None if value is None else float(value)


def _seconds(runs: Sequence[Run]) -> float | None:
    """Return how long the runs have trained in total; None if none has started."""
    ends = [(run.started, time.time() if run.is_open else run.ended) for run in runs]
    found = [max(0.0, end - start) for start, end in ends if start is not None and end is not None]
    return sum(found) if found else None
