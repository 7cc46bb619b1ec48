"""The command `tree`: check, show, convert and propose trees. All but the proposals need only numpy."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hierapp.errors import TreeError, one_line
from hierapp.trees import LabelTree, formats as tree_formats, library as tree_library, text as tree_text
from hierapp.trees.wordnet import Sense
from hierapp.utils import files, reading, text_files

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
    suggest = command(tree, "propose", propose_tree, "propose a tree over classes", with_json=True)
    source = suggest.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", metavar="NAME", help="the data set that has the classes")
    source.add_argument("--classes", metavar="FILE", help="a text file with the name of a class on each line")
    suggest.add_argument(
        "--by",
        metavar="WAY",
        default="names",
        help="names (their meaning, by a language model; the default), words (that names share), wordnet (what they"
        " are kinds of), looks (the mean training sample of each class), or order",
    )
    suggest.add_argument(
        "--sense",
        metavar="CLASS=SENSE",
        action="append",
        default=[],
        help="with --by wordnet: the meaning of a class, such as orange=orange.n.01; may be repeated",
    )
    suggest.add_argument("-o", "--out", metavar="OUT", help="write the tree to this file, in the format of its suffix")
    command(tree, "drafts", list_drafts, "list the drafts of the Studio, the last changed first", with_json=True)
    command(tree, "wordnet", get_wordnet, "download the WordNet dictionary (6 MB), by apt, without installing it")
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
    _draw(_tree(options))
    return DONE


def _draw(tree: LabelTree) -> None:
    lines = (sys.stdout.encoding or "").lower().startswith("utf")
    print(tree_text.draw(tree, lines))


def convert_tree(options: argparse.Namespace) -> int:
    tree = _tree(options)
    files.create(tree_formats.as_bytes(tree, Path(options.out)), Path(options.out))
    print(f"{options.out}: {len(tree.nodes)} nodes, {len(tree.leaves)} leaves")
    return DONE


def propose_tree(options: argparse.Namespace) -> int:
    from hierapp.data import registry as datasets, tree_proposals

    classes = list(datasets.find(options.data).class_names) if options.data else _lines(options.classes)
    senses = _senses(options.sense)
    told = tree_proposals.with_senses(classes, senses).senses if options.by == "wordnet" else {}
    tree = tree_proposals.propose(options.by, classes, options.data, senses)
    if options.out:
        files.create(tree_formats.as_bytes(tree, Path(options.out)), Path(options.out))
    if options.json:
        shown = {"by": options.by, "nodes": tree.nodes, "parents": tree.parents.tolist(), "out": options.out}
        if told:
            shown["senses"] = {name: None if sense is None else sense.name for name, sense in told.items()}
        print(json.dumps(shown))
    elif options.out:
        print(f"{options.out}: {len(tree.nodes)} nodes, {len(tree.leaves)} leaves")
    else:
        _draw(tree)
    if told and not options.json:
        _print_senses(told)
    return DONE


def get_wordnet(options: argparse.Namespace) -> int:
    from hierapp.data import wordnet_files

    print(f"The WordNet dictionary is in {wordnet_files.get()}.")
    return DONE


def _senses(given: Sequence[str]) -> dict[str, str]:
    found = dict(each.rpartition("=")[::2] for each in given)
    if not all(found) or not all(found.values()):
        raise TreeError(f"Expected a sense as CLASS=SENSE, such as orange=orange.n.01, but got {given[-1][:60]!r}.")
    return found


def _print_senses(senses: Mapping[str, Sense | None]) -> None:
    print("\nThe senses; change one by --sense CLASS=SENSE.")
    width = max(map(len, senses))
    for name, sense in senses.items():
        said = "not in WordNet" if sense is None else f"{sense.name}  {sense.synset.gloss[:80]}"
        print(f"  {name:{width}}  {said}")


def _lines(file: str) -> list[str]:
    try:
        text = text_files.decode(reading.read_bytes(Path(file)))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise TreeError(
            f"The file {one_line(file)[:200]!r} cannot be read ({reason}); expected a text file with the name of a"
            " class on each line."
        ) from None
    return [line.strip() for line in text.splitlines() if line.strip()]


def list_drafts(options: argparse.Namespace) -> int:
    from hierapp.trees import draft_library

    found = draft_library.entries()
    if options.json:
        print(json.dumps([asdict(entry) for entry in found]))
    elif not found:
        print("There are no drafts; draw a tree in the Studio.")
    else:
        for entry in found:
            at = time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.changed))
            print(f"{entry.id}  {at}  {entry.data or '-':15}  {one_line(entry.title)}")
    return DONE
