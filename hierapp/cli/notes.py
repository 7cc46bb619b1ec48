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
    note.add_argument("text", nargs="*", metavar="TEXT", help="the new note; without it, the current note is printed")
    note.add_argument("--clear", action="store_true", help="remove the note")


def note_run(options: argparse.Namespace) -> int:
    store = Store()
    if options.clear and options.text:
        raise ConfigError("Both a text and --clear were given; give either the text or --clear.")
    if options.clear or options.text:
        found = notes.put(store, options.run, " ".join(options.text))
    else:
        found = store.run(options.run).own_note
    if options.json:
        print(json.dumps({"id": options.run, "own_note": found}))
    else:
        print(found or f"run {options.run}: no note")
    return DONE
