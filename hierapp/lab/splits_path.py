"""Splits of the losses that sum decisions along the true path: a part a node, plus what is summed over other nodes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from hierapp.lab.contributions import Part, Term, part
from hierapp.lab.example import Scene
from hierapp.lab.numbers import number, of_log


def conditional(scene: Scene, settings: Mapping[str, Any]) -> list[Term]:
    """-log p(v) of each decision on the true path."""
    return [_path_term([_surprise(scene, v) for v in scene.true_path[1:]], "Every decision counts alike.")]


def hierarchical(scene: Scene, settings: Mapping[str, Any]) -> list[Term]:
    """The report's (2): path term, mass term, and soft labels off the path if they have a weight."""
    tree, path = scene.tree, scene.true_path
    if settings["targets"] == "leaf":
        first = _path_term([_surprise(scene, v) for v in path[1:]], "Leaf targets: every decision counts once.")
    else:
        steps = [_weighted(scene, v, float(len(path) - at), "s(v)") for at, v in enumerate(path[1:], start=1)]
        first = _path_term(steps, "Path targets: s(v) counts the steps left to the leaf, v's own included.")
    mass, internal = settings["mass"], tree.internal_nodes.tolist()
    parts = tuple(
        part(i, mass * scene.z[i], "m · z(v)", f"{number(mass)} · {of_log(scene.log_z[i])}") for i in internal
    )
    levels = int(tree.depth.max()) - 1
    note = (
        f"Constant: all leaves are equally deep, so that each of the {levels} internal levels holds probability 1."
        if tree.is_uniform_depth
        else "Not constant: a deep leaf has more inner nodes above it, so this term charges each leaf by its depth."
    )
    constant = tree.is_uniform_depth or mass == 0
    terms = [first, Term("mass", "mass of the inner nodes", parts, note if mass else "Its weight is 0.", constant)]
    return terms + _soft(scene, settings, lambda node: 1.0, "")


def convex(scene: Scene, settings: Mapping[str, Any]) -> list[Term]:
    """The report's (4) with the plus sign, and soft labels off the path if they have a weight."""
    parts = [
        part(v, -scene.log_p[v] / depth, "−log p(v) / depth(parent)", f"−log {of_log(scene.log_p[v])} / {depth}")
        for depth, v in enumerate(scene.true_path[1:], start=1)
    ]
    depths = scene.tree.depth.tolist()
    return [
        _path_term(parts, "Each decision is divided by the depth at which it is made."),
        *_soft(scene, settings, lambda node: 1.0 / depths[node], " / depth(i)"),
    ]


def hxe(scene: Scene, settings: Mapping[str, Any]) -> list[Term]:
    """HXE: decisions weighed by exp(-alpha * steps); the same probabilities in both parametrizations."""
    alpha = settings["alpha"]
    total = 1.0
    if settings["normalize"]:
        total = math.fsum(math.exp(-alpha * (depth - 1)) for depth in scene.tree.depth.tolist())
    parts = [
        _weighted(scene, v, math.exp(-alpha * step) / total, "w(v)") for step, v in enumerate(scene.true_path[1:], 1)
    ]
    said = " over the sum of all nodes' weights" if settings["normalize"] else ""
    return [_path_term(parts, f"w(v) falls by e^−{number(alpha)} at each step away from the root{said}.")]


def _path_term(parts: list[Part], note: str) -> Term:
    return Term("path", "true path", tuple(parts), note)


def _surprise(scene: Scene, v: int) -> Part:
    return part(v, -scene.log_p[v], "−log p(v)", f"−log {of_log(scene.log_p[v])}")


def _weighted(scene: Scene, v: int, weight: float, symbol: str) -> Part:
    value = -weight * scene.log_p[v]
    return part(v, value, f"{symbol} · −log p(v)", f"{number(weight)} · −log {of_log(scene.log_p[v])}")


def _soft(scene: Scene, settings: Mapping[str, Any], node_weight: Callable[[int], float], divided: str) -> list[Term]:
    """KL(uniform || p) at the internal nodes off the true path; nothing if the weight is 0."""
    soft = settings["soft"]
    if not soft:
        return []
    off = [node for node in scene.tree.internal_nodes.tolist() if node not in scene.true_path]
    mean = settings["soft_reduction"] == "mean"
    share = 1.0 / max(len(off), 1) if mean else 1.0
    parts = []
    for i in off:
        below = scene.tree.children[i]
        surprise = -math.fsum(scene.log_p[child] for child in below) / len(below)
        factor = soft * share * node_weight(i)
        value = factor * (surprise - math.log(len(below)))
        symbols = f"soft{' / n' if mean else ''}{divided} · KL(uniform ‖ p)"
        put_in = f"{number(factor)} · ({number(surprise)} − log {len(below)})"
        parts.append(part(i, value, symbols, put_in))
    note = "Off the true path every decision is pulled towards the uniform one; KL is 0 there."
    return [Term("soft", "soft labels off the path", tuple(parts), note, constant=not parts)]
