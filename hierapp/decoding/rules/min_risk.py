"""The leaf of least expected distance: conditional risk minimization."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from hierapp.decoding import arrays, risks
from hierapp.decoding.spec import Arithmetic, Case, DecoderSpec, Line
from hierapp.decoding.tables import Rows
from hierapp.trees import DISTANCES, DistanceKind
from hierapp.utils.numbers import number
from hierapp.utils.options import Option

# Log-probabilities in single precision have an error of about 1e-7: risks this close count as equal.
ROUNDING = 1e-6


def predict(rows: Rows, distance: DistanceKind) -> Any:
    """Return argmin over leaves of sum_c P(c) d(c, .), as node indices [n].

    Among leaves of equal risk, choose the most probable.
    """
    of_leaves = arrays.columns(risks.node_risks(rows, distance), rows.tables.leaf_nodes)
    return rows.leaves_at(risks.least(of_leaves, rows.p, ROUNDING))


def explain(case: Case, node: int, options: Mapping[str, Any]) -> Arithmetic:
    """Show the risk of each leaf."""
    kind: DistanceKind = options["distance"]
    tree, p, lines = case.tree, np.array(case.leaf_probabilities), []
    risk = 0.0
    for place, distances in enumerate(tree.distances(kind)):
        leaf = int(tree.leaf_nodes[place])
        # Classes at the same distance have the same cost, so their probabilities are summed first.
        steps = [int(step) for step in np.unique(distances) if step > 0]
        shares = [math.fsum(p[distances == step]) for step in steps]
        value = math.fsum(step * share for step, share in zip(steps, shares, strict=True))
        put_in = " + ".join(f"{step} · {number(share)}" for step, share in zip(steps, shares, strict=True)) or "0"
        risk = value if leaf == node else risk
        shown = f"{put_in} = {number(value)}" if steps else put_in
        lines.append(Line.of(case, leaf, value, f"risk = {shown}", leaf == node))
    return lines, f"The leaf with the smallest expected distance ({kind}) is {tree.nodes[node]}, with {number(risk)}."


DECODER = DecoderSpec(
    name="min-risk",
    title="the class with the smallest expected distance",
    formula="argmin over leaves l of Σ_c P(c) d(c, l)",
    source="Karthik et al., ICLR 2021",
    predict=predict,
    options=(Option("distance", "lca-depth", "the distance between leaves", choices=DISTANCES),),
    order=3,
    leaves_only=True,
    explain=explain,
)
