"""Decomposition of the losses whose outputs are scores of nodes, not probabilities given the parent."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from hierapp.lab.contributions import Contribution, Term, contribution
from hierapp.lab.example import Example
from hierapp.utils.numbers import number


def softmax_margin(example: Example, option_values: Mapping[str, Any]) -> list[Term]:
    """Minus the logit of the true node, and the log-sum-exp of all nodes, raised by their margins."""
    logits = np.array([0.0, *example.logits])
    raised = logits + option_values["tau"] * _margins(example, option_values["margin"])
    own, total = -float(logits[example.target_node]), float(np.logaddexp.reduce(raised))
    note = "The softmax is over all nodes, inner ones included; the root's logit is 0. Right answers have no margin."
    first = contribution(example.target_node, own, "−u(y)", f"−({number(-own)})")
    second = contribution(example.target_node, total, "log Σ exp(u + τ m)", f"log e^{number(total)}")
    return [
        Term("own", "true node", (first,), "It depends on the true node's logit only."),
        Term("all", "all nodes with margins", (second,), note),
    ]


def tree_min_focal(example: Example, option_values: Mapping[str, Any]) -> list[Term]:
    """One binary cross-entropy for each node, with a minimum over ancestors or a maximum over descendants."""
    gamma, path = option_values["gamma"], set(example.true_path)
    parents = example.tree.parents.tolist()
    least, most = [math.inf, *example.logits], [-math.inf, *example.logits]
    for node in range(1, len(parents)):
        least[node] = min(least[node], least[parents[node]])
    for node in range(len(parents) - 1, 0, -1):
        most[parents[node]] = max(most[parents[node]], most[node])
    present: list[Contribution] = []
    absent: list[Contribution] = []
    for node in range(1, len(parents)):
        if node in path:
            present.append(_focal(node, -least[node], gamma, "−(1 − a)^γ log a", 1 / _odds(least[node])))
        else:
            absent.append(_focal(node, most[node], gamma, "−b^γ log(1 − b)", 1 / _odds(most[node])))
    return [
        Term("present", "nodes on the true path", tuple(present), "a is the least score of a node and its ancestors."),
        Term("absent", "other nodes", tuple(absent), "b is the largest score of a node and its descendants."),
    ]


def _focal(node: int, logit: float, gamma: float, symbols: str, score: float) -> Contribution:
    """Return sigmoid(logit)^gamma * softplus(logit)."""
    log_p, cost = -float(np.logaddexp(0.0, -logit)), float(np.logaddexp(0.0, logit))
    letter = "a" if symbols.startswith("−(") else "b"
    return contribution(node, math.exp(gamma * log_p) * cost, symbols, f"γ {number(gamma)}, {letter} {number(score)}")


def _odds(logit: float) -> float:
    """Return 1 + exp(-logit), the inverse of the sigmoid."""
    return 1 + math.exp(min(-logit, 700.0))


def _margins(example: Example, kind: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    tree, path = example.tree, example.true_path
    margins = np.zeros(len(tree.nodes))
    for node in range(len(tree.nodes)):
        above = tree.path(node)
        common = sum(a == b for a, b in zip(above, path, strict=False))
        margins[node] = float(node not in path) if kind == "incorrect" else len(above) + len(path) - 2 * common
    return margins
