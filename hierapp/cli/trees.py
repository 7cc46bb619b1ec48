"""The command `tree`: check, show and convert trees. It needs only numpy."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hierapp.trees import LabelTree, formats as tree_formats, library as tree_library, text as tree_text
from hierapp.utils import files

DONE = 0


def add(commands: Any, command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the command to the parser; `command` creates it like all others."""
    tree = command(commands, "tree").add_subparsers(required=True)
    check = command(tree, "check", check_tree, "check a label tree file and describe it", with_json=True)
    check.add_argument("file", metavar="FILE")
    check.add_argument("--data", help="check the leaves against the classes of this data set")
    draw = command(tree, "show", show_tree, "draw a tree")
    draw.add_argument("file", metavar="FILE")
    convert = command(tree, "convert", convert_tree, "convert a tree to the format of the second file's suffix")
    convert.add_argument("file", metavar="FILE")
    convert.add_argument("out", metavar="OUT")
    for each in (check, draw, convert):
        add_reading(each)


def add_reading(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose between the readings of a tree file; `load` uses them."""
    parser.add_argument("--as", dest="read_as", metavar="READING", help="how to read a tree that has several readings")
    parser.add_argument(
        "--disambiguate",
        action="store_true",
        help="add parents to the names of nodes with the same name, as in `other (animal)`",
    )


def load(name_or_file: str, options: argparse.Namespace) -> LabelTree:
    """Load a tree as the options of `add_reading` say."""
    return tree_library.load(name_or_file, options.read_as, options.disambiguate)


def _tree(options: argparse.Namespace) -> LabelTree:
    return load(options.file, options)


def check_tree(options: argparse.Namespace) -> int:
    tree = _tree(options)
    if options.data:
        from hierapp.data import registry as datasets

        tree.positions_of(datasets.find(options.data).class_names)
    facts = {
        "file": options.file,
        "nodes": len(tree.nodes),
        "leaves": len(tree.leaves),
        "depth": int(tree.depth.max()),
        "is_uniform_depth": tree.is_uniform_depth,
    }
    if options.json:
        print(json.dumps(facts))
    else:
        shape = "of uniform depth" if tree.is_uniform_depth else "ragged"
        print(f"{options.file}: a label tree, {facts['nodes']} nodes, {facts['leaves']} leaves, {shape}", end="")
        print(f", depth {facts['depth']}{f', over the classes of {options.data}' if options.data else ''}.")
    return DONE


def show_tree(options: argparse.Namespace) -> int:
    lines = (sys.stdout.encoding or "").lower().startswith("utf")
    print(tree_text.draw(_tree(options), lines))
    return DONE


def convert_tree(options: argparse.Namespace) -> int:
    tree = _tree(options)
    files.create(tree_formats.as_bytes(tree, Path(options.out)), Path(options.out))
    print(f"{options.out}: {len(tree.nodes)} nodes, {len(tree.leaves)} leaves")
    return DONE
