"""The command `store`: back up, restore and check the store."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hierapp import paths
from hierapp.runs import backup, check as store_check
from hierapp.utils.text import pluralize

SOUND, BROKEN = 0, 2


def add(commands: Any, command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the command to the parser; `command` creates it like all others."""
    store = command(commands, "store").add_subparsers(required=True)
    write = command(
        store,
        "backup",
        write_backup,
        "write store, trees, drafts and runs into a zip file; runs may continue meanwhile",
    )
    write.add_argument("file", metavar="FILE.zip")
    write.add_argument("--without-weights", action="store_true", help="exclude weights and checkpoints")
    bring = command(store, "restore", restore_backup, "restore a backup into an empty HIERAPP_HOME")
    bring.add_argument("file", metavar="FILE.zip")
    command(store, "check", check_store, "check the integrity of the store and of the runs' folders", with_json=True)


def write_backup(options: argparse.Namespace) -> int:
    file = Path(options.file)
    runs = backup.backup(file, weights=not options.without_weights)
    print(f"{file}: {pluralize(runs, 'run')}, {file.stat().st_size / 1e6:,.1f} MB")
    return SOUND


def restore_backup(options: argparse.Namespace) -> int:
    runs = backup.restore(Path(options.file))
    print(f"{paths.home()}: {pluralize(runs, 'run')} restored")
    return SOUND


def check_store(options: argparse.Namespace) -> int:
    report = store_check.check()
    if options.json:
        print(json.dumps({**asdict(report), "is_sound": report.is_sound}))
    elif report.is_sound:
        print(f"{report.folder} is intact: {pluralize(report.runs, 'run')}, {report.weights} weight files.")
    else:
        print(*report.problems, sep="\n")
    return SOUND if report.is_sound else BROKEN
