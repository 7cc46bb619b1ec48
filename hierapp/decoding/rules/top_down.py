"""From the root, always to the most probable child."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from hierapp.decoding import arrays
from hierapp.decoding.spec import Arithmetic, Case, DecoderSpec, Line
from hierapp.decoding.tables import Rows
from hierapp.utils.numbers import of_log


def predict(rows: Rows) -> Any:
    """Return the leaf that is reached by moving from the root to the most probable child, as node indices [n]."""
    tables, xp = rows.tables, rows.xp
    z, last = rows.z[:, 1:], len(rows.tree.nodes)
    if not z.shape[1]:
        return rows.leaves_at(rows.p.argmax(1))
    best = arrays.largest_child(z, tables)
    # Among equally probable children, choose the first. Sums of the same numbers in a different order differ in the
    # last digits; this counts as equal.
    near = z >= (1 - 1e-9) * arrays.columns(best, tables.group)
    chosen = -arrays.largest_child(xp.where(near, -tables.columns[1:], -last), tables)
    node = chosen[:, :1] * 0
    for _ in range(int(rows.tree.depth.max()) - 1):
        below = tables.place[node]
        # A leaf has no position among the internal nodes and is final.
        node = xp.where(below < 0, node, arrays.along(chosen, below.clip(0)))
    return node[:, 0]


def explain(case: Case, node: int, options: Mapping[str, Any]) -> Arithmetic:
    """Show the children at each choice."""
    lines = []
    path = case.tree.path(node)
    for above, taken in pairwise(path):
        for child in case.tree.children[above]:
            formula = f"p = {of_log(case.log_p[child])}"
            lines.append(Line.of(case, child, case.p[child], formula, child == taken))
    steps = ", then ".join(f"{case.tree.nodes[v]} ({of_log(case.log_p[v])})" for v in path[1:])
    return lines, f"From the root down, the most likely child at each step: {steps}."


DECODER = DecoderSpec(
    name="top-down",
    title="the most likely child at each node, from the root",
    formula="from the root, argmax over children v of p(v)",
    source="",
    predict=predict,
    order=2,
    leaves_only=True,
    explain=explain,
)
