"""Expected distances of nodes from the true leaf, in one pass down the tree and without an [N, L] matrix."""

from __future__ import annotations

from typing import Any

from hierapp.decoding import arrays
from hierapp.decoding.tables import Rows
from hierapp.trees import DistanceKind
from hierapp.trees.distances import checked_kind


def node_risks(rows: Rows, distance: DistanceKind = "lca-depth") -> Any:
    """Compute the expected distance of each node v from the true leaf, sum_c P(c) d(c, v), [n, N].

    The distances between leaves are extended to all nodes: with a the lowest common ancestor of v and the leaf c,
    "lca-depth" is max(depth v, depth c) - depth a, "lca-height" the height of a, "edges" the number of edges. With s(v)
    the sum of z over path(v) without the root, the expectations are

    - "edges": the expected number of edges from the root to the truth, plus that to v, minus 2 s(v)
    - "lca-depth": the expectation of max(depth of the truth, depth of v) - 1, minus s(v)
    - "lca-height": height(v) plus the sum over the edges down to v of (height of the parent - height of the child) *
      (1 - z(child))

    Raises:
        TreeError: if the distance is unknown.
    """
    checked_kind(distance)
    tables, z = rows.tables, rows.z
    depth, height = tables.depth, tables.height
    total = arrays.zeros(z, *z.shape)
    for nodes, parents in tables.levels:
        own = arrays.columns(z, nodes)
        step = (height[parents] - height[nodes]) * (1 - own) if distance == "lca-height" else own
        arrays.put_columns(total, nodes, arrays.columns(total, parents) + step)
    if distance == "lca-height":
        return total + height
    edges = depth[tables.leaf_nodes] - 1
    if distance == "edges":
        return (rows.p * edges).sum(1)[:, None] + (depth - 1) - 2 * total
    # Expectation of the larger depth, for each depth of v.
    levels = tables.columns[: int(rows.tree.depth.max())][:, None]
    deepest = arrays.double(rows.xp.where(edges > levels, edges, levels))  # [D, L]
    return arrays.columns(rows.p @ deepest.T, depth - 1) - total


def least(risks: Any, p: Any, tolerance: float) -> Any:
    """Return the column of the least risk in each row; among equal risks, the most probable one, then the first.

    Args:
        risks: [n, m].
        p: [n, m], the probability of each column.
        tolerance: risks this close, relative to 1 + the least one, count as equal.
    """
    xp = arrays.namespace(risks)
    lowest = xp.amin(risks, 1)[:, None]
    tied = xp.where(risks <= lowest + tolerance * (1 + abs(lowest)), p, -1.0)
    top = xp.amax(tied, 1)[:, None]
    return arrays.first(tied >= top - 1e-12)
