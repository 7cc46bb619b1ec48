"""The rows of a table of runs, in which searches, presets or configurations are folded into one row each."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from hierapp.analysis import groups as grouping, summary
from hierapp.runs import Run
from hierapp.utils.text import pluralize

# "batches": searches and the runs of a preset; "configurations": runs that differ only in seed and device.
Fold = Literal["batches", "configurations", "nothing"]
_BATCH = "batch "  # the keys of searches and presets begin with it
BATCHES = {"search:": "search", "paper:": "paper, size"}  # prefixes of tags that hierapp gives to runs of one kind


@dataclass(frozen=True)
class Row:
    """A run, or several that are folded.

    Attributes:
        key: stable name of the row: the number of a run, or the name of a fold.
        title: the fold in words; of a run the empty string.
        runs: its runs, the newest first.
        inside: the key of the open fold above it, if it is inside one.
        is_open: whether it is a fold whose runs follow as rows of their own.
    """

    key: str
    title: str
    runs: tuple[Run, ...]
    inside: str | None = None
    is_open: bool = False

    @property
    def is_fold(self) -> bool:
        """Whether it stands for several runs."""
        return bool(self.title)

    @property
    def is_batch(self) -> bool:
        """Whether it is a fold of different configurations, such as a search."""
        return self.key.startswith(_BATCH)


def rows(
    runs: Sequence[Run],
    fold: Fold = "batches",
    opened: Collection[str] = (),
    sort: Callable[[Row], Any] | None = None,
    descending: bool = True,
) -> list[Row]:
    """Return the rows of the table.

    Args:
        runs: the runs that are shown.
        fold: which runs are folded into one row.
        opened: the keys of the folds whose runs follow as rows.
        sort: the value by which rows are sorted, by default the number of the newest run; rows whose value is None come
            last.
        descending: whether the largest value comes first.
    """
    folds: dict[str, list[Run]] = {}
    keys = _keys(runs, fold)
    for run in sorted(runs, key=_number, reverse=True):
        folds.setdefault(keys[run.id], []).append(run)
    found = []
    for key, some in folds.items():
        is_fold = key.startswith(_BATCH) or len(some) > 1
        title = _title(key, some) if is_fold else ""
        found.append(Row(key if is_fold else some[0].id, title, tuple(some), is_open=is_fold and key in opened))
    by = sort or _newest
    made: list[Row] = []
    for row in _sorted(found, by, descending):
        made.append(row)
        if row.is_open:
            inner = [Row(run.id, "", (run,), inside=row.key) for run in row.runs]
            made += _sorted(inner, by, descending)
    return made


def batch_of(run: Run) -> str | None:
    """Return the tag of the search or preset that a run belongs to; None for others."""
    return next((tag for tag in run.tags for prefix in BATCHES if tag.startswith(prefix)), None)


def _keys(runs: Sequence[Run], fold: Fold) -> dict[str, str]:
    """Return for each run the key of its fold; runs that are not folded have one of their own."""
    if fold == "batches":
        batches = {run.id: batch_of(run) for run in runs}
        return {run: run if tag is None else f"{_BATCH}{tag}" for run, tag in batches.items()}
    if fold == "configurations":
        alike = {run.id: grouping.configuration(run) for run in sorted(runs, key=_number)}
        first: dict[object, str] = {}  # the lowest number stays when seeds are added
        for run, configuration in alike.items():
            first.setdefault(configuration, f"like {run}")
        return {run: first[configuration] for run, configuration in alike.items()}
    return {run.id: run.id for run in runs}


def _title(key: str, runs: Sequence[Run]) -> str:
    if key.startswith(_BATCH):
        tag = key.removeprefix(_BATCH)
        prefix = next(prefix for prefix in BATCHES if tag.startswith(prefix))
        return f"{BATCHES[prefix]} {tag.removeprefix(prefix)}, {pluralize(len(runs), 'run')}"
    return f"{summary.loss_label(runs[0])}, {pluralize(len({run.config.seed for run in runs}), 'seed')}"


def _sorted(rows: Iterable[Row], by: Callable[[Row], Any], descending: bool) -> list[Row]:
    """Return the rows in order; those of equal value stay newest first."""
    valued = [(by(row), row) for row in rows]
    known = sorted((each for each in valued if each[0] is not None), key=lambda each: each[0], reverse=descending)
    return [row for _, row in known] + [row for value, row in valued if value is None]


def _newest(row: Row) -> int:
    return _number(row.runs[0])


def _number(run: Run) -> int:
    return int(run.id)


# The choice of rows


def runs_of(rows: Sequence[Row]) -> dict[str, list[str]]:
    """Return for each row's key its runs."""
    return {row.key: [run.id for run in row.runs] for row in rows}


def positions(runs_of: Mapping[str, Sequence[str]], chosen: Collection[str]) -> list[int]:
    """Return the places of the rows all of whose runs are chosen; the arguments are those of `rechosen`."""
    return [place for place, runs in enumerate(runs_of.values()) if all(run in chosen for run in runs)]


def rechosen(
    runs_of: Mapping[str, Sequence[str]], before: Collection[str], now: Collection[str], chosen: Sequence[str]
) -> list[str]:
    """Return the chosen runs after a user has chosen other rows; runs without a row stay chosen.

    Args:
        runs_of: for each row's key its runs.
        before: the keys of the rows that were chosen.
        now: the keys of the rows that are chosen.
        chosen: the runs that were chosen.
    """
    less = {run for key in before if key not in now for run in runs_of[key]}
    more = [run for key in runs_of if key in now and key not in before for run in runs_of[key]]
    return list(dict.fromkeys([*(run for run in chosen if run not in less), *more]))
