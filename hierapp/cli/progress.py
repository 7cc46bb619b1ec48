"""Follow runs in a terminal: a progress bar per run, a table at the end."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pandas as pd
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from hierapp.analysis import rate_sweep, summary
from hierapp.execution import scheduler
from hierapp.runs import Run, Store

POLL_SECONDS = 0.3


def follow(store: Store, ids: Sequence[str]) -> list[Run]:
    """Show the runs' progress on standard error until all have ended; return the ended runs."""
    console = Console(stderr=True)
    bars = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[now]}"),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
    )
    tasks: dict[str, TaskID] = {}
    told: set[str] = set()
    is_warned = False
    with bars:
        while True:
            runs = store.runs(ids)
            names = summary.labels(runs)
            for run in runs:
                if run.id not in tasks:
                    tasks[run.id] = bars.add_task(f"{run.id} {names[run.id]}", total=1.0, start=False, now="queued")
                if run.started is not None:
                    bars.start_task(tasks[run.id])
                accuracy = run.last.get("val_accuracy")
                shown = run.state if accuracy is None else f"{run.state}, val accuracy {accuracy:.4f}"
                bars.update(tasks[run.id], completed=run.progress, now=shown)
                if not run.is_open and run.id not in told:
                    told.add(run.id)
                    bars.stop_task(tasks[run.id])
                    if not console.is_terminal:
                        console.print(Text(f"{run.id} {names[run.id]}: {shown}"), soft_wrap=True)
            if len(told) == len(runs):
                return runs
            scheduler.reap_lost_runs(store)
            trouble = scheduler.trouble(store)
            if trouble and not is_warned:
                console.print(Text(trouble), soft_wrap=True)
            is_warned = bool(trouble)
            time.sleep(POLL_SECONDS)


def print_table(runs: Sequence[Run]) -> None:
    """Print the runs' table on standard output, and means over seeds if there are several."""
    frame = summary.table(runs)
    print_frame(_without_blanks(frame.reset_index()))
    means = summary.over_seeds(frame)
    if len(means):
        print()
        print_frame(_without_blanks(means))
    for run in runs:
        if run.error:
            Console().print(Text(f"run {run.id}: {run.error}"), soft_wrap=True)


def _without_blanks(frame: pd.DataFrame) -> pd.DataFrame:
    """Drop the column "configuration" if it is empty, that is, if all runs have the default one."""
    return frame if frame["configuration"].any() else frame.drop(columns="configuration")


def print_frame(frame: pd.DataFrame) -> None:
    """Print a table on standard output: floats with four digits; None and NaN are empty."""
    shown = Table(box=None, pad_edge=False)
    for column in frame.columns:
        shown.add_column(column, justify="right" if frame[column].dtype == float else "left")
    for row in frame.itertuples(index=False):
        shown.add_row(*(Text(_cell(value)) for value in row))  # in a str, [brackets] in names would be markup
    # A table must not be cut to the width of a pipe.
    console = Console()
    console.print(shown) if console.is_terminal else Console(width=260).print(shown)


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "" if value != value else f"{value:.4f}"
    return str(value)


def print_best_rates(store: Store, runs: Sequence[Run]) -> None:
    """Print the best learning rate of each loss by its validation images, on standard output."""
    for each in rate_sweep.best_rates(store, runs):
        tried = ", ".join(f"{rate:g}: {value:.4f}" for rate, value in each.means.items())
        end = "; it is at the end of those tried, so a better one may lie outside" if each.is_at_end else ""
        print(f"{each.label}: best at a learning rate of {each.rate:g} by {each.metric} ({tried}){end}")
