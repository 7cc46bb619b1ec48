"""The commands `delete`, `restore` and `trash`: move runs to the trash, take them out, list or empty it."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from typing import Any

from hierapp.runs import Run, Store, selectors, trash
from hierapp.utils.text import pluralize

DONE = 0


def add(commands: Any, command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the commands to the parser; `command` creates them like all others."""
    delete = command(commands, "delete", delete_runs, with_json=True)
    delete.add_argument("runs", nargs="+", metavar="RUN", help=f"runs that have ended: {selectors.HELP}")
    restore = command(commands, "restore", restore_runs, with_json=True)
    restore.add_argument("runs", nargs="+", metavar="RUN", help=f"runs in the trash: {selectors.HELP}")
    bin = command(commands, "trash", show_trash, with_json=True)
    bin.add_argument("--empty", action="store_true", help="remove the runs in the trash for good, and free their space")


def delete_runs(options: argparse.Namespace) -> int:
    store = Store()
    return _print(
        trash.delete(store, selectors.chosen(store, options.runs)),
        "is in the trash",
        "are in the trash",
        "; restore it with `python -m hierapp restore`",
        options.json,
    )


def restore_runs(options: argparse.Namespace) -> int:
    store = Store()
    chosen = selectors.chosen(store, options.runs, deleted=True)
    return _print(trash.restore(store, chosen), "is restored", "are restored", "", options.json)


def show_trash(options: argparse.Namespace) -> int:
    store = Store()
    if options.empty:
        return _print(trash.empty(store), "is removed", "are removed", "", options.json)
    runs = trash.contents(store)
    if options.json:
        print(json.dumps([_as_dict(run) for run in runs]))
    elif runs:
        from hierapp.analysis import summary

        names = summary.labels(runs)
        for run in runs:
            at = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.deleted))
            print(f"{run.id:>6}  {at}  {run.state:11}  {names[run.id]}")
    else:
        print("The trash is empty.")
    return DONE


def _as_dict(run: Run) -> dict[str, Any]:
    from hierapp.analysis import summary

    return {**summary.as_dicts([run])[0], "deleted": run.deleted}


def _print(ids: list[str], one: str, many: str, more: str, as_json: bool) -> int:
    if as_json:
        print(json.dumps(ids))
    elif len(ids) == 1:
        print(f"run {ids[0]} {one}{more}")
    else:
        print(f"{pluralize(len(ids), 'run')} {many}{more.replace(' it ', ' them ')}")
    return DONE
