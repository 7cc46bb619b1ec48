"""The node of least expected cost, for any cost of each node and true leaf."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from hierapp.decoding import arrays, risks
from hierapp.decoding.spec import Arithmetic, Case, DecoderSpec, Line
from hierapp.decoding.tables import Rows
from hierapp.errors import ConfigError
from hierapp.trees import DISTANCES, LabelTree
from hierapp.utils.numbers import number
from hierapp.utils.options import Option

# Numbers of a cost matrix that are converted to double precision at once.
PART = 2**22


def predict(rows: Rows, cost: Any) -> Any:
    """Return argmin over nodes v of sum_l P(l) cost[v, l], as node indices [n].

    Among nodes of equal cost, choose the most probable, then the first.
    """
    return risks.least(expected_costs(rows, cost), rows.z, 1e-9)


def expected_costs(rows: Rows, cost: Any) -> Any:
    """Return sum_l P(l) cost[v, l] for each node, [n, N].

    Args:
        rows: the probabilities.
        cost: a matrix [N, L] of the kind of the rows, or the name of a distance.
    """
    if isinstance(cost, str):
        return risks.node_risks(rows, cost)  # type: ignore[arg-type]
    found = arrays.zeros(rows.p, len(rows.p), len(rows.tree.nodes))
    for start in range(0, len(cost), step := max(1, PART // cost.shape[1])):
        found[:, start : start + step] = rows.p @ arrays.double(cost[start : start + step]).T
    return found


def prepare(options: Mapping[str, Any], tree: LabelTree, like: Any) -> Mapping[str, Any]:
    """Bring a matrix to the kind and device of the rows, and check its shape and numbers."""
    if isinstance(cost := options["cost"], str):
        return options
    size = [len(tree.nodes), len(tree.leaves)]
    expected = f"Expected cost as a matrix of numbers {size}, a row per node and a column per leaf,"
    if not arrays.is_tensor(cost):
        try:
            cost = np.asarray(cost)
        except ValueError:  # rows of different lengths
            raise ConfigError(f"{expected} but got rows of different lengths.") from None
        if cost.dtype.kind not in "biuf":
            raise ConfigError(f"{expected} but got {cost.dtype}.")
    if list(cost.shape) != size:
        raise ConfigError(f"{expected} but got {list(cost.shape)}.")
    matrix = arrays.as_array(cost, like)
    # NaN and infinite numbers make the sum NaN or infinite.
    if not np.isfinite(float(matrix.sum())):
        raise ConfigError("Expected finite costs but got NaN or infinite ones; give large finite costs instead.")
    return {"cost": matrix}


def explain(case: Case, node: int, options: Mapping[str, Any]) -> Arithmetic:
    """Show the expected cost of each node."""
    cost = options["cost"]
    costs = expected_costs(Rows(np.array([case.leaf_probabilities]), case.tree), cost)[0].tolist()
    lines = [Line.of(case, v, each, f"cost = {number(each)}", v == node) for v, each in enumerate(costs)]
    of = f" ({cost})" if isinstance(cost, str) else ""
    return (
        lines,
        f"The node with the smallest expected cost{of} is {case.tree.nodes[node]}, with {number(costs[node])}.",
    )


DECODER = DecoderSpec(
    name="min-cost",
    title="the node with the smallest expected cost",
    formula="argmin over nodes v of Σ_l P(l) C[v, l]",
    source="",
    predict=predict,
    options=(
        Option(
            "cost", "edges", "a matrix [N, L] of the cost of each node and true leaf, or a distance", choices=DISTANCES
        ),
    ),
    order=5,
    explain=explain,
    matrices=("cost",),
    prepare=prepare,
)
