"""Decomposition of the losses that read one softmax over all leaves: contributions by leaf, by edge or by level."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from hierapp.lab.contributions import Contribution, Term, contribution
from hierapp.lab.example import Example
from hierapp.losses.level_weights import checked_levels
from hierapp.similarities.similarity import bounded, tree_similarity
from hierapp.trees.distances import largest_distance
from hierapp.utils.numbers import number, of_log

# A sum is written with up to this number of summands, the largest ones.
SHOWN = 4


def cross_entropy(example: Example, option_values: Mapping[str, Any]) -> list[Term]:
    """-log p of the true leaf; with label smoothing, also the smoothed part of the target over all leaves."""
    smoothing, size = option_values["label_smoothing"], len(example.tree.leaves)
    if not smoothing:
        return [_own(example, 1.0)]
    terms = [_own(example, 1.0 - smoothing)]
    contributions = tuple(
        contribution(
            leaf, -smoothing / size * log_p, "ε/L · −log p", f"{number(smoothing / size)} · −log {of_log(log_p)}"
        )
        for leaf, log_p in _leaves(example)
    )
    note = "A share of the target is distributed uniformly over all leaves, so certainty is penalized."
    return [*terms, Term("smoothing", "label smoothing", contributions, note)]


def frame(example: Example, option_values: Mapping[str, Any]) -> list[Term]:
    """-log p of the true leaf, computed behind the fixed head."""
    return [_own(example, 1.0)]


def regularized(example: Example, option_values: Mapping[str, Any]) -> list[Term]:
    """Cross-entropy plus the weighted negative entropy of the output."""
    penalty = option_values["penalty"]
    contributions = tuple(
        contribution(
            leaf,
            penalty * math.exp(log_p) * log_p,
            "λ · p log p",
            f"{number(penalty)} · {of_log(log_p)} · log {of_log(log_p)}",
        )
        for leaf, log_p in _leaves(example)
    )
    note = "The negative entropy: it lowers the loss of uncertain outputs and does not use the tree."
    return [_own(example, 1.0), Term("entropy", "negative entropy", contributions, note, constant=penalty == 0)]


def soft_labels(example: Example, option_values: Mapping[str, Any]) -> list[Term]:
    """KL(t || p) as the cross-entropy against t plus the negative entropy of t, which depends on no logit."""
    tree, kind = example.tree, option_values["distance"]
    distances = tree.distances(kind)[example.target]
    weights = -option_values["beta"] * distances / max(largest_distance(tree, kind), 1)
    log_t = weights - np.logaddexp.reduce(weights)
    cross, own = [], []
    for (leaf, log_p), share in zip(_leaves(example), log_t.tolist(), strict=True):
        t = math.exp(share)
        cross.append(contribution(leaf, -t * log_p, "t · −log p", f"{of_log(share)} · −log {of_log(log_p)}"))
        own.append(contribution(leaf, t * share, "t · log t", f"{of_log(share)} · log {of_log(share)}"))
    spread = f"The target t is spread over nearby classes by the distance {kind}."
    return [
        Term("cross-entropy", "cross-entropy against t", tuple(cross), spread),
        Term(
            "target", "negative entropy of t", tuple(own), "Constant: it does not depend on the logits.", constant=True
        ),
    ]


def simloss(example: Example, option_values: Mapping[str, Any]) -> list[Term]:
    """Cross-entropy minus the credit for similar classes."""
    similarity = bounded(tree_similarity(example.tree), option_values["lower_bound"])[example.target]
    log_p = np.array(example.leaf_log_probs)
    alike = np.flatnonzero(similarity)
    log_credits = log_p[alike] + np.log(similarity[alike])
    log_sum = float(np.logaddexp.reduce(log_credits))
    own = example.leaf_log_probs[example.target]
    by_size = alike[np.argsort(-log_credits, kind="stable")].tolist()
    summands = [f"{number(float(similarity[c]))} · {of_log(example.leaf_log_probs[c])}" for c in by_size[:SHOWN]]
    total = " + ".join(summands + ["…"] * (len(by_size) > SHOWN))
    credit = contribution(
        example.target_node, own - log_sum, "log p(y) − log Σ S p", f"log {of_log(own)} − log ({total})"
    )
    note = "Similar classes add to the probability of the true one: the loss falls from −log p(y) to −log Σ S p."
    return [_own(example, 1.0), Term("credit", "credit for similar classes", (credit,), note)]


def tree_wasserstein(example: Example, option_values: Mapping[str, Any]) -> list[Term]:
    """The probability that crosses each edge, identified by the node below the edge."""
    path, contributions = set(example.true_path), []
    for node in range(1, len(example.tree.nodes)):
        below = int(node in path)
        # On the true path, sum over the leaves outside the node: this is accurate even for z close to 1.
        value = _beside(example, node) if below else example.z[node]
        contributions.append(
            contribution(node, value, "|z(e) − [y below e]|", f"|{of_log(example.log_z[node])} − {below}|")
        )
    return [Term("edges", "probability over each edge", tuple(contributions), "Every edge has length 1.")]


def level_wise(example: Example, option_values: Mapping[str, Any]) -> list[Term]:
    """The cross-entropy of each level's marginals; a leaf above a level represents itself at that level."""
    path = example.true_path
    weights = checked_levels(example.tree, option_values["weights"])
    contributions: list[Contribution] = []
    for level, weight in enumerate(weights, start=1):
        node = path[min(level, len(path) - 1)]
        put_in = f"{number(weight)} · −log {of_log(example.log_z[node])}"
        contributions.append(contribution(node, -weight * example.log_z[node], "w · −log z(v)", put_in, level))
    note = "At each level the target is the true leaf's ancestor."
    return [Term("levels", "cross-entropy of each level", tuple(contributions), note)]


def _leaves(example: Example) -> list[tuple[int, float]]:
    """Return the node and log p of each leaf."""
    return list(zip(example.tree.leaf_nodes.tolist(), example.leaf_log_probs, strict=True))


def _own(example: Example, share: float) -> Term:
    """Return the cross-entropy of the true leaf, times `share`."""
    log_p = example.leaf_log_probs[example.target]
    if share == 1.0:
        own = contribution(example.target_node, -log_p, "−log p(y)", f"−log {of_log(log_p)}")
    else:
        put_in = f"{number(share)} · −log {of_log(log_p)}"
        own = contribution(example.target_node, -share * log_p, "(1 − ε) · −log p(y)", put_in)
    return Term("cross-entropy", "cross-entropy", (own,), "It depends on the true leaf's probability only.")


def _beside(example: Example, node: int) -> float:
    """Return the total probability of the leaves that are not below a node."""
    start, stop = example.tree.leaf_ranges[node].tolist()
    p = example.leaf_probabilities
    return math.fsum(p[:start] + p[stop:])
