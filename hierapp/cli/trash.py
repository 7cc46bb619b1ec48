"""The commands `delete`, `restore` and `trash`: move runs and other things to the trash, take them out, empty it."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from typing import Any

from hierapp.runs import Run, Store, selectors, trash
from hierapp.utils.text import pluralize

DONE = 0
ITEMS = "tree:NAME, draft:ID, similarity:NAME, data:NAME, search:NAME"


def add(commands: Any, command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the commands to the parser; `command` creates them like all others."""
    delete = command(commands, "delete", delete_all, with_json=True)
    delete.add_argument("what", nargs="+", metavar="WHAT", help=f"runs that have ended: {selectors.HELP}; or {ITEMS}")
    delete.add_argument(
        "--shared", action="store_true", help="delete a data set's files even if other stores use them, too"
    )
    restore = command(commands, "restore", restore_all, with_json=True)
    restore.add_argument("what", nargs="+", metavar="WHAT", help=f"runs in the trash: {selectors.HELP}; or {ITEMS}")
    bin = command(commands, "trash", show_trash, with_json=True)
    bin.add_argument(
        "--empty", action="store_true", help="remove all that is in the trash for good, and free its space"
    )


def delete_all(options: argparse.Namespace) -> int:
    from hierapp.access import trashed

    store = Store()
    runs, items = _told_apart(options.what)
    gone = trash.delete(store, selectors.chosen(store, runs)) if runs else []
    for word in items:
        trashed.delete(store, word, options.shared)
    return _print(
        [*gone, *items],
        "is in the trash",
        "are in the trash",
        f"; restore it with `python -m hierapp restore {' '.join([*gone, *items])}`",
        options.json,
    )


def restore_all(options: argparse.Namespace) -> int:
    from hierapp.access import trashed

    store = Store()
    runs, items = _told_apart(options.what)
    back = trash.restore(store, selectors.chosen(store, runs, deleted=True)) if runs else []
    for word in items:
        trashed.restore(store, trashed.find(store, word))
    return _print([*back, *items], "is restored", "are restored", "", options.json)


def _told_apart(words: list[str]) -> tuple[list[str], list[str]]:
    """Return the words that name runs, and those that name other things."""
    from hierapp.access import trashed

    return [word for word in words if not trashed.is_item(word)], [word for word in words if trashed.is_item(word)]


def show_trash(options: argparse.Namespace) -> int:
    from hierapp.access import trashed

    store = Store()
    if options.empty:
        removed = [*trash.empty(store), *(item.word for item in trashed.empty(store))]
        return _print(removed, "is removed", "are removed", "", options.json)
    runs, items = trash.contents(store), trashed.contents(store)
    if options.json:
        said = [{"kind": item.kind, "name": item.name, "owner": item.owner, "deleted": item.deleted} for item in items]
        print(json.dumps([*map(_as_dict, runs), *said]))
    elif runs or items:
        from hierapp.analysis import summary

        names = summary.labels(runs)
        for run in runs:
            print(f"{run.id:>6}  {_at(run.deleted)}  {run.state:11}  {names[run.id]}")
        for item in items:
            title = "" if item.title == item.name else f"  {item.title}"
            print(f"{item.word}  {_at(item.deleted)}{title}")
    else:
        print("The trash is empty.")
    return DONE


def _at(seconds: float | None) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))


def _as_dict(run: Run) -> dict[str, Any]:
    from hierapp.analysis import summary

    return {**summary.as_dicts([run])[0], "deleted": run.deleted}


def _print(ids: list[str], one: str, many: str, more: str, as_json: bool) -> int:
    if as_json:
        print(json.dumps(ids))
    elif len(ids) == 1:
        print(f"{'run ' if ids[0].isdigit() else ''}{ids[0]} {one}{more}")
    else:
        what = pluralize(len(ids), "run" if all(each.isdigit() for each in ids) else "item")
        print(f"{what} {many}{more.replace(' it ', ' them ')}")
    return DONE
