"""The command `lab`: the Loss lab as one HTML file."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from hierapp.cli import trees
from hierapp.errors import ConfigError

DONE = 0


def add(commands: Any, command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the command to the parser; `command` creates it like all others."""
    lab = command(commands, "lab").add_subparsers(required=True)
    export = command(lab, "export", export_lab, "write a story, a tree or a view as one HTML file that works offline")
    source = export.add_mutually_exclusive_group(required=True)
    source.add_argument("--story", metavar="ID", help="a story with all its steps, such as cat-truck")
    source.add_argument("--tree", metavar="TREE", help="name or file of a tree; all logits are 0")
    source.add_argument("--link", metavar="LINK", help="a link that was copied in the lab: its tree and its numbers")
    export.add_argument("--true", metavar="CLASS", help="the true class; by default the first, or that of the link")
    export.add_argument("--loss", metavar="LOSSES", help="losses as in links: hierarchical:mass=0!conditional")
    export.add_argument("--decoder", metavar="DECODERS", help="decoders as in links: leaf!threshold:threshold=0.7")
    export.add_argument("--title", default="", help="title of the file")
    export.add_argument("-o", "--out", required=True, metavar="FILE.html")
    trees.add_reading(export)


def export_lab(options: argparse.Namespace) -> int:
    from hierapp.lab import one_file

    if options.story:
        if options.true or options.loss or options.decoder or options.title:
            raise ConfigError(
                "A story has its own classes, losses, decoders and title; give them with --tree or --link."
            )
        text = one_file.of_story(options.story)
    else:
        text = one_file.of_state(_state(options), options.title)
    file = Path(options.out)
    one_file.write(text, file)
    print(f"{file}: {len(text.encode()) / 1e3:,.0f} kB")
    return DONE


def _state(options: argparse.Namespace) -> Any:
    from hierapp.lab import views

    params = (
        dict(parse_qsl(urlsplit(options.link).query or options.link, keep_blank_values=True)) if options.link else {}
    )
    given = {"y": options.true, "loss": options.loss, "decoder": options.decoder}
    chosen = {key: value for key, value in given.items() if value is not None}
    if options.tree:
        from hierapp.lab.example import Example

        tree = trees.load(options.tree, options)
        opened = views.from_params({key: value for key, value in chosen.items() if key != "y"})
        state = replace(opened.state, example=Example.level(tree), tree_name=None)
        if "y" in chosen:
            state = views.with_target(state, chosen["y"])
    else:
        opened = views.from_params({**params, **chosen})
        state = replace(opened.state, story=None, step=1)
    if opened.complaints:
        raise ConfigError(opened.complaints[0])
    return state
