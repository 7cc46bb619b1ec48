"""The lab in a browser: the ES module that computes what the board shows, and what the board is told of a view.

The module is the folder `module`, JavaScript without dependencies with the structure of the losses here. It is tested
against hierapp's losses and decoders, which remain the authority for what is stored, exported or stated. A loss or
decoder that is not in it is computed here.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from hierapp import losses
from hierapp.errors import ConfigError
from hierapp.lab.choices import DecoderChoice, LossChoice
from hierapp.lab.decoding import decide_all
from hierapp.lab.example import Example
from hierapp.lab.judgement import Judgement, judge_all

FOLDER = Path(__file__).parent / "module"
# Each file imports only from those before it.
FILES = (
    "numbers.js",
    "tree.js",
    "example.js",
    "losses_path.js",
    "losses_flat.js",
    "losses_nodes.js",
    "losses.js",
    "terms.js",
    "decoders.js",
    "contents.js",
)

# The board that draws what the module computes: a component of the app, or the page of one file.
BOARD = ("dom.js", "tree_drawing.js", "cards.js", "board.js")

_IMPORT = re.compile(r'^import (\{[^}]*\}) from "\./([\w.]+)";$', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:const|class|function) (\w+))", re.MULTILINE)


def read(name: str) -> str:
    """Return a file of the module, its style or its markup."""
    return (FOLDER / name).read_text(encoding="utf-8")


def joined(files: Sequence[str] = (*FILES, *BOARD), entry: str = "") -> str:
    """Return files of the module as one file, followed by a file that may import from them.

    Streamlit's components and a page that opens from a disk take one file only. Each file becomes a function that
    returns what it exports, so that names do not collide.
    """
    parts = [_as_function(name) for name in files]
    return "\n".join([*parts, _imported(entry)])


def _as_function(name: str) -> str:
    text = read(name)
    exported = ", ".join(_EXPORT.findall(text))
    body = _EXPORT.sub("", _imported(text))
    return f"const {_variable(name)} = (() => {{\n{body}return {{ {exported} }};\n}})();"


def _imported(text: str) -> str:
    return _IMPORT.sub(lambda found: f"const {found[1]} = {_variable(found[2])};", text)


def _variable(name: str) -> str:
    return "in_" + name.removesuffix(".js")


@cache
def names_in(file: str, table: str) -> frozenset[str]:
    """Return the names in a table of the module, such as the losses that it has."""
    body = read(file).partition(f"export const {table} = {{")[2].partition("\n};")[0]
    return frozenset(re.findall(r'(?:^|,)\s*"?([a-z][a-z-]*)"?(?=\s*[:,])', body, re.MULTILINE))


def view(
    example: Example,
    losses: Sequence[LossChoice],
    decoders: Sequence[DecoderChoice],
    shows: Collection[str],
    ready: bool = True,
) -> dict[str, Any]:
    """Return what the module needs to show an example with losses and decoders.

    Args:
        example: the example.
        losses: the losses to show.
        decoders: the decoders to show.
        shows: any of "tree", "losses", "formulas" and "decoders".
        ready: whether torch may be used, for a loss that the module does not have.
    """
    return {
        "tree": {"names": list(example.tree.nodes), "parents": example.tree.parents.tolist()},
        "logits": list(example.logits),
        "target": example.target,
        "losses": [_loss(example, choice, ready) for choice in losses],
        "decoders": [_decoder(example, choice) for choice in decoders],
        "shows": list(shows),
    }


def is_complete(losses: Sequence[LossChoice], decoders: Sequence[DecoderChoice]) -> bool:
    """Return whether the module has all of these losses and decoders."""
    return {choice.name for choice in losses} <= names_in("losses.js", "LOSSES") and {
        choice.rule for choice in decoders
    } <= names_in("decoders.js", "DECODERS")


def stated(example: Example, losses: Sequence[LossChoice], decoders: Sequence[DecoderChoice]) -> dict[str, Any]:
    """Return the numbers of hierapp's own losses and decoders, with which the browser compares its own; uses torch."""
    return {
        "losses": [
            {"value": each.value, "gradient": list(each.gradient)} if isinstance(each, Judgement) else None
            for each in judge_all(example, losses)
        ],
        "decoders": [decision.node for decision in decide_all(example, decoders)],
    }


def _loss(example: Example, choice: LossChoice, ready: bool) -> dict[str, Any]:
    said: dict[str, Any] = {"name": choice.name, "options": choice.option_values, "title": choice.title}
    try:
        propriety = losses.judge(choice.name, example.tree, dict(choice.options))
    except ConfigError as error:
        return said | {"refused": str(error)}
    said |= {"proper": propriety.is_proper, "reason": propriety.reason}
    if choice.name not in names_in("losses.js", "LOSSES"):
        said["judged"] = _judged(example, choice) if ready else None
    return said


def _judged(example: Example, choice: LossChoice) -> dict[str, Any] | None:
    (found,) = judge_all(example, [choice])
    if not isinstance(found, Judgement):
        return None
    return {
        "value": found.value,
        "reads": found.reads,
        "gradient": list(found.gradient),
        "untouched": list(found.untouched),
        "terms": [
            {
                "title": term.title,
                "note": term.note,
                "constant": term.constant,
                "value": term.value,
                "contributions": [
                    {"node": each.node, "value": each.value, "text": each.text} for each in term.contributions
                ],
            }
            for term in found.terms
        ],
    }


def _decoder(example: Example, choice: DecoderChoice) -> dict[str, Any]:
    said: dict[str, Any] = {"rule": choice.rule, "options": choice.option_values}
    if choice.rule not in names_in("decoders.js", "DECODERS"):
        (found,) = decide_all(example, [choice])
        lines = [
            {"node": line.node, "value": line.value, "text": line.text, "taken": line.taken} for line in found.lines
        ]
        said["decided"] = {"node": found.node, "summary": found.summary, "lines": lines}
    return said
