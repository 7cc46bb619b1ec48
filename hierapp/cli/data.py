"""The command `data`: list, get, check, import and delete data sets."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hierapp.cli import import_report
from hierapp.data import download, registry as datasets
from hierapp.data.imports.options import Options

if TYPE_CHECKING:
    from hierapp.data.imports.report import Report

DONE = 0


def add(commands: Any, command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the command to the parser; `command` creates it like all others."""
    data = command(commands, "data").add_subparsers(required=True)
    command(data, "list", list_data, "list the data sets and their status", with_json=True)
    get = command(data, "get", get_data, "download a data set, or repair a broken one")
    get.add_argument("name")
    check = command(data, "check", check_data, "report what an import would find, without importing", with_json=True)
    bring = command(
        data,
        "import",
        import_data,
        "import images in class folders or with label maps, or features with labels, as a data set",
        with_json=True,
    )
    bring.add_argument("--name", help="name: letters, digits, - and _; by default from the file")
    for each in (check, bring):
        each.add_argument("--all", action="store_true", help="print every class, not only the notable ones of many")
        _add_source(each)
    toy = command(data, "toy", draw_toy, "draw pictures of colored shapes for a label tree, which train in seconds")
    toy.add_argument("--tree", required=True, help="name or file of the tree; its leaves are the classes")
    toy.add_argument("--name", help="name: letters, digits, - and _; by default from the tree")
    toy.add_argument("--seed", type=int, default=0, help="seed of the pictures")
    delete = command(data, "delete", delete_data, "delete an imported or downloaded data set")
    delete.add_argument("name")
    delete.add_argument("--shared", action="store_true", help="even if other stores use its files, too")


def _add_source(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how a source is read, those of `check` and `import`."""
    usual = Options()
    parser.add_argument(
        "path",
        metavar="PATH",
        help="folder, zip or tar file of images, in class folders or with"
        " label maps; or features: npz, npy, CSV, Parquet; or a table of texts",
    )
    parser.add_argument("--side", type=int, default=usual.side, help="height and width of the stored images, in pixels")
    parser.add_argument(
        "--test-share", type=float, default=usual.test_share, help="share of the test part if the source has none"
    )
    parser.add_argument(
        "--utkface", action="store_true", help="the classes are the ages at the beginning of the file names"
    )
    parser.add_argument("--bin", type=int, default=usual.bin, help="years per class of ages")
    parser.add_argument(
        "--height",
        type=int,
        default=usual.height,
        help="height of images with label maps, in pixels, at their aspect ratio; 0: that of most, at most 256",
    )
    rows = parser.add_argument_group("features")
    rows.add_argument("--label", default="", metavar="NAME", help="column or array of the labels")
    rows.add_argument("--part", default="", metavar="NAME", help="column or array that tells train from test")
    rows.add_argument("--text", default="", metavar="NAME", help="column or array of what is shown for a row")
    rows.add_argument(
        "--embed",
        action="store_true",
        help="embed the texts of a table as its features; by default if it has no numbers",
    )
    rows.add_argument("--ordinal", action="store_true", help="the labels are numbers; each is a class, in their order")
    rows.add_argument(
        "--bins",
        type=int,
        default=0,
        help="cut the labels, numbers, into this number of ordered classes of about equal size",
    )
    rows.add_argument(
        "--tree", default="", help="name or file of a tree over the classes; its inner nodes are coarse labels"
    )


def list_data(options: argparse.Namespace) -> int:
    rows = [(entry, datasets.status(name)) for name, entry in datasets.catalogue().items()]
    if options.json:
        told = [{"name": entry.name, "state": at.state, "detail": at.detail, "own": entry.own} for entry, at in rows]
        print(json.dumps(told))
    else:
        width = max(len(entry.name) for entry, _ in rows)
        for entry, at in rows:
            words = [f"{entry.title}: {len(entry.class_names)} classes.", "Your own." if entry.own else ""]
            if at.state != "absent":
                words.append(at.detail)
            elif entry.by_hand:
                words.append(f"To get it, {entry.by_hand}.")
            print(f"{entry.name:{width}} {at.state:7} {' '.join(filter(None, words))}")
        if any(at.state == "absent" and not entry.by_hand for entry, at in rows):
            print("\nDownload one that is absent: python -m hierapp data get NAME")
    return DONE


def get_data(options: argparse.Namespace) -> int:
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    entry = datasets.find(options.name)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns) as bars:
        task = bars.add_task(entry.title, total=None)
        renamed = download.get(
            entry.name,
            progress=lambda done, total, what: bars.update(task, completed=done, total=total, description=what),
        )
    for path in renamed:
        print(f"What was there is not the published file and is called {path} now.")
    print(f"{entry.name} is ready.")
    return DONE


def check_data(options: argparse.Namespace) -> int:
    with _read(options) as (report, how, _):
        import_report.show(report, how, options.json, options.all)
    return DONE


def import_data(options: argparse.Namespace) -> int:
    from hierapp.data.imports import finalize

    name = options.name or finalize.suggested(Path(options.path).absolute().name)
    finalize.free_name(name)  # before the source is read
    with _read(options) as (report, how, token):
        entry = finalize.finalize(token, name)
        import_report.show(report, how, options.json, options.all)
    if not options.json:
        print(f"{entry.name} is ready; its default tree is {entry.default_tree}.")
    return DONE


def draw_toy(options: argparse.Namespace) -> int:
    from hierapp.data import toy
    from hierapp.data.imports import finalize
    from hierapp.trees import library

    name = options.name or finalize.suggested(f"{Path(options.tree).stem[:30]}-toy")
    tree = library.load(options.tree)
    saved = options.tree if library.has(options.tree) else ""
    entry = toy.create(tree, name, saved, options.seed)
    print(f"{entry.name} is ready: {entry.train_size:,} training and {entry.test_size:,} test images.")
    return DONE


def delete_data(options: argparse.Namespace) -> int:
    from hierapp.runs import Store, data_deletion

    gone = data_deletion.delete(options.name, Store(), shared=options.shared)
    way = f"in the trash; restore it with `python -m hierapp restore {gone.word}`" if gone else "deleted"
    print(f"{options.name} is {way}.")
    return DONE


@contextmanager
def _read(options: argparse.Namespace) -> Iterator[tuple[Report, str, str]]:
    """Read the source; yield the report, the origin of the tree, and the import's token, which is finally discarded."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from hierapp.data.imports import job as import_job

    path = Path(options.path).absolute()
    chosen = Options(**{field.name: getattr(options, field.name) for field in fields(Options)})
    token = import_job.begin(import_job.Request(path.name, chosen, str(path)))
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    try:
        with Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bars:
            task = bars.add_task("Reading", total=None)
            report = import_job.work(
                token,
                progress=lambda done, total, what: bars.update(task, completed=done, total=total, description=what),
            )
        yield report, import_job.status(token).how, token
    finally:
        import_job.discard(token)
