"""Reference implementations of Loss in Layers, eq. 2: the matrix form (eq. 3) and the loop of appendix A.

Both are slow. They serve for teaching, as test oracles, and as baselines for benchmarks.
"""

from __future__ import annotations

import torch
from torch import Tensor

from hierapp.losses.kernels.nodes import NodeTables
from hierapp.trees import LabelTree


def matrix_form(
    nodes: NodeTables, paths: Tensor, logits: Tensor, y: Tensor, mass: float = 1.0, total: Tensor | float = 1.0
) -> Tensor:
    """Compute eq. 3 from J, the matrix of paths: log z = J log p, the loss is -y . log z + mass * sum of internal z.

    Args:
        nodes: the tree's tables.
        paths: J, [N, N], row i marks path(i); see `LabelTree.paths`.
        logits: [B, N - 1].
        y: [B, N]; 1 at the nodes of the true path, or at the true leaf only.
        mass: weight of the second term.
        total: factor of the second term, the sum of the targets.

    Returns:
        The values, [B].
    """
    log_p = nodes.siblings(logits).index_select(0, nodes.sibling_rows)
    log_z = torch.nn.functional.pad(log_p, (0, 0, 1, 0)).t() @ paths.t()  # the root's p is 1
    second = (log_z.exp() * (paths.sum(0) > 1)).sum(1)  # a node on the path of another is internal
    return -(y * log_z).sum(1) + mass * total * second


def literal_loop(tree: LabelTree, logits: Tensor, target: Tensor, targets: str = "path", mass: float = 1.0) -> Tensor:
    """Compute eq. 2 with Python loops over samples and nodes, as in appendix A; differentiable.

    Args:
        tree: the label tree.
        logits: [B, N - 1].
        target: [B], positions in `tree.leaves`.
        targets: "path" (default), y = 1 on every node of the true path; "leaf", y = 1 only on the leaf.
        mass: weight of the second term (default 1).

    Returns:
        The values, [B].

    >>> tree = LabelTree.from_edges([("root", "animal"), ("animal", "cat"), ("animal", "dog"), ("root", "truck")])
    >>> round(literal_loop(tree, torch.zeros(1, 4), torch.tensor([0]), mass=0.0).item() / 0.693147, 3)
    3.0
    """
    values = []
    for row, leaf in zip(logits, target.tolist(), strict=True):
        path = tree.path(int(tree.leaf_nodes[leaf]))
        true = path[1:] if targets == "path" else path[-1:]
        z = {0: row.new_ones(())}
        log_z = {0: row.new_zeros(())}
        value = row.new_zeros(())
        for node, children in enumerate(tree.children):
            if not children:
                continue
            value = value + mass * z[node]
            log_p = torch.log_softmax(torch.stack([row[child - 1] for child in children]), 0)
            for place, child in enumerate(children):
                log_z[child] = log_z[node] + log_p[place]
                z[child] = log_z[child].exp()
                if child in true:
                    value = value - log_z[child]
        values.append(value)
    return torch.stack(values)
