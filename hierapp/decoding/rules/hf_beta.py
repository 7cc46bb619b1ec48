"""The node, or the set of nodes, of largest expected hierarchical F score."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from hierapp.decoding import arrays
from hierapp.decoding.best_sets import best_sets
from hierapp.decoding.spec import Arithmetic, Case, DecoderSpec, Line
from hierapp.decoding.tables import Rows
from hierapp.utils.numbers import number
from hierapp.utils.options import Option


def predict(rows: Rows, beta: float, count_root: bool) -> Any:
    """Return argmax over nodes v of the expected F_beta between anc(v) and anc(truth), as node indices [n].

    anc(v) are the ancestors of v and v itself, with or without the root. Among equal nodes, choose the first.
    """
    return rows.first_largest(expected_f(rows, beta, count_root))


def expected_f(rows: Rows, beta: float, count_root: bool) -> Any:
    """Compute the expected F_beta of each node, sum_l P(l) (1 + b^2) |A and B_l| / (|A| + b^2 |B_l|), [n, N].

    A = anc(v) and B_l = anc(l). The number of common ancestors is a sum over the path to v, so that for each depth of
    leaves one pass down the tree is enough.
    """
    tables, square = rows.tables, beta * beta
    own = arrays.double(tables.depth - (0 if count_root else 1))  # |A|
    sizes = own[tables.leaf_nodes]
    found = arrays.zeros(rows.p, len(rows.p), len(rows.tree.nodes))
    for depth in np.unique(rows.tree.depth[rows.tree.leaf_nodes]).tolist():
        size = depth - (0 if count_root else 1)
        common = rows.sums_below(rows.xp.where(sizes == size, rows.p, 0.0))
        if not count_root:
            common[:, 0] = 0.0
        for nodes, parents in tables.levels:
            arrays.put_columns(common, nodes, arrays.columns(common, nodes) + arrays.columns(common, parents))
        # If the root is left out, its own set is empty and shares nothing.
        found += common * ((1 + square) / (own + square * size).clip(1e-12))
    return found


def predict_set(rows: Rows, beta: float, count_root: bool) -> Any:
    """Return the set of nodes of largest expected F_beta with anc(truth), bool [n, N]."""
    return best_sets(rows, beta, count_root)


def explain(case: Case, node: int, options: Mapping[str, Any]) -> Arithmetic:
    """Show the expected F of each node."""
    beta, count_root = float(options["beta"]), bool(options["count_root"])
    rows = Rows(np.array([case.leaf_probabilities]), case.tree)
    values = expected_f(rows, beta, count_root)[0].tolist()
    lines = [Line.of(case, v, each, f"F = {number(each)}", v == node) for v, each in enumerate(values)]
    how = f"β = {number(beta)}, the root {'counted' if count_root else 'left out'}"
    return (
        lines,
        f"The node with the largest expected F ({how}) is {case.tree.nodes[node]}, with {number(values[node])}.",
    )


DECODER = DecoderSpec(
    name="hf-beta",
    title="the node with the largest expected hierarchical F",
    formula="argmax over nodes v of Σ_l P(l) F_β(anc(v), anc(l))",
    source="Plaud et al., ICML 2025",
    predict=predict,
    options=(
        Option("beta", 1.0, "weight of recall: 1 for the usual F, larger values prefer deeper nodes"),
        Option(
            "count_root", False, "whether the root counts as an ancestor; the project's hierarchical F1 leaves it out"
        ),
    ),
    order=6,
    explain=explain,
    predict_set=predict_set,
)
