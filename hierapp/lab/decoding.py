"""Predictions of each decoder for an example, with the arithmetic; the predictions are those of `hierapp.decoding`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hierapp.decoding.explain import decode
from hierapp.lab.choices import EVERY_DECODER, DecoderChoice
from hierapp.lab.example import Example
from hierapp.trees import DistanceKind, LabelTree
from hierapp.utils.numbers import latex, number, of_log

# Upper bound on rows times nodes decoded in one batch.
PART = 2**22


@dataclass(frozen=True)
class Line:
    """One step of the arithmetic: a node, its value and formula, and whether the decoder selects the node."""

    node: int
    value: float
    text: str
    latex: str
    taken: bool


@dataclass(frozen=True)
class Decision:
    """A decoder's prediction.

    Attributes:
        choice: the decoder.
        node: the predicted node, a position in `tree.nodes`.
        name: the name of that node.
        right: whether that node is the true leaf or one of its ancestors.
        exact: whether that node is the true leaf.
        lines: the arithmetic. leaf: z of each leaf; top-down: the children at each choice; min-risk: the risk of each
            leaf; threshold: z of each node.
        summary: one sentence.
    """

    choice: DecoderChoice
    node: int
    name: str
    right: bool
    exact: bool
    lines: tuple[Line, ...]
    summary: str


def decide(example: Example, choice: DecoderChoice) -> Decision:
    """Apply one decoder to an example.

    Raises:
        ConfigError: if the decoder is unknown or an option is invalid.
    """
    node = int(predicted([example.leaf_log_probs], example.tree, choice)[0])
    lines, summary = _ARITHMETIC[choice.rule](example, choice, node)
    return Decision(
        choice=choice,
        node=node,
        name=example.tree.nodes[node],
        right=node in example.true_path,
        exact=node == example.target_node,
        lines=tuple(lines),
        summary=summary,
    )


def decide_all(example: Example, choices: Iterable[DecoderChoice] = EVERY_DECODER) -> tuple[Decision, ...]:
    """Apply each decoder to the same example, in order."""
    return tuple(decide(example, choice) for choice in choices)


def predicted(leaf_log_probs: ArrayLike, tree: LabelTree, choice: DecoderChoice) -> NDArray[np.int64]:
    """Return the predictions of a decoder for rows [n, L] of leaf log-probabilities, as positions [n] in `tree.nodes`.

    Rows are normalised in double precision and rounded before decoding, so that equally likely leaves stay tied: the
    log-probabilities of an example and those of the stored row it comes from differ in the last digit.

    Raises:
        ConfigError: if the decoder is unknown or an option is invalid.
    """
    rows, option_values = np.asarray(leaf_log_probs), cast(dict[str, Any], choice.option_values)
    found = [np.empty(0, np.int64)]
    size = max(1, PART // len(tree.nodes))
    for start in range(0, len(rows), size):
        part = rows[start : start + size].astype(np.float64)
        part -= part.max(1, keepdims=True)
        part -= np.log(np.exp(part).sum(1, keepdims=True))
        found.append(decode(np.exp(part.round(10)), tree, choice.rule, **option_values))
    return np.concatenate(found)


def _line(node: int, value: float, symbols: str, put_in: str, taken: bool, name: str) -> Line:
    """Build a line; the name precedes the formula only in the text, because LaTeX would interpret its characters."""
    return Line(node, value, f"{name}: {symbols}{put_in}", latex(f"{symbols}{put_in}"), taken)


def _leaf(example: Example, choice: DecoderChoice, node: int) -> tuple[list[Line], str]:
    lines = []
    for leaf in example.tree.leaf_nodes.tolist():
        factors = " · ".join(of_log(example.log_p[v]) for v in example.tree.path(leaf)[1:])
        shown = of_log(example.log_z[leaf])
        put_in = f"{factors} = {shown}" if factors != shown else shown
        lines.append(_line(leaf, example.z[leaf], "z = ", put_in, leaf == node, example.tree.nodes[leaf]))
    return lines, f"The most likely leaf is {example.tree.nodes[node]}, with {of_log(example.log_z[node])}."


def _top_down(example: Example, choice: DecoderChoice, node: int) -> tuple[list[Line], str]:
    tree, lines = example.tree, []
    path = tree.path(node)
    for above, taken in pairwise(path):
        for child in tree.children[above]:
            shown = of_log(example.log_p[child])
            lines.append(_line(child, example.p[child], "p = ", shown, child == taken, tree.nodes[child]))
    steps = ", then ".join(f"{tree.nodes[v]} ({of_log(example.log_p[v])})" for v in path[1:])
    return lines, f"From the root down, the most likely child at each step: {steps}."


def _min_risk(example: Example, choice: DecoderChoice, node: int) -> tuple[list[Line], str]:
    kind = cast(DistanceKind, choice.option_values["distance"])
    tree, p, lines = example.tree, np.array(example.leaf_probabilities), []
    risk = 0.0
    for place, distances in enumerate(tree.distances(kind)):
        leaf = int(tree.leaf_nodes[place])
        # Classes at the same distance have the same cost, so their probabilities are summed first.
        steps = [int(step) for step in np.unique(distances) if step > 0]
        shares = [math.fsum(p[distances == step]) for step in steps]
        value = math.fsum(step * share for step, share in zip(steps, shares, strict=True))
        put_in = " + ".join(f"{step} · {number(share)}" for step, share in zip(steps, shares, strict=True)) or "0"
        risk = value if leaf == node else risk
        shown = f"{put_in} = {number(value)}" if steps else put_in
        lines.append(_line(leaf, value, "risk = ", shown, leaf == node, tree.nodes[leaf]))
    return lines, f"The leaf with the smallest expected distance ({kind}) is {tree.nodes[node]}, with {number(risk)}."


def _threshold(example: Example, choice: DecoderChoice, node: int) -> tuple[list[Line], str]:
    tree, least = example.tree, float(choice.option_values["threshold"])
    depths, lines = tree.depth.tolist(), []
    for v in range(len(tree.nodes)):
        # The decoder uses the same tolerance: a value this close to the threshold reaches it.
        sign = "≥" if v == 0 or example.z[v] >= least - 1e-6 else "<"
        put_in = f"{of_log(example.log_z[v])} {sign} {number(least)}, depth {depths[v]}"
        lines.append(_line(v, example.z[v], "z = ", put_in, v == node, tree.nodes[v]))
    likely = of_log(example.log_z[node])
    return lines, f"The deepest node with z ≥ {number(least)} is {tree.nodes[node]}, with {likely}."


_ARITHMETIC: dict[str, Callable[[Example, DecoderChoice, int], tuple[list[Line], str]]] = {
    "leaf": _leaf,
    "top-down": _top_down,
    "min-risk": _min_risk,
    "threshold": _threshold,
}
