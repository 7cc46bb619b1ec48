"""The hierarchical losses of Loss in Layers, eq. 2 and eq. 4."""

from __future__ import annotations

import warnings
from typing import Literal, Unpack

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hierapp.errors import ConfigError
from hierapp.losses import propriety, reference
from hierapp.losses.arguments import Shared
from hierapp.losses.conditional import PathLoss
from hierapp.losses.kernels.internal_mass import InternalMass
from hierapp.losses.kernels.labels import Labels
from hierapp.losses.kernels.masking import finite
from hierapp.losses.propriety import ImproperLossWarning
from hierapp.losses.spec import SOFT, LossSpec
from hierapp.trees import LabelTree
from hierapp.utils.options import Option

SoftReduction = Literal["mean", "sum"]


class SoftPathLoss(PathLoss):
    """A path loss with soft labels off the path (Loss in Layers, section 5.4) and a term independent of the target.

    With `soft` > 0 each internal node i off the path adds soft * g(i) * KL(uniform || p_i), where p_i is the softmax
    over its children; `soft_reduction` combines these terms by mean or sum. Nodes in the subtree of a coarse label add
    none, because they may be on the true path.

    Args:
        tree: the label tree.
        weights: [D] or [E, D], see `PathLoss`.
        node_weights: [G], g for each internal node in the order of `tree.internal_nodes`.
        soft: weight of the soft labels.
        soft_reduction: "mean" over the internal nodes off the path, or "sum" as in the paper.
        shared: see `TreeLoss`.
    """

    path_rows: Tensor
    path_groups: Tensor
    groups: Tensor
    group_size: Tensor
    group_rows: Tensor
    node_weights: Tensor
    group_nodes: Tensor
    off_path: Tensor
    subtrees: Tensor | None

    def __init__(
        self,
        tree: LabelTree,
        weights: NDArray[np.float64],
        node_weights: NDArray[np.float64],
        soft: float,
        soft_reduction: SoftReduction,
        **shared: Unpack[Shared],
    ) -> None:
        super().__init__(tree, weights, **shared)
        self.soft = soft
        labels = self.labels
        # The nodes of each subtree are nodes[node:stop]; the last of them is a leaf.
        stop = tree.leaf_nodes[labels.ranges[:, 1] - 1] + 1
        below = np.diff(np.searchsorted(tree.internal_nodes, np.stack([labels.nodes, stop], 1)))[:, 0]
        others = len(tree.internal_nodes) - (labels.depth - 1) - below
        # Weight of one node off the path of each label; a leaf whose path contains all internal nodes has none.
        share = 1.0 / np.maximum(others, 1) if soft_reduction == "mean" else np.ones(len(others))
        # The internal nodes in the order of the groups of `nodes.siblings`.
        parents = self.nodes.siblings.parents
        group = np.zeros(len(tree.nodes), np.int64)
        group[parents] = np.arange(len(parents))
        # The root is on every path, so it pads paths that have no more steps.
        path_groups = group[np.where(self.path.missing, 0, labels.paths[:, :-1])]
        chosen = np.take_along_axis(labels.paths[:, 1:], self.path.choices.order, 1)
        tables = {
            # The root has no row; its weight is 0.
            "path_rows": self.nodes.sibling_rows.cpu().numpy()[np.maximum(chosen - 1, 0)],
            "path_groups": path_groups,
            "groups": group[tree.parents[self.nodes.siblings.nodes]],
            "group_size": [len(tree.children[node]) for node in parents],
            "group_rows": self.nodes.preorder.cpu().numpy()[parents],
            "node_weights": node_weights[np.searchsorted(tree.internal_nodes, parents)],
            "off_path": share,
            "group_nodes": parents,
        }
        for name, values in tables.items():
            self.register_buffer(name, torch.tensor(values), persistent=False)
        subtrees = None if labels.index == "leaf" else torch.tensor(np.stack([labels.nodes, stop], 1))
        self.register_buffer("subtrees", subtrees, persistent=False)

    @property
    def reads_path_only(self) -> bool:
        """Whether the value depends on the choices along the label's path alone, up to `constant`."""
        return not self.soft

    def of_indices(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the values [B] for logits [B, C] and labels [B]."""
        if not self.soft:
            return self.with_everywhere(super().of_indices(logits, target), logits)
        log_p = self.nodes.siblings(logits)
        weights = self.weights.index_select(0, target).to(log_p.dtype)
        # The weight of padding is 0, and what it reads may be masked.
        along = finite(log_p.gather(0, self.path_rows.index_select(0, target).t()).t())
        away = self._uniform_divergence(log_p).t().scatter(1, self.path_groups.index_select(0, target), 0.0)
        if self.subtrees is not None:
            start, stop = self.subtrees.index_select(0, target).unsqueeze(1).unbind(2)
            away = away.masked_fill((self.group_nodes >= start) & (self.group_nodes < stop), 0.0)
        off = away.sum(1)
        values = self.soft * self.off_path.index_select(0, target).to(off.dtype) * off - (weights * along).sum(1)
        return self.with_everywhere(values, logits, log_p)

    def of_probabilities(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the values [B] for logits [B, C] and leaf weights [B, L], which need not sum to 1."""
        log_p = self.nodes.siblings(logits)
        values = self.of_sibling_probabilities(log_p, target)
        if self.soft:
            share = (target * self._of_leaves(self.off_path).to(target.dtype)).t()
            off = share.sum(0) - self.nodes.sum_up(share).index_select(0, self.group_rows)
            values = values + self.soft * (off * self._uniform_divergence(log_p)).sum(0)
        return self.with_everywhere(values, logits, log_p, target.sum(1))

    def with_everywhere(
        self, values: Tensor, logits: Tensor, log_p: Tensor | None = None, total: Tensor | float = 1.0
    ) -> Tensor:
        """Return the values [B] plus the target-independent terms, multiplied by the totals of the targets.

        `log_p` are the rows of `nodes.siblings` where they are already computed.
        """
        return values

    def _uniform_divergence(self, log_p: Tensor) -> Tensor:
        """Return g(i) * KL(uniform || p_i) for each internal node i, [G, B]."""
        size = self.group_size.to(log_p.dtype)[:, None]
        total = log_p.new_zeros(len(size), log_p.shape[1]).index_add(0, self.groups, log_p)
        return self.node_weights.to(log_p.dtype)[:, None] * (-size.log() - total / size)


class Hierarchical(SoftPathLoss):
    """Hierarchical cross-entropy along the path plus the mass of the internal nodes (Loss in Layers, eq. 2 and 3).

    The value is the sum over v on path(y), v != root, of s(v) * (-log p(v)), plus mass * sum of z(v) over the internal
    nodes v, including the root. For a coarse label y is the inner node. Reads N - 1 logits, with a softmax over each
    set of siblings; see `TreeLoss` for shapes.

    On a tree of uniform depth each level has probability 1, so the second term is the number of internal levels, a
    constant without gradient, and it is not computed. On ragged trees it matters: the true probabilities minimize the
    expected loss for targets="path" with mass = 1 and for targets="leaf" with mass = 0; any other pair causes a
    warning.

    Args:
        tree: the label tree.
        targets: "path" (default), s(v) = depth(y) - depth(v) + 1 (y = 1 on every node of the path); "leaf", s(v) = 1.
        mass: weight of the second term (default 1).
        soft: weight of uniform targets off the path (section 5.4); 0 by default.
        soft_reduction: "mean" (default) over the internal nodes off the path, or "sum" as in the paper.
        matrix_form: compute eq. 3 as printed, with the matrix J of paths, in O(B * N ** 2); False by default.
        shared: see `TreeLoss`.

    Raises:
        ConfigError: as `TreeLoss`; and if matrix_form is combined with soft labels, which eq. 3 does not have.

    >>> import torch
    >>> tree = LabelTree.from_edges([("root", "animal"), ("animal", "cat"), ("animal", "dog"), ("root", "truck")])
    >>> loss = Hierarchical(tree)
    >>> round(loss(torch.zeros(1, 4), torch.tensor([0])).item(), 4)  # (2 + 1) log 2, and 1 + 1 / 2 for root and animal
    3.5794
    >>> loss.is_proper
    True
    """

    spec = LossSpec(
        name="hierarchical",
        title="Hierarchical",
        summary="A softmax over each set of siblings; decisions along the true path have more weight the closer they "
        "are to the root.",
        formula=r"-\sum_{v \in \mathrm{path}(y)} s(v) \log p(v) + m \sum_{v\ \mathrm{internal}} z(v)",
        source="Loss in Layers, eqs. 2 and 3",
        judge=lambda tree, options: propriety.hierarchical(
            tree, options["targets"], options["mass"], options["soft"], options["index"]
        ),
        outputs="N - 1",
        proper="depends",
        options=(
            Option(
                "targets", "path", "y = 1 on every node of the true path, or on the leaf only", choices=("path", "leaf")
            ),
            Option("mass", 1.0, "weight of the summed probabilities of the internal nodes"),
            *SOFT,
        ),
        arguments=("matrix_form",),
        order=3,
    )
    paths: Tensor | None
    label_rows: Tensor

    def __init__(
        self,
        tree: LabelTree,
        targets: Literal["path", "leaf"] = "path",
        mass: float = 1.0,
        soft: float = 0.0,
        soft_reduction: SoftReduction = "mean",
        matrix_form: bool = False,
        **shared: Unpack[Shared],
    ) -> None:
        if matrix_form and soft:
            raise ConfigError(
                "The matrix form (3) does not support soft labels; set soft to 0 or leave matrix_form out."
            )
        self.plain_propriety = propriety.hierarchical(tree, targets, mass, soft, shared.get("index", "leaf"))
        if not self.plain_propriety.is_proper and not soft:
            warnings.warn(self.plain_propriety.reason, ImproperLossWarning, stacklevel=2)
        # The root has depth 1, the node that the first step leads to has depth 2.
        steps = np.arange(1.0, tree.leaf_paths.shape[1])
        depth = Labels(tree, shared.get("index", "leaf")).depth[:, None]
        weights = depth - steps if targets == "path" else np.ones_like(steps)
        super().__init__(tree, weights, np.ones(len(tree.internal_nodes)), soft, soft_reduction, **shared)
        self.targets, self.mass = targets, mass
        # If all leaves have the same depth, the second term does not depend on the logits.
        fixed = tree.is_uniform_depth
        self.constant = mass * self.path.steps if fixed else 0.0
        self.internal_mass = InternalMass(tree, self.nodes.sibling_rows) if mass > 0 and not fixed else None
        paths = rows = None
        if matrix_form:
            paths = torch.tensor(tree.paths(), dtype=torch.float64)
            rows = (paths if targets == "path" else torch.eye(len(paths), dtype=paths.dtype))[
                torch.tensor(self.labels.nodes)
            ]
        self.register_buffer("paths", paths, persistent=False)
        self.register_buffer("label_rows", rows, persistent=False)  # y of eq. 3, [E, N]

    @property
    def reads_path_only(self) -> bool:
        """Whether the value depends on the choices along the label's path alone, up to `constant`."""
        return super().reads_path_only and self.internal_mass is None and self.paths is None

    def of_indices(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the values [B] for logits [B, C] and labels [B]."""
        if self.paths is None:
            return super().of_indices(logits, target)
        return self._of_matrix(logits, self.label_rows.to(logits.dtype).index_select(0, target), 1.0)

    def of_probabilities(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the values [B] for logits [B, C] and leaf weights [B, L], which need not sum to 1."""
        if self.paths is None:
            return super().of_probabilities(logits, target)
        wanted = target @ self._of_leaves(self.label_rows).to(logits.dtype)
        return self._of_matrix(logits, wanted, target.sum(1))

    def _of_matrix(self, logits: Tensor, y: Tensor, total: Tensor | float) -> Tensor:
        assert self.paths is not None
        return reference.matrix_form(self.nodes, self.paths.to(logits.dtype), logits, y, self.mass, total)

    def with_everywhere(
        self, values: Tensor, logits: Tensor, log_p: Tensor | None = None, total: Tensor | float = 1.0
    ) -> Tensor:
        """Return the values [B] plus the target-independent term, multiplied by `total`."""
        if self.internal_mass is None:
            return values + total * self.constant if self.constant else values
        mass: Tensor = self.internal_mass(logits, log_p)
        return values + total * self.mass * mass


class HierarchicalConvex(SoftPathLoss):
    """Convex hierarchical loss (Loss in Layers, eq. 4, sign corrected).

    The value is the sum over the internal nodes i on path(y) of -log p(child of i on the path) / depth(i), convex in
    the logits. Eq. 4 is printed with the opposite sign, which makes it negative and unbounded below. Reads N - 1
    logits, with a softmax over each set of siblings; see `TreeLoss` for shapes and errors.

    Args:
        tree: the label tree.
        soft: weight (default 0) of uniform targets off the path (section 5.4), also divided by depth(i).
        soft_reduction: "mean" (default) over the internal nodes off the path, or "sum" as in the paper.
        shared: see `TreeLoss`.

    >>> import torch
    >>> tree = LabelTree.from_edges([("root", "animal"), ("animal", "cat"), ("animal", "dog"), ("root", "truck")])
    >>> round(HierarchicalConvex(tree)(torch.zeros(1, 4), torch.tensor([0])).item() / 0.693147, 3)  # 1 + 1 / 2
    1.5
    """

    spec = LossSpec(
        name="hierarchical-convex",
        title="Hierarchical, convex",
        summary="The cross-entropy of each decision along the true path, divided by its depth.",
        formula=r"-\sum_{i \in \mathrm{path}(y)\ \mathrm{internal}} \log p(\mathrm{child}_i) / \mathrm{depth}(i)",
        source="Loss in Layers, eq. 4 (sign corrected)",
        judge=lambda tree, options: propriety.convex(tree, options["soft"]),
        outputs="N - 1",
        proper="yes",
        options=SOFT,
        order=4,
    )

    def __init__(
        self,
        tree: LabelTree,
        soft: float = 0.0,
        soft_reduction: SoftReduction = "mean",
        **shared: Unpack[Shared],
    ) -> None:
        weights = 1.0 / np.arange(1, tree.leaf_paths.shape[1])
        super().__init__(tree, weights, 1.0 / tree.depth[tree.internal_nodes], soft, soft_reduction, **shared)
        self.plain_propriety = propriety.convex(tree, soft)
