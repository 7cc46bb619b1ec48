"""The most probable leaf."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hierapp.decoding.spec import Arithmetic, Case, DecoderSpec, Line
from hierapp.decoding.tables import Rows
from hierapp.utils.numbers import of_log


def predict(rows: Rows) -> Any:
    """Return argmax of z over the leaves, as node indices [n]."""
    return rows.leaves_at(rows.p.argmax(1))


def explain(case: Case, node: int, options: Mapping[str, Any]) -> Arithmetic:
    """Show z of each leaf as the product along its path."""
    lines = []
    for leaf in case.tree.leaf_nodes.tolist():
        factors = " · ".join(of_log(case.log_p[v]) for v in case.tree.path(leaf)[1:])
        shown = of_log(case.log_z[leaf])
        product = f"{factors} = {shown}" if factors != shown else shown
        lines.append(Line.of(case, leaf, case.z[leaf], f"z = {product}", leaf == node))
    return lines, f"The most likely leaf is {case.tree.nodes[node]}, with {of_log(case.log_z[node])}."


DECODER = DecoderSpec(
    name="leaf",
    title="the most likely class",
    formula="argmax over leaves l of P(l)",
    source="",
    predict=predict,
    order=1,
    leaves_only=True,
    explain=explain,
)
