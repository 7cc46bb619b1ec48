"""Decomposition of the losses that sum decisions along the true path: one contribution per node, plus other terms."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from hierapp.lab.contributions import Contribution, Term, contribution
from hierapp.lab.example import Example
from hierapp.losses.decay import step_decay
from hierapp.utils.numbers import number, of_log


def conditional(example: Example, option_values: Mapping[str, Any]) -> list[Term]:
    """-log p(v) of each decision on the true path."""
    return [_path_term([_surprise(example, v) for v in example.true_path[1:]], "Every decision has the same weight.")]


def hierarchical(example: Example, option_values: Mapping[str, Any]) -> list[Term]:
    """The paper's eq. (2): path term, mass term, and soft labels off the path if their weight is not 0."""
    tree, path = example.tree, example.true_path
    if option_values["targets"] == "leaf":
        first = _path_term([_surprise(example, v) for v in path[1:]], "Leaf targets: every decision has weight 1.")
    else:
        steps = [_weighted(example, v, float(len(path) - at), "s(v)") for at, v in enumerate(path[1:], start=1)]
        first = _path_term(steps, "Path targets: s(v) is the number of remaining steps to the leaf, including v.")
    mass, internal = option_values["mass"], tree.internal_nodes.tolist()
    contributions = tuple(
        contribution(i, mass * example.z[i], "m · z(v)", f"{number(mass)} · {of_log(example.log_z[i])}")
        for i in internal
    )
    levels = int(tree.depth.max()) - 1
    note = (
        f"Constant: all leaves have the same depth, so each of the {levels} internal levels has probability 1."
        if tree.is_uniform_depth
        else "Not constant: a deep leaf has more internal nodes above it, so this term penalizes each leaf by its "
        "depth."
    )
    constant = tree.is_uniform_depth or mass == 0
    terms = [
        first,
        Term("mass", "mass of the internal nodes", contributions, note if mass else "Its weight is 0.", constant),
    ]
    return terms + _soft(example, option_values, lambda node: 1.0, "")


def convex(example: Example, option_values: Mapping[str, Any]) -> list[Term]:
    """The paper's eq. (4) with the plus sign, and soft labels off the path if their weight is not 0."""
    contributions = [
        contribution(
            v, -example.log_p[v] / depth, "−log p(v) / depth(parent)", f"−log {of_log(example.log_p[v])} / {depth}"
        )
        for depth, v in enumerate(example.true_path[1:], start=1)
    ]
    depths = example.tree.depth.tolist()
    return [
        _path_term(contributions, "Each decision is divided by the depth at which it is made."),
        *_soft(example, option_values, lambda node: 1.0 / depths[node], " / depth(i)"),
    ]


def hxe(example: Example, option_values: Mapping[str, Any]) -> list[Term]:
    """HXE: decisions weighted by exp(-alpha * steps); both parametrizations give the same probabilities."""
    alpha, normalize, decay = (option_values[name] for name in ("alpha", "normalize", "decay"))
    weights = step_decay(example.tree, alpha, normalize, decay).tolist()
    contributions = [
        _weighted(example, v, weight, "w(v)") for v, weight in zip(example.true_path[1:], weights, strict=False)
    ]
    said = " divided by the sum of all node weights" if normalize else ""
    away = "decreases by e^−" if decay == "root" else "increases by e^"
    return [
        _path_term(
            contributions,
            f"w(v) {away}{number(alpha)} at each step away from the root{said}.",
        )
    ]


def _path_term(contributions: list[Contribution], note: str) -> Term:
    return Term("path", "true path", tuple(contributions), note)


def _surprise(example: Example, v: int) -> Contribution:
    return contribution(v, -example.log_p[v], "−log p(v)", f"−log {of_log(example.log_p[v])}")


def _weighted(example: Example, v: int, weight: float, symbol: str) -> Contribution:
    value = -weight * example.log_p[v]
    return contribution(v, value, f"{symbol} · −log p(v)", f"{number(weight)} · −log {of_log(example.log_p[v])}")


def _soft(
    example: Example, option_values: Mapping[str, Any], node_weight: Callable[[int], float], divided: str
) -> list[Term]:
    """KL(uniform || p) at the internal nodes off the true path; no term if the weight is 0."""
    soft = option_values["soft"]
    if not soft:
        return []
    off = [node for node in example.tree.internal_nodes.tolist() if node not in example.true_path]
    mean = option_values["soft_reduction"] == "mean"
    share = 1.0 / max(len(off), 1) if mean else 1.0
    contributions = []
    for i in off:
        below = example.tree.children[i]
        surprise = -math.fsum(example.log_p[child] for child in below) / len(below)
        factor = soft * share * node_weight(i)
        value = factor * (surprise - math.log(len(below)))
        symbols = f"soft{' / n' if mean else ''}{divided} · KL(uniform ‖ p)"
        put_in = f"{number(factor)} · ({number(surprise)} − log {len(below)})"
        contributions.append(contribution(i, value, symbols, put_in))
    note = "Off the true path every decision is pulled towards the uniform distribution, where KL is 0."
    return [Term("soft", "soft labels off the path", tuple(contributions), note, constant=not contributions)]
