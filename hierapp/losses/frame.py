"""A fixed head whose rows have the similarities of the classes, with cross-entropy on its outputs."""

from __future__ import annotations

from typing import Unpack

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from hierapp.losses import propriety
from hierapp.losses.arguments import Shared
from hierapp.losses.flat import CrossEntropy
from hierapp.losses.spec import LossSpec
from hierapp.trees import LabelTree
from hierapp.trees.distances import largest_distance
from hierapp.utils.options import Option


class Frame(CrossEntropy):
    """Cross-entropy on W x, where the fixed W has W W^T = S, the similarities of the classes (HAFrame).

    S_ij = exp(-gamma * d(i, j) / d_max) with the distance "lca-height". Source: Liang and Davis 2023, whose
    S = (1 - m) exp(-gamma * d / d_max) + m has the least m that keeps S positive semidefinite: for this distance, an
    ultrametric, m = 0. The network's outputs x are N numbers, one for each node in the order of `tree.nodes`. W has a
    column for each node, so that W x takes O(B * N): the logit of a leaf is the sum over its path of w(v) * x(v), with
    w(v)^2 = exp(-gamma * height(v) / d_max) - exp(-gamma * height(parent(v)) / d_max). Classes with common ancestors
    share their outputs and so start out similar. The root's column is the same for all classes and has no gradient.

    Args:
        tree: the label tree.
        gamma: how fast similarity decreases with the distance (default 3), above 0.
        shared: see `TreeLoss`.

    >>> tree = LabelTree.from_edges([("root", "animal"), ("animal", "cat"), ("animal", "dog"), ("root", "truck")])
    >>> loss = Frame(tree, gamma=1.0)
    >>> w = loss.head()
    >>> (w @ w.T).round(decimals=2).tolist()  # exp(-1 / 2) and exp(-1)
    [[1.0, 0.61, 0.37], [0.61, 1.0, 0.37], [0.37, 0.37, 1.0]]
    """

    spec = LossSpec(
        name="frame",
        title="Frame",
        summary="Cross-entropy behind a fixed head, in which similar classes share outputs.",
        formula=r"-\log \mathrm{softmax}(W x)_y,\quad (W W^T)_{ij} = e^{-\gamma d(i, j) / d_{\max}}",
        source="Liang and Davis 2023 (HAFrame)",
        judge=lambda tree, options: propriety.frame(),
        outputs="N",
        proper="yes",
        options=(Option("gamma", 3.0, "how fast the similarity of classes decreases with their distance", low=0.01),),
        order=13,
    )
    scale: Tensor

    def __init__(self, tree: LabelTree, gamma: float = 3.0, **shared: Unpack[Shared]) -> None:
        super().__init__(tree, **shared)
        self.gamma = gamma
        self.num_outputs = len(tree.nodes)
        self.output_nodes = np.arange(self.num_outputs)
        similarity = np.exp(-gamma * tree.height / max(largest_distance(tree, "lca-height"), 1))
        similarity[1:] -= similarity[tree.parents[1:]]
        order = self.nodes.descent.order
        self.register_buffer("scale", torch.tensor(similarity[order, None] ** 0.5), persistent=False)
        self.plain_propriety = propriety.frame()

    def head(self) -> Tensor:
        """Return W, [L, N]."""
        w = self.scores(torch.eye(self.num_outputs, dtype=self.scale.dtype, device=self.scale.device)).t()
        return w + F.pad(self.scale[0], (0, self.num_outputs - 1))

    def scores(self, outputs: Tensor) -> Tensor:
        """Return W x without the root's part, which is the same for all classes, [B, L], from x, [B, N]."""
        rows = self.nodes.in_levels(outputs)[1:] * self.scale[1:].to(outputs.dtype)
        sums: Tensor = self.nodes.descent(rows)
        return sums.index_select(0, self.nodes.leaves).t()

    def outputs_of(self, scores: Tensor) -> Tensor:
        """Return outputs x [B, N] with W x = `scores` [B, L], up to the root's part: 0 at all inner nodes."""
        scale = self.scale.index_select(0, self.nodes.leaves).t().to(scores.dtype)
        outputs = scores.new_zeros(len(scores), self.num_outputs)
        return outputs.index_copy(1, torch.tensor(self.tree.leaf_nodes, device=scores.device), scores / scale)

    def leaf_log_probs(self, logits: Tensor) -> Tensor:
        """Return the log-probabilities of the leaves, [B, L, ...], from outputs [B, N, ...]."""
        return self._as_rows(logits, lambda rows: F.log_softmax(self.scores(rows), dim=1))

    def node_log_probs(self, logits: Tensor) -> Tensor:
        """Return the log-probabilities of all nodes, [B, N, ...], from outputs [B, N, ...]; 0 at the root."""
        return self._as_rows(
            logits, lambda rows: self._in_preorder(self.nodes.log_sum_up(F.log_softmax(self.scores(rows), dim=1).t()))
        )

    def _scores(self, logits: Tensor) -> Tensor:
        return self.scores(logits)
