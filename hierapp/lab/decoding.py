"""What each decoder predicts from an example, with its arithmetic; the predictions are those of `hierapp.decoding`."""

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
from hierapp.lab.numbers import latex, number, of_log
from hierapp.trees import DistanceKind, LabelTree

# Probabilities of so many nodes are computed at a time.
PART = 2**22


@dataclass(frozen=True)
class Line:
    """One step of the arithmetic: what it says of a node, and whether the decoder takes that node."""

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
        node: what it predicts, a position in `tree.nodes`.
        name: its name.
        right: whether that is the true leaf, or an inner node above it.
        exact: whether it is the true leaf.
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
    """One decoder on an example.

    Raises:
        ConfigError: for an unknown decoder or a wrong option.
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
    """Each decoder on the same example, in order."""
    return tuple(decide(example, choice) for choice in choices)


def predicted(leaf_log_probs: ArrayLike, tree: LabelTree, choice: DecoderChoice) -> NDArray[np.int64]:
    """What a decoder says of each row [n, L], as positions [n] in `tree.nodes`.

    Normalised in double precision and rounded first, so that leaves which are equally likely stay so, whichever way the
    same probabilities came: a example's way and a stored row's differ in the last digit.

    Raises:
        ConfigError: for an unknown decoder or a wrong option.
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
    """The name stands before the formula in text alone: LaTeX would read signs in it."""
    return Line(node, value, f"{name}: {symbols}{put_in}", latex(f"{symbols}{put_in}"), taken)


def _leaf(example: Example, choice: DecoderChoice, node: int) -> tuple[list[Line], str]:
    lines = []
    for leaf in example.tree.leaf_nodes.tolist():
        factors = " · ".join(of_log(example.log_p[v]) for v in example.tree.path(leaf)[1:])
        shown = of_log(example.log_z[leaf])
        put_in = f"{factors} = {shown}" if factors != shown else shown
        lines.append(_line(leaf, example.z[leaf], "z = ", put_in, leaf == node, example.tree.nodes[leaf]))
    return lines, f"The likeliest leaf is {example.tree.nodes[node]}, with {of_log(example.log_z[node])}."


def _top_down(example: Example, choice: DecoderChoice, node: int) -> tuple[list[Line], str]:
    tree, lines = example.tree, []
    path = tree.path(node)
    for above, taken in pairwise(path):
        for child in tree.children[above]:
            shown = of_log(example.log_p[child])
            lines.append(_line(child, example.p[child], "p = ", shown, child == taken, tree.nodes[child]))
    steps = ", then ".join(f"{tree.nodes[v]} ({of_log(example.log_p[v])})" for v in path[1:])
    return lines, f"From the root down the likeliest child each time: {steps}."


def _min_risk(example: Example, choice: DecoderChoice, node: int) -> tuple[list[Line], str]:
    kind = cast(DistanceKind, choice.option_values["distance"])
    tree, p, lines = example.tree, np.array(example.leaf_probabilities), []
    risk = 0.0
    for place, distances in enumerate(tree.distances(kind)):
        leaf = int(tree.leaf_nodes[place])
        # Classes at the same distance cost the same: their probabilities are added first.
        steps = [int(step) for step in np.unique(distances) if step > 0]
        shares = [math.fsum(p[distances == step]) for step in steps]
        value = math.fsum(step * share for step, share in zip(steps, shares, strict=True))
        put_in = " + ".join(f"{step} · {number(share)}" for step, share in zip(steps, shares, strict=True)) or "0"
        risk = value if leaf == node else risk
        shown = f"{put_in} = {number(value)}" if steps else put_in
        lines.append(_line(leaf, value, "risk = ", shown, leaf == node, tree.nodes[leaf]))
    return lines, f"The leaf of least expected distance ({kind}) is {tree.nodes[node]}, with {number(risk)}."


def _threshold(example: Example, choice: DecoderChoice, node: int) -> tuple[list[Line], str]:
    tree, least = example.tree, float(choice.option_values["threshold"])
    depths, lines = tree.depth.tolist(), []
    for v in range(len(tree.nodes)):
        # The same rounding as the decoder's: what is nearer to the threshold than this is at it.
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
