"""From the most probable leaf up to the first node that is probable enough."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hierapp.decoding import arrays
from hierapp.decoding.climbing import way_up
from hierapp.decoding.spec import Arithmetic, Case, DecoderSpec, Line
from hierapp.decoding.tables import Rows
from hierapp.utils.numbers import number, of_log
from hierapp.utils.options import Option

# Sums of the same probabilities differ in the last digits, by the order of their terms.
ROUNDING = 1e-12


def predict(rows: Rows, threshold: float) -> Any:
    """Return the first node with z > threshold on the way from the most probable leaf to the root, [n].

    The root if there is none.
    """
    path, z = way_up(rows)
    steps = rows.tables.columns[: path.shape[1]]
    enough = rows.xp.where(z > threshold + ROUNDING, steps, 0)
    return arrays.along(path, rows.xp.amax(enough, 1)[:, None])[:, 0]


def explain(case: Case, node: int, options: Mapping[str, Any]) -> Arithmetic:
    """Show z of the nodes on the way up, until the first that exceeds the threshold."""
    least, lines = float(options["threshold"]), []
    leaves = case.tree.leaf_nodes.tolist()
    leaf = leaves[max(range(len(leaves)), key=case.leaf_probabilities.__getitem__)]
    way = case.tree.path(leaf)[::-1]
    if node not in way:  # another of several equally likely leaves
        leaf = int(case.tree.leaf_nodes[case.tree.leaf_ranges[node, 0]])
        way = case.tree.path(leaf)[::-1]
    for v in way[: way.index(node) + 1]:
        sign = ">" if case.z[v] > least + ROUNDING else "≤"
        formula = f"z = {of_log(case.log_z[v])} {sign} {number(least)}"
        lines.append(Line.of(case, v, case.z[v], formula, v == node))
    found = f"the first node with z > {number(least)} is {case.tree.nodes[node]}, with {of_log(case.log_z[node])}"
    return lines, f"From the most likely leaf, {case.tree.nodes[leaf]}, up: {found}."


DECODER = DecoderSpec(
    name="climb",
    title="from the most likely class up, the first node above a probability",
    formula="the first node with z > θ on the way from the most likely leaf to the root",
    source="Goren et al., NeurIPS 2024",
    predict=predict,
    options=(
        Option(
            "threshold",
            0.5,
            "the probability to exceed; `climb_threshold` computes the one that is right for a given share of samples",
            high=1.0,
        ),
    ),
    order=7,
    explain=explain,
)
