"""The deepest node whose probability reaches a threshold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hierapp.decoding.spec import Arithmetic, Case, DecoderSpec, Line
from hierapp.decoding.tables import Rows
from hierapp.utils.numbers import number, of_log
from hierapp.utils.options import Option

# Log-probabilities in single precision have an error of about 1e-7: values this close to the threshold reach it.
ROUNDING = 1e-6


def predict(rows: Rows, threshold: float) -> Any:
    """Return the deepest node with z >= threshold, which may be internal, as node indices [n].

    Nodes of equal depth can both qualify if the threshold is at most 0.5: then choose the most probable, and the first
    among equally probable nodes. The root always qualifies.
    """
    z = rows.z
    reached = (z >= threshold - ROUNDING) | (rows.tables.columns == 0)
    # z is at most 1, so it decides only between nodes of equal depth.
    rank = rows.xp.where(reached, 2.0 * rows.tables.depth + z.clip(0.0, 1.0), 0.0)
    # The last digits of sums are ignored: they depend on the device.
    return rows.first_largest(rank, 1e-10)


def explain(case: Case, node: int, options: Mapping[str, Any]) -> Arithmetic:
    """Show z of each node, and whether it reaches the threshold."""
    least, lines = float(options["threshold"]), []
    for v, depth in enumerate(case.tree.depth.tolist()):
        sign = "≥" if v == 0 or case.z[v] >= least - ROUNDING else "<"
        formula = f"z = {of_log(case.log_z[v])} {sign} {number(least)}, depth {depth}"
        lines.append(Line.of(case, v, case.z[v], formula, v == node))
    likely = of_log(case.log_z[node])
    return lines, f"The deepest node with z ≥ {number(least)} is {case.tree.nodes[node]}, with {likely}."


DECODER = DecoderSpec(
    name="threshold",
    title="the deepest node above a probability",
    formula="the deepest node with z ≥ t; of equally deep ones the most likely",
    source="",
    predict=predict,
    options=(Option("threshold", 0.5, "the least probability of the prediction", high=1.0),),
    order=4,
    explain=explain,
)
