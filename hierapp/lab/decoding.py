"""Predictions of each decoder for an example, with the arithmetic; the predictions are those of `hierapp.decoding`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hierapp.decoding.decoders import DECODERS, decode_probabilities
from hierapp.decoding.spec import Line
from hierapp.lab.choices import INITIAL_DECODERS, DecoderChoice
from hierapp.lab.example import Example
from hierapp.trees import LabelTree

# Upper bound on rows times nodes decoded in one batch.
PART = 2**22


@dataclass(frozen=True)
class Decision:
    """A decoder's prediction.

    Attributes:
        choice: the decoder.
        node: the predicted node, a position in `tree.nodes`.
        name: the name of that node.
        right: whether that node is the true leaf or one of its ancestors.
        exact: whether that node is the true leaf.
        lines: the arithmetic, such as z of each leaf for leaf, and the children at each choice for top-down.
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
    lines, summary = DECODERS[choice.rule].explain(example, node, choice.option_values)
    return Decision(
        choice=choice,
        node=node,
        name=example.tree.nodes[node],
        right=node in example.true_path,
        exact=node == example.target_node,
        lines=tuple(lines),
        summary=summary,
    )


def decide_all(example: Example, choices: Iterable[DecoderChoice] = INITIAL_DECODERS) -> tuple[Decision, ...]:
    """Apply each decoder to the same example, in order."""
    return tuple(decide(example, choice) for choice in choices)


def predicted(leaf_log_probs: ArrayLike, tree: LabelTree, choice: DecoderChoice) -> NDArray[np.int64]:
    """Return the predictions of a decoder for rows [n, L] of leaf log-probabilities, as positions [n] in `tree.nodes`.

    Rows are normalized in double precision and rounded before decoding, so that equally likely leaves stay tied: the
    log-probabilities of an example and those of the stored row it comes from differ in the last digit.

    Raises:
        ConfigError: if the decoder is unknown or an option is invalid.
    """
    rows, option_values = np.asarray(leaf_log_probs), choice.option_values
    found = [np.empty(0, np.int64)]
    size = max(1, PART // len(tree.nodes))
    for start in range(0, len(rows), size):
        part = rows[start : start + size].astype(np.float64)
        part -= part.max(1, keepdims=True)
        part -= np.log(np.exp(part).sum(1, keepdims=True))
        found.append(decode_probabilities(np.exp(part.round(10)), tree, choice.rule, **option_values))
    return np.concatenate(found)
