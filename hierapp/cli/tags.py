"""The command `tag`: set the tags of runs."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from typing import Any

from hierapp.runs import Store, tags

DONE = 0


def add(commands: Any, command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the command to the parser; `command` creates it like all others."""
    tag = command(commands, "tag", tag_run, with_json=True)
    tag.add_argument("run")
    tag.add_argument("words", nargs="*", metavar="TAG", help="a tag; without tags, all are removed")


def tag_run(options: argparse.Namespace) -> int:
    found = tags.put(Store(), options.run, options.words)
    if options.json:
        print(json.dumps({"id": options.run, "tags": found}))
    else:
        print(f"run {options.run}: {' '.join(found) or 'no tag'}")
    return DONE
