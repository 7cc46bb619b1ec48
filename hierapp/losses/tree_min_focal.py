"""Tree-min focal loss: a sigmoid for each node, made consistent with the tree by minima and maxima."""

from __future__ import annotations

from typing import Unpack

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from hierapp.losses import propriety
from hierapp.losses.arguments import Shared
from hierapp.losses.base import TreeLoss
from hierapp.losses.kernels.margins import NodeRanges
from hierapp.losses.kernels.masking import finite
from hierapp.losses.kernels.nodes import LargestBelow
from hierapp.losses.spec import LossSpec
from hierapp.trees import LabelTree
from hierapp.utils.options import Option


class TreeMinFocal(TreeLoss):
    """Tree-min focal loss, -sum_v [l_v (1 - a_v)^gamma log a_v + (1 - l_v) b_v^gamma log(1 - b_v)].

    The scores s are sigmoids of N - 1 logits, one for each node v but the root, in the order of `tree.nodes[1:]`; l_v
    is 1 on path(y). A node counts as present only if all its ancestors do, and as absent only if all its descendants
    are: a_v is the minimum of s over v and its ancestors, b_v the maximum over v and its descendants. Source: the loss
    of HieraSeg (Li et al. 2022) with the constraints of C-HMCNN (Giunchiglia and Lukasiewicz 2020). See `TreeLoss` for
    shapes and errors. For a coarse label the nodes below it are not observed and add nothing.

    Sigmoids need not add up to 1 over the leaves: `leaf_log_probs` are log a of the leaves, normalized.

    Args:
        tree: the label tree.
        gamma: exponent of the focal factors (default 2), which reduce the weight of nodes that are right already; 0 for
            none.
        shared: see `TreeLoss`.

    >>> tree = LabelTree.from_edges([("root", "animal"), ("animal", "cat"), ("animal", "dog"), ("root", "truck")])
    >>> round(TreeMinFocal(tree, gamma=0.0)(torch.zeros(1, 4), torch.tensor([0])).item(), 4)  # 4 log 2
    2.7726
    """

    spec = LossSpec(
        name="tree-min-focal",
        title="Tree-min focal",
        summary="A sigmoid for each node: present only if its ancestors are, absent only if its descendants are.",
        formula=r"-\sum_v \left[ l_v (1 - a_v)^\gamma \log a_v + (1 - l_v)\, b_v^\gamma \log(1 - b_v) \right]",
        source="Li et al. 2022 (HieraSeg); Giunchiglia and Lukasiewicz 2020",
        judge=lambda tree, options: propriety.tree_min_focal(tree, options["gamma"], options["index"]),
        outputs="N - 1",
        proper="depends",
        options=(
            Option("gamma", 2.0, "exponent of the factors that reduce the weight of nodes that are right already"),
        ),
        order=12,
    )
    link = "sigmoid"
    path_columns: Tensor
    path_rows: Tensor
    on_path: Tensor
    row_nodes: Tensor

    def __init__(self, tree: LabelTree, gamma: float = 2.0, **shared: Unpack[Shared]) -> None:
        super().__init__(tree, **shared)
        self.gamma = gamma
        self.num_outputs = len(tree.nodes) - 1
        self.output_nodes = np.arange(1, len(tree.nodes))
        labels, order = self.labels, self.nodes.descent.order
        paths = np.where(labels.missing, 0, labels.paths)[:, 1:]
        tables = {
            "path_columns": np.maximum(paths - 1, 0),
            # The root, which pads the paths, has row 0.
            "path_rows": np.argsort(order)[paths],
            "on_path": ~labels.missing[:, 1:],
            "row_nodes": order,
        }
        for name, values in tables.items():
            self.register_buffer(name, torch.tensor(values), persistent=False)
        self.largest_below = LargestBelow(tree, self.nodes.descent)
        self.subtrees = NodeRanges(labels) if labels.index == "node" else None
        self.plain_propriety = propriety.tree_min_focal(tree, gamma, labels.index)

    def of_indices(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the values [B] for logits [B, C] and labels [B]."""
        logits = finite(logits)
        along = logits.gather(1, self.path_columns.index_select(0, target))
        on_path = self.on_path.index_select(0, target)
        least = [along[:, 0]]
        for column in along.unbind(1)[1:]:
            least.append(torch.minimum(least[-1], column))
        present = self._present(torch.stack(least, 1))
        absent = self._absent(self._most(logits)).scatter(0, self.path_rows.index_select(0, target).t(), 0.0)
        if self.subtrees is not None:
            absent = absent.masked_fill(self.subtrees(target, self.row_nodes).t(), 0.0)
        return present.masked_fill(~on_path, 0.0).sum(1) + absent[1:].sum(0)

    def of_probabilities(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the values [B] for logits [B, C] and leaf weights [B, L], which need not sum to 1."""
        logits = finite(logits)
        share = self.nodes.sum_up(target.t())
        values = share * self._present(self._least(logits)) + (share[:1] - share) * self._absent(self._most(logits))
        return values[1:].sum(0)

    def leaf_log_probs(self, logits: Tensor) -> Tensor:
        """Return the log-probabilities of the leaves, [B, L, ...], from logits [B, C, ...]."""
        return self._as_rows(logits, lambda rows: self._leaf_rows(rows).t())

    def node_log_probs(self, logits: Tensor) -> Tensor:
        """Return the log-probabilities of all nodes, [B, N, ...], from logits [B, C, ...]; 0 at the root."""
        return self._as_rows(logits, lambda rows: self._in_preorder(self.nodes.log_sum_up(self._leaf_rows(rows))))

    def _leaf_rows(self, logits: Tensor) -> Tensor:
        """Return the log-probabilities of the leaves, rows [L, B], from logits [B, N - 1]."""
        least = self._least(finite(logits)).index_select(0, self.nodes.leaves)
        return F.log_softmax(F.logsigmoid(least), dim=0)

    def _least(self, logits: Tensor) -> Tensor:
        """Return the least logit over each node and its ancestors, rows [N, B]; the root's is large."""
        return self.nodes.descent.down(self._rows_of(logits, torch.finfo(logits.dtype).max / 8), torch.minimum)

    def _most(self, logits: Tensor) -> Tensor:
        """Return the largest logit over each node and its descendants, rows [N, B]."""
        most: Tensor = self.largest_below(self._rows_of(logits, 0.0))
        return most

    def _rows_of(self, logits: Tensor, of_root: float) -> Tensor:
        return self.nodes.in_levels(F.pad(logits, (1, 0), value=of_root))

    def _present(self, logits: Tensor) -> Tensor:
        """Return -(1 - a)^gamma log a for a = sigmoid(logits)."""
        return self._focal(-logits)

    def _absent(self, logits: Tensor) -> Tensor:
        """Return -b^gamma log(1 - b) for b = sigmoid(logits)."""
        return self._focal(logits)

    def _focal(self, logits: Tensor) -> Tensor:
        """Return sigmoid(logits)^gamma * softplus(logits)."""
        # Beyond the threshold, log(1 + exp(x)) is x up to rounding, in double precision as well.
        values = F.softplus(logits, threshold=40.0)
        if self.gamma == 0:
            return values
        # The slope of a power below 1 is infinite at 0, to which a sigmoid may round.
        factor = logits.sigmoid() ** self.gamma if self.gamma >= 1 else (self.gamma * F.logsigmoid(logits)).exp()
        return values * factor
