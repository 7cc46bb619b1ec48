"""The command `note`: show or set a user's note on a run."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from typing import Any

from hierapp.errors import ConfigError
from hierapp.runs import Store, notes

DONE = 0


def add(commands: Any, command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the command to the parser; `command` creates it like all others."""
    note = command(commands, "note", note_run, with_json=True)
    note.add_argument("run")
    note.add_argument("text", nargs="*", metavar="TEXT", help="the note, in place of the one before; none prints that")
    note.add_argument("--clear", action="store_true", help="take the note away")


def note_run(options: argparse.Namespace) -> int:
    store = Store()
    if options.clear and options.text:
        raise ConfigError("Both a text and --clear were given; give the text to write it, or --clear to have none.")
    if options.clear or options.text:
        found = notes.put(store, options.run, " ".join(options.text))
    else:
        found = store.run(options.run).own_note
    if options.json:
        print(json.dumps({"id": options.run, "own_note": found}))
    else:
        print(found or f"run {options.run}: no note")
    return DONE
