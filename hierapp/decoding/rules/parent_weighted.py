"""A heuristic: leaves weighted by the probability of their parent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hierapp.decoding.spec import Arithmetic, Case, DecoderSpec, Line
from hierapp.decoding.tables import Rows
from hierapp.utils.numbers import number, of_log


def predict(rows: Rows) -> Any:
    """Return argmax over leaves l of P(l) z(parent(l)), as node indices [n]."""
    parents = rows.tables.parents[rows.tables.leaf_nodes]
    return rows.leaves_at(rows.first_largest(rows.p * rows.z[:, parents], 1e-12))


def explain(case: Case, node: int, options: Mapping[str, Any]) -> Arithmetic:
    """Show the product of each leaf."""
    tree, lines, best = case.tree, [], 0.0
    for leaf in tree.leaf_nodes.tolist():
        parent = max(int(tree.parents[leaf]), 0)
        value = case.z[leaf] * case.z[parent]
        best = value if leaf == node else best
        formula = f"{of_log(case.log_z[leaf])} · {of_log(case.log_z[parent])} = {number(value)}"
        lines.append(Line.of(case, leaf, value, formula, leaf == node))
    return lines, f"The leaf with the largest z · z(parent) is {tree.nodes[node]}, with {number(best)}."


DECODER = DecoderSpec(
    name="parent-weighted",
    title="the class whose probability times that of its parent is largest",
    formula="argmax over leaves l of P(l) z(parent(l))",
    source="a heuristic, as a baseline",
    predict=predict,
    order=8,
    leaves_only=True,
    explain=explain,
)
