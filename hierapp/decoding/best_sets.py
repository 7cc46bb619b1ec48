"""The set of nodes of largest expected F_beta with the ancestors of the truth.

Source: Plaud et al., ICML 2025. For sets of k nodes the expectation is the sum over the set of

    Delta_k(v) = sum over leaves l below v of P(l) (1 + b^2) / (k + b^2 d(l)), d(l) = |anc(l)|,

so the best set of k nodes has the k largest. Bounds tell which k can be best:

- (k + b^2 d_min) Delta_k(v) <= (1 + b^2) z(v) <= (k + b^2 d_max) Delta_k(v)
- g_k(v) = (k + b^2 d_min) Delta_k(v) grows with k, so that those of two sizes bound those of all sizes between
- no set of k nodes has more than (1 + b^2) d_max / (k + b^2 d_max)
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hierapp.decoding import arrays
from hierapp.decoding.tables import Rows

# Nodes that are looked at first: few networks spread their probability over more.
FIRST = 128
# Sizes of one row that are tried one by one; if there are more, finer bounds exclude some.
MANY = 32
# Values this close are equal; of equal sets the smallest is chosen.
TIED = 1e-9

Mask = NDArray[np.bool_]


def best_sets(rows: Rows, beta: float, count_root: bool) -> Any:
    """Return the best set of each row, bool [n, N]; the root is not part of it unless `count_root`."""
    mask = arrays.zeros(rows.p, len(rows.p), len(rows.tree.nodes)) > 0
    search = _Search(rows, beta * beta, count_root)
    if not len(rows.p) or not search.count:
        return mask
    possible, nodes = search.bounded()
    if possible.sum(1).max() > MANY:
        possible = search.narrowed(possible, nodes)
    size = search.best_size(possible, nodes)[:, None]
    order = arrays.along(nodes, arrays.descending(search.delta(size, nodes)))
    return arrays.put(mask, order, rows.tables.columns[: nodes.shape[1]] < size)


class _Search:
    """The search for the best size, by bounds and then by values.

    Attributes:
        count: number of nodes that a set can have.
    """

    def __init__(self, rows: Rows, square: float, count_root: bool) -> None:
        self.rows, self.square, self.first = rows, square, 0 if count_root else 1
        self.count = len(rows.tree.nodes) - self.first
        self.sizes = arrays.double(rows.tables.depth[rows.tables.leaf_nodes] - self.first)
        depths = rows.tree.depth[rows.tree.leaf_nodes] - self.first
        self.low, self.high = square * int(depths.min()), square * int(depths.max())
        self.longest = int(depths.max())

    def delta(self, k: Any, nodes: Any, at: Any = slice(None)) -> Any:
        """Return Delta_k of nodes [n, m]; k is a number or [n, 1]. `at` are the rows that the nodes are of."""
        tables = self.rows.tables
        weights = self.rows.p[at] * ((1 + self.square) / (k + self.square * self.sizes))
        sums = arrays.cumulative(weights)
        return arrays.along(sums, tables.stop[nodes]) - arrays.along(sums, tables.start[nodes])

    def bounded(self) -> tuple[Mask, Any]:
        """Return which sizes 1, 2, ... can be best, [n, K], and the nodes that such sets can contain, [n, m]."""
        xp, z = self.rows.xp, self.rows.z[:, self.first :]
        mass, m = self.rows.p.sum(1), min(FIRST, self.count)
        while True:
            top, _ = arrays.largest(z, m)
            ks = arrays.double(self.rows.tables.columns[:m] + 1)
            total = (1 + self.square) * top.cumsum(1)
            upper, best = total / (ks + self.low), xp.amax(total / (ks + self.high), 1)
            beyond = mass * ((1 + self.square) * self.longest / (m + 1 + self.high))
            if m == self.count or bool((beyond < best).all()):
                break
            m = min(self.count, 8 * m)
        possible: Mask = arrays.to_numpy(upper >= (1 - TIED) * best[:, None])
        used = np.flatnonzero(possible.any(0))
        smallest, largest = int(used[0]) + 1, int(used[-1]) + 1
        # A node that is among the k largest Delta_k has at least this share of the k-th largest z.
        share = (1 - TIED) * (smallest + self.low) / (smallest + self.high)
        near = (z >= share * top[:, largest - 1 : largest]) & (z > 0)
        count = max(int(near.sum(1).max()), largest)
        nodes = arrays.ascending(arrays.largest(z, count)[1]) + self.first
        return possible[:, :largest], nodes

    def narrowed(self, possible: Mask, nodes: Any) -> Mask:
        """Exclude sizes by bounds from the g_k of sizes that double."""
        used = np.flatnonzero(possible.any(0)) + 1
        powers = [2**n for n in range(int(used[0]).bit_length() - 1, int(used[-1] - 1).bit_length() + 1)]
        upper, best = np.zeros(possible.shape), np.zeros(len(possible))
        for k in powers:
            values = (k + self.low) * self.delta(k, nodes)
            sums = arrays.to_numpy(arrays.largest(values, min(2 * k, int(used[-1])))[0].cumsum(1))
            below, above = used[(used > k // 2) & (used <= k)], used[(used >= k) & (used < 2 * k)]
            upper[:, below - 1] = sums[:, below - 1] / (below + self.low)
            best = np.maximum(best, (sums[:, above - 1] / (above + self.low)).max(1, initial=0))
        return possible & (upper >= (1 - TIED) * best[:, None])

    def best_size(self, possible: Mask, nodes: Any) -> Any:
        """Return the best of the possible sizes of each row, [n]."""
        rows = self.rows
        best, size = arrays.zeros(rows.p, len(rows.p)), arrays.zeros(rows.p, len(rows.p))
        for column in np.flatnonzero(possible.any(0)).tolist():
            at = arrays.as_array(np.flatnonzero(possible[:, column]), rows.p)
            value = arrays.largest(self.delta(column + 1, nodes[at], at), column + 1)[0].sum(1)
            better = value > (1 + TIED) * best[at]
            size[at] = rows.xp.where(better, column + 1.0, size[at])
            best[at] = rows.xp.where(better, value, best[at])
        return size
