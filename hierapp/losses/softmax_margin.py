"""Softmax margin: one softmax over all nodes, inner ones included, with a margin that wrong nodes have to keep."""

from __future__ import annotations

from typing import Unpack

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from hierapp.losses import propriety
from hierapp.losses.arguments import Shared
from hierapp.losses.base import TreeLoss
from hierapp.losses.kernels.expectation import class_by_class
from hierapp.losses.kernels.margins import Margin, Margins
from hierapp.losses.kernels.masking import finite
from hierapp.losses.spec import LossSpec
from hierapp.trees import LabelTree
from hierapp.utils.options import Option


class SoftmaxMargin(TreeLoss):
    """Softmax margin: -u_y + log sum_v exp(u_v + tau * m(y, v)) over all N nodes v (Valmadre 2022).

    Reads N logits in the order of `tree.nodes`, the root's included; see `TreeLoss` for shapes and errors. The margin m
    is 0 at y; a coarse label y allows all nodes of its subtree as answers: u_y becomes the log-sum-exp over them, and m
    is 0 on them.

    A softmax q over all nodes gives probability to inner nodes as well, the answer "somewhere below". For
    `leaf_log_probs` and `node_log_probs` the leaves below a node share its probability equally: P(leaf) is the sum over
    v on its path of q(v) / (number of leaves below v).

    Args:
        tree: the label tree.
        tau: scale of the margin (default 1); 0 is cross-entropy over the nodes.
        margin: "incorrect" (default), m = 1 at the nodes that are neither y nor its ancestors; "depth", m is the number
            of edges between y and v.
        shared: see `TreeLoss`.

    >>> tree = LabelTree.from_edges([("root", "animal"), ("animal", "cat"), ("animal", "dog"), ("root", "truck")])
    >>> loss = SoftmaxMargin(tree)
    >>> round(loss(torch.zeros(1, 5), torch.tensor([0])).exp().item(), 3)  # 3 on the path and 2 e
    8.437
    """

    spec = LossSpec(
        name="softmax-margin",
        title="Softmax margin",
        summary="One softmax over all nodes, inner ones included; wrong nodes have to keep a margin to the true one.",
        formula=r"-u_y + \log \sum_v e^{u_v + \tau m(y, v)}",
        source="Valmadre 2022",
        judge=lambda tree, options: propriety.softmax_margin(options["tau"]),
        outputs="N",
        options=(
            Option("tau", 1.0, "scale of the margin"),
            Option(
                "margin",
                "incorrect",
                "1 at the nodes that are neither the true one nor above it, or the number of edges to the true one",
                choices=("incorrect", "depth"),
            ),
        ),
        order=11,
    )
    link = "nodes"
    leaf_counts: Tensor

    def __init__(
        self, tree: LabelTree, tau: float = 1.0, margin: Margin = "incorrect", **shared: Unpack[Shared]
    ) -> None:
        super().__init__(tree, **shared)
        self.tau = tau
        self.num_outputs = len(tree.nodes)
        self.output_nodes = np.arange(self.num_outputs)
        self.margins = Margins(self.labels, margin)
        counts = np.diff(tree.leaf_ranges[self.nodes.descent.order])
        self.register_buffer("leaf_counts", torch.tensor(counts, dtype=torch.float64), persistent=False)
        self.plain_propriety = propriety.softmax_margin(tau)

    def of_indices(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the values [B] for logits [B, C] and labels [B]."""
        raised = torch.add(logits, self.margins(target, logits.dtype), alpha=self.tau)
        if self.labels.index == "leaf":
            own = logits.gather(1, self.margins.subtrees.starts.index_select(0, target)[:, None]).squeeze(1)
        else:
            own = finite(logits).masked_fill(~self.margins.subtrees(target), -torch.inf).logsumexp(1)
        return raised.logsumexp(1) - own

    def of_probabilities(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the values [B] for logits [B, C] and leaf weights [B, L], which need not sum to 1."""
        return class_by_class(logits, target, self.leaf_labels, self.of_indices)

    def leaf_log_probs(self, logits: Tensor) -> Tensor:
        """Return the log-probabilities of the leaves, [B, L, ...], from logits [B, C, ...]."""
        return self._as_rows(logits, lambda rows: self._leaf_rows(rows).t())

    def node_log_probs(self, logits: Tensor) -> Tensor:
        """Return the log-probabilities of all nodes, [B, N, ...], from logits [B, C, ...]; 0 at the root."""
        return self._as_rows(logits, lambda rows: self._in_preorder(self.nodes.log_sum_up(self._leaf_rows(rows))))

    def _leaf_rows(self, logits: Tensor) -> Tensor:
        """Return the log-probabilities of the leaves, rows [L, B], from logits [B, N]."""
        log_q = self.nodes.in_levels(F.log_softmax(logits, dim=1))
        shares = log_q - self.leaf_counts.to(log_q.dtype).log()
        return self.nodes.descent.down(finite(shares), torch.logaddexp).index_select(0, self.nodes.leaves)
