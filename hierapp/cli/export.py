"""The commands `export`, `report` and `tensorboard`: export runs as a bundle, one HTML file, or event files."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hierapp.execution import scheduler
from hierapp.runs import Store, selectors
from hierapp.utils.text import pluralize

DONE = 0


def add(commands: Any, command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the commands to the parser; `command` creates them like all others."""
    bundle = command(commands, "export", export_runs)
    bundle.add_argument("runs", nargs="+", metavar="RUN", help=selectors.HELP)
    bundle.add_argument("-o", "--out", required=True, metavar="FILE.zip")
    for name, default, what in (
        ("weights", True, "weights of the runs"),
        ("predictions", True, "predictions for every test image"),
        ("logs", False, "logs of the runs; they may contain paths of this machine"),
    ):
        bundle.add_argument(f"--{name}", action=argparse.BooleanOptionalAction, default=default, help=f"with {what}")
    report = command(commands, "report", write_report)
    report.add_argument("runs", nargs="+", metavar="RUN", help=selectors.HELP)
    report.add_argument("-o", "--out", required=True, metavar="FILE.html")
    report.add_argument("--title", help="title of the report")
    events = command(commands, "tensorboard", write_events)
    events.add_argument("runs", nargs="+", metavar="RUN", help=selectors.HELP)
    events.add_argument("-o", "--out", required=True, metavar="FOLDER", help="for `tensorboard --logdir FOLDER`")


def export_runs(options: argparse.Namespace) -> int:
    from hierapp.export import bundle as export

    file, store = Path(options.out), _looked_after()
    wanted = export.ExportOptions(weights=options.weights, predictions=options.predictions, logs=options.logs)
    runs = export.write(store, selectors.chosen(store, options.runs), file, wanted)
    _tell(file, len(runs))
    for run in runs:
        if run.state != "finished":
            print(f"run {run.id} is {run.state}: the bundle contains what exists so far")
    return DONE


def write_report(options: argparse.Namespace) -> int:
    from hierapp.export import report as html_report

    file, store = Path(options.out), _looked_after()
    _tell(file, len(html_report.write(store, selectors.chosen(store, options.runs), file, options.title)))
    return DONE


def write_events(options: argparse.Namespace) -> int:
    from hierapp.export import tensorboard

    folder, store = Path(options.out), _looked_after()
    runs = tensorboard.write(store, selectors.chosen(store, options.runs), folder)
    print(f"{folder}: {pluralize(len(runs), 'run')}; open with `tensorboard --logdir {folder}`")
    return DONE


def _looked_after() -> Store:
    store = Store()
    scheduler.reap_lost_runs(store)
    return store


def _tell(file: Path, runs: int) -> None:
    print(f"{file}: {pluralize(runs, 'run')}, {file.stat().st_size / 1e6:,.1f} MB")
