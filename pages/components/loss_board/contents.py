"""Contents of the board as plain data; all numbers are formatted here, so that the browser only places them."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Any

from hierapp.lab.choices import DecoderChoice, LossChoice
from hierapp.lab.decoding import Decision, decide_all
from hierapp.lab.descent import Descent
from hierapp.lab.example import Example
from hierapp.lab.judgement import Judgement, Refusal, judge_all
from hierapp.utils.numbers import number, of_log, signed

# Maximum number of nodes drawn; larger trees show the true path, the paths to predictions, and their child nodes.
MOST_ROWS = 60
MOST_LINES = 14
READS = {
    "nodes": "one logit per node",
    "leaves": "one logit per leaf, log z",
    "head": "one output per node; the fixed head makes log z of them",
}
EVERY = 4  # an animation shows one of this number of descent steps


def contents(
    example: Example,
    losses: Sequence[LossChoice],
    decoders: Sequence[DecoderChoice],
    shows: Collection[str],
    look: int | None = None,
    ready: bool = True,
) -> dict[str, Any]:
    """Return the tree, the cards of the losses and decoders, and the formulas of the selected node.

    Args:
        example: the example.
        losses: the losses to show.
        decoders: the decoders to show; their predictions are also marked in the tree.
        shows: any of "tree", "losses", "formulas" and "decoders".
        look: the node whose formulas are shown; None for no node.
        ready: whether torch may be used; without it only the tree is returned.
    """
    cards = bool({"losses", "formulas"} & set(shows))
    words = judge_all(example, losses) if ready and (cards or look is not None) else ()
    decisions = decide_all(example, decoders) if ready and "decoders" in shows else ()
    rows = visible(example, decisions)
    return {
        "tree": tree_part(example, decisions, rows),
        "losses": [_loss(example, word, rows, shows) for word in words] if cards else [],
        "scale": largest_slope(words),
        "decoders": [_decision(each) for each in decisions],
        "look": None if look is None or not 0 <= look < len(example.tree.nodes) else formulas(example, look, words),
    }


def tree_part(example: Example, decisions: Sequence[Decision], rows: Sequence[int]) -> dict[str, Any]:
    """Return names, parents, and the labels of nodes and edges."""
    marks: dict[int, list[str]] = {}
    for decision in decisions:
        marks.setdefault(decision.node, []).append(decision.choice.rule)
    return {
        "names": list(example.tree.nodes),
        "parents": example.tree.parents.tolist(),
        "rows": list(rows),
        "hidden": len(example.tree.nodes) - len(rows),
        "logits": [0.0, *example.logits],
        "logit": ["", *(number(logit) for logit in example.logits)],
        "p": [of_log(each) for each in example.log_p],
        "z": [of_log(each) for each in example.log_z],
        "share": [math.exp(each) for each in example.log_z],
        "path": list(example.true_path),
        "target": example.target_node,
        "marks": {str(node): ", ".join(rules) for node, rules in marks.items()},
    }


def visible(example: Example, decisions: Sequence[Decision] = ()) -> list[int]:
    """Return the nodes to draw, in the tree's order."""
    tree = example.tree
    if len(tree.nodes) <= MOST_ROWS:
        return list(range(len(tree.nodes)))
    paths = dict.fromkeys(example.true_path)
    for decision in decisions:
        paths |= dict.fromkeys(tree.path(decision.node))
    beside = [child for node in paths for child in tree.children[node]]
    return sorted(dict.fromkeys([*paths, *beside][: max(MOST_ROWS, len(paths))]))


def formulas(example: Example, node: int, words: Sequence[Judgement | Refusal]) -> dict[str, Any]:
    """Return the formulas of a node's values, with the numbers inserted."""
    tree, name = example.tree, example.tree.nodes[node]
    lines: list[dict[str, str]] = []
    if node:
        brothers = tree.children[int(tree.parents[node])]
        if len(brothers) <= 8:
            below = " + ".join(f"exp {number(example.logits[each - 1])}" for each in brothers)
            lines.append(
                _row("p", f"p = exp {number(example.logits[node - 1])} / ({below}) = {of_log(example.log_p[node])}")
            )
        else:
            lines.append(_row("p", f"p = {of_log(example.log_p[node])}, a softmax over {len(brothers)} siblings"))
        factors = " · ".join(of_log(example.log_p[each]) for each in tree.path(node)[1:])
        lines.append(_row("z", f"z = {factors} = {of_log(example.log_z[node])}"))
    else:
        lines.append(_row("z", "z = 1: all leaves are below the root"))
    for word in words:
        if isinstance(word, Refusal):
            continue
        parts = [f"{term.title}: {part.text}" for term, part in word.contributions_of(node) if part.text]
        slope = word.gradient[node]
        said = "has no logit here" if slope is None else f"gradient {signed(slope)}"
        if node in word.untouched:
            said = "no gradient on this logit"
        lines.append(_row(word.title, "; ".join([*parts, said])))
    return {"node": node, "name": name, "lines": lines}


def frames(descent: Descent, losses: Sequence[LossChoice], decoders: Sequence[DecoderChoice], shows: Collection[str]
) -> list[dict[str, Any]]:  # fmt: skip
    """Return the contents along a descent, excluding its last example."""
    return [contents(example, losses, decoders, shows) for example in descent.examples[:-1][::EVERY]]


def largest_slope(words: Sequence[Judgement | Refusal]) -> float:
    """Return the largest absolute gradient among the losses, the length of the longest bar."""
    sizes = [abs(slope) for word in words if isinstance(word, Judgement) for slope in word.gradient if slope]
    return max(sizes, default=0.0)


def _loss(example: Example, word: Judgement | Refusal, rows: Sequence[int], shows: Collection[str]) -> dict[str, Any]:
    if isinstance(word, Refusal):
        return {"title": word.title, "refused": word.reason}
    bars = [
        {
            "node": node,
            "slope": word.gradient[node],
            "text": "" if (slope := word.gradient[node]) is None else signed(slope),
            "share": number(word.share_of(node)) if word.contributions_of(node) else "",
            "untouched": node in word.untouched,
        }
        for node in rows
        if node or word.gradient[node] is not None  # some losses have a logit for the root, too
    ]
    return {
        "title": word.title,
        "value": number(word.value),
        "proper": word.is_proper,
        "reason": word.reason,
        "reads": READS[word.reads],
        "terms": [
            {"title": term.title, "value": number(term.value), "constant": term.constant, "note": term.note}
            for term in word.terms
        ],
        "parts": [
            {"name": "" if part.node is None else example.tree.nodes[part.node], "text": part.text}
            for term in word.terms
            for part in term.contributions
            if part.text
        ][:MOST_ROWS]
        if "formulas" in shows
        else [],
        "bars": bars if "losses" in shows else [],
    }


def _decision(decision: Decision) -> dict[str, Any]:
    lines = decision.lines
    if len(lines) > MOST_LINES:
        least = decision.choice.rule == "min-risk"
        best = sorted(lines, key=lambda line: (not line.taken, line.value if least else -line.value))[:MOST_LINES]
        lines = tuple(line for line in lines if line in best)
    return {
        "rule": decision.choice.rule,
        "name": decision.name,
        "verdict": "right" if decision.exact else "right, but not exact" if decision.right else "wrong",
        "summary": decision.summary,
        "left_out": len(decision.lines) - len(lines),
        "lines": [{"text": line.text, "taken": line.taken} for line in lines],
    }


def _row(title: str, text: str) -> dict[str, str]:
    return {"title": title, "text": text}
