"""Losses that compare the label with every class: SimLoss, soft labels, tree-Wasserstein."""

from __future__ import annotations

import warnings
from typing import Unpack

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from torch.nn import functional as F

from hierapp.errors import ConfigError
from hierapp.losses import credit, propriety
from hierapp.losses.arguments import Shared
from hierapp.losses.base import FlatLoss
from hierapp.losses.kernels.ancestors import DistanceRows
from hierapp.losses.kernels.expectation import class_by_class
from hierapp.losses.kernels.labels import Labels
from hierapp.losses.kernels.mean_rows import MeanRows, SubtreeDistances, sums_over_leaves
from hierapp.losses.kernels.path import MOST_KEPT
from hierapp.losses.spec import LossSpec
from hierapp.similarities import spec as similarity_spec
from hierapp.similarities.similarity import bounded, checked, checked_bound, tree_similarity
from hierapp.trees import DISTANCES, DistanceKind, LabelTree
from hierapp.trees.distances import largest_distance
from hierapp.utils.indices import here
from hierapp.utils.options import Option


def mean_rows(table: Tensor, labels: Labels) -> Tensor:
    """Return for each label the mean of the rows of the leaves below it, from a table [L, ...]."""
    if labels.index == "leaf":
        return table
    return torch.stack([table[start:stop].mean(0) for start, stop in labels.ranges.tolist()])


class PairLoss(FlatLoss):
    """Base class of losses of the leaf log-probabilities and one row [L] selected by the label.

    Probability targets are evaluated class by class; see `class_by_class`.
    """

    def of_indices(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the values [B] for logits [B, C] and labels [B]."""
        return self.of_log_probs(F.log_softmax(logits, dim=1), target)

    def of_probabilities(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the values [B] for logits [B, C] and leaf weights [B, L], which need not sum to 1."""
        return class_by_class(F.log_softmax(logits, dim=1), target, self.leaf_labels, self.of_log_probs)

    def of_log_probs(self, log_p: Tensor, target: Tensor) -> Tensor:
        """Return the values [B] for log-probabilities [B, L] and labels [B]."""
        raise NotImplementedError


class SimLoss(PairLoss):
    """SimLoss: -log sum_c S[y, c] * softmax(u)_c (Kobs et al. 2020).

    It is computed as -logsumexp(log softmax(u) + log S[y]). Reads L logits; see `TreeLoss` for shapes. A wrong class c
    with S[y, c] > 0 bounds the loss: where all probability is on it, the value is -log S[y, c] and the gradient is as
    small as the probability left for the others.

    Args:
        tree: the label tree.
        similarity: [L, L] in the order of `tree.leaves`, with ones on the diagonal and entries in [0, 1]; by default
            or for "tree" that of the tree, 1 - d / d_max with the distance "lca-depth".
        lower_bound: similarities s become max(0, (s - lower_bound) / (1 - lower_bound)); 0 by default.
        shared: see `TreeLoss`.

    Raises:
        ConfigError: as `TreeLoss`; and if the matrix has the wrong shape or entries out of range, or is all ones, which
            makes the loss 0 for any output.

    Warns:
        ImproperLossWarning: if a wrong class has more than half the credit; the message says which bound leaves half.

    >>> tree = LabelTree.from_edges([("root", "cat"), ("root", "dog")])
    >>> loss = SimLoss(tree, similarity=[[1.0, 0.5], [0.5, 1.0]])
    >>> round(loss(torch.zeros(1, 2), torch.tensor([0])).item(), 4)  # -log(0.5 + 0.5 * 0.5)
    0.2877
    """

    spec = LossSpec(
        name="simloss",
        title="SimLoss",
        summary="Cross-entropy that gives similar classes partial credit; by default the tree defines the similarity.",
        formula=r"-\log \sum_c S_{yc}\, \mathrm{softmax}(u)_c",
        source="SimLoss; Kobs et al. 2020",
        judge=lambda tree, options: credit.simloss_of(tree, options["similarity"], options["lower_bound"]),
        options=(
            Option(
                "similarity",
                similarity_spec.TREE,
                "tree: derived from the tree; ordinal:0.5: 0.5 ** |i - j| in the order of the data set's classes; or "
                "the name of a shipped or saved similarity",
                reads=similarity_spec.canonical,
            ),
            Option(
                "lower_bound",
                0.0,
                "similarities below this are set to 0, the others are rescaled",
                low=-1.0,
                high=0.999,
            ),
        ),
        arguments=("similarity",),
        order=8,
    )
    log_similarity: Tensor | None
    log_shares: Tensor

    def __init__(
        self,
        tree: LabelTree,
        similarity: ArrayLike | str | None = None,
        lower_bound: float = 0.0,
        **shared: Unpack[Shared],
    ) -> None:
        super().__init__(tree, **shared)
        self.lower_bound = checked_bound(lower_bound)
        similarity = _matrix(similarity)
        size = len(tree.leaves)
        self.distances = self.means = None
        if similarity is None and size**2 > MOST_KEPT:
            self.log_similarity = None
            if self.labels.index == "leaf":
                self.distances = DistanceRows(tree, "lca-depth")
                most = self.distances.largest * (1.0 - lower_bound)
                shares = (most - torch.arange(self.distances.largest + 1, dtype=torch.float64)).clamp(min=0.0) / most
                self.register_buffer("log_shares", shares.log(), persistent=False)
            else:
                # Subtract first, so that the share of the most distant classes is exactly 0.
                most = max(largest_distance(tree), 1) * (1.0 - lower_bound)
                self.means = MeanRows(self.labels, "lca-depth", lambda apart: np.maximum(most - apart, 0.0) / most)
            self._judge(credit.tree_credit(tree, lower_bound))
            return
        matrix = tree_similarity(tree) if similarity is None else checked(here(similarity), size)
        table = checked(bounded(matrix, lower_bound), size)
        rows = mean_rows(torch.tensor(table), self.labels)
        self.register_buffer("log_similarity", rows.log(), persistent=False)
        self._judge(credit.largest_credit(table))

    def _judge(self, most: float) -> None:
        """Set the propriety, and warn if a wrong class has more than half the credit."""
        self.plain_propriety = credit.simloss(most, self.lower_bound)
        if (text := credit.simloss_gives_up(most, self.lower_bound)) is not None:
            warnings.warn(text, propriety.ImproperLossWarning, stacklevel=3)

    def of_indices(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the values [B] for logits [B, C] and labels [B]."""
        # Two cross-entropies of one class are faster than a softmax and a log-sum-exp; with the class that has the
        # most credit, none of them is much larger than the value.
        rows = self._rows_of(target, logits.dtype)
        raised = logits + rows
        best = raised.detach().argmax(1)
        own, shared = (F.cross_entropy(each, best, reduction="none") for each in (logits, raised))
        most = rows.gather(1, best[:, None]).squeeze(1)
        masked = raised.gather(1, best[:, None]).squeeze(1) == -torch.inf  # all classes with credit are
        return (own - shared - most).masked_fill(masked, torch.inf)

    def of_log_probs(self, log_p: Tensor, target: Tensor) -> Tensor:
        """Return the values [B] for log-probabilities [B, L] and labels [B]."""
        return -torch.logsumexp(log_p + self._rows_of(target, log_p.dtype), dim=1)

    def _rows_of(self, target: Tensor, dtype: torch.dtype) -> Tensor:
        """Return the logarithms of the rows S[y], [B, L]; for a coarse label of the mean over its leaves."""
        if self.log_similarity is not None:
            return self.log_similarity.index_select(0, target).to(dtype)
        if self.means is not None:
            means: Tensor = self.means(target, dtype)
            return means.log()
        assert self.distances is not None
        # There are few distances: their logarithms are kept.
        distances: Tensor = self.distances(target, dtype)
        return self.log_shares.to(dtype).index_select(0, distances.int().view(-1)).view_as(distances)


def _matrix(similarity: ArrayLike | str | None) -> ArrayLike | None:
    """Return the matrix, or None for that of the tree; other words need a data set and are rejected."""
    if not isinstance(similarity, str):
        return similarity
    if similarity != similarity_spec.TREE:
        raise ConfigError(
            f"The similarity {similarity!r} is a name from a run's configuration; pass the matrix to the loss, as in"
            f" hierapp.similarities.library.find({similarity!r}, classes).over(tree.leaves)."
        )
    return None


class SoftLabels(PairLoss):
    """Soft labels: KL(t || softmax(u)) with t_c proportional to exp(-beta * d(c, y) / d_max) (Bertinetto et al. 2020).

    Reads L logits; see `TreeLoss` for shapes and errors.

    Args:
        tree: the label tree.
        beta: sharpness of the labels (default 10): 0 makes them uniform; they approach one-hot labels as beta grows.
        distance: "lca-height" (default, as published), "lca-depth" or "edges"; see `LabelTree.distances`.
        shared: see `TreeLoss`.

    >>> tree = LabelTree.from_edges([("root", "cat"), ("root", "dog")])
    >>> loss = SoftLabels(tree, beta=1.0)
    >>> round(loss(torch.tensor([[1.0, 0.0]]), torch.tensor([0])).item(), 4)  # t = softmax(0, -1)
    0.0
    """

    spec = LossSpec(
        name="soft-labels",
        title="Soft labels",
        summary="Cross-entropy against a target spread over the classes near the true one.",
        formula=r"\mathrm{KL}(t \,\|\, \mathrm{softmax}(u)),\quad t_c \propto e^{-\beta d(c, y) / d_{\max}}",
        source="Bertinetto et al. 2020",
        judge=lambda tree, options: propriety.soft_labels(options["beta"]),
        options=(
            Option("beta", 10.0, "sharpness of the target: 0 is uniform, large values give the true class alone"),
            Option("distance", "lca-height", "distance that the target is computed from", choices=DISTANCES),
        ),
        order=7,
    )
    means_kept: Tensor | None
    total: Tensor
    negative_entropy: Tensor

    def __init__(
        self, tree: LabelTree, beta: float = 10.0, distance: DistanceKind = "lca-height", **shared: Unpack[Shared]
    ) -> None:
        super().__init__(tree, **shared)
        self.beta = beta
        self.plain_propriety = propriety.soft_labels(beta)
        self.distances = self.means = None
        self.register_buffer("means_kept", None, persistent=False)
        self.sharpness = beta / max(largest_distance(tree, distance), 1)
        if self.labels.index == "leaf":
            self.distances = DistanceRows(tree, distance)
            total = sums_over_leaves(tree, distance, self._weights)
            mean = sums_over_leaves(tree, distance, lambda apart: apart * self._weights(apart)) / total
            self.register_buffer("total", torch.tensor(total), persistent=False)
            negative_entropy = torch.tensor(-self.sharpness * mean - np.log(total))
            self.register_buffer("negative_entropy", negative_entropy, persistent=False)
        elif len(tree.leaves) ** 2 <= MOST_KEPT:
            soft = torch.tensor(-self.sharpness * tree.distances(distance)).softmax(1)
            self.means_kept = mean_rows(soft, self.labels)
        else:
            self.means = MeanRows(self.labels, distance, self._weights, normalized=True)

    def _weights(self, apart: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the soft labels of classes at some distances, before they are divided by their sum."""
        weights: NDArray[np.float64] = np.exp(-self.sharpness * apart)
        return weights

    def of_log_probs(self, log_p: Tensor, target: Tensor) -> Tensor:
        """Return the values [B] for log-probabilities [B, L] and labels [B]."""
        if self.distances is None:
            t = self._means(target, log_p.dtype)
            return torch.xlogy(t, t).sum(1) - (t * log_p).sum(1)
        # What depends on the label alone is kept: the sum of the weights, and the first term of the divergence.
        total, negative_entropy = (kept.index_select(0, target) for kept in (self.total, self.negative_entropy))
        weights = (self.distances(target, log_p.dtype) * -self.sharpness).exp()
        values: Tensor = negative_entropy.to(log_p.dtype) - (weights * log_p).sum(1) / total.to(log_p.dtype)
        return values

    def _means(self, target: Tensor, dtype: torch.dtype) -> Tensor:
        """Return the means of the soft labels of the leaves below each label's node, [B, L]."""
        if self.means_kept is not None:
            return self.means_kept.index_select(0, target).to(dtype)
        assert self.means is not None
        means: Tensor = self.means(target, dtype)
        return means


class TreeWasserstein(FlatLoss):
    """sum over the edges e of |z(below e) - t(below e)|, with z from one softmax over all leaves and t the target.

    This is the cost of moving the predicted probabilities to the target along the edges, each of length 1. For a true
    leaf y it is the expected distance, sum_c p_c * d(c, y), with the distance "edges"; for a coarse label that to the
    subtree below its node, whose edges are free. For a probability target it is
    the distance between the two distributions, *not* the expectation over t, which is greater wherever t is uncertain.
    Reads L logits; see `TreeLoss` for shapes and errors.

    The loss is bounded, and so are its gradients: p_c * (d(c, y) - the loss). If almost all probability is on one wrong
    leaf, the gradient is as small as the probability left for the others.

    Args:
        tree: the label tree.
        shared: see `TreeLoss`.

    >>> tree = LabelTree.from_edges([("root", "animal"), ("animal", "cat"), ("animal", "dog"), ("root", "truck")])
    >>> round(TreeWasserstein(tree)(torch.zeros(1, 3), torch.tensor([0])).item(), 4)  # (0 + 2 + 3) / 3
    1.6667
    """

    spec = LossSpec(
        name="tree-wasserstein",
        title="Tree-Wasserstein",
        summary="The distance along the tree that the predicted probabilities would have to travel to the true class.",
        formula=r"\sum_{e} \left| z(e) - [y\ \mathrm{below}\ e] \right| = \sum_c p_c\, d(c, y)",
        source="closed form of the Wasserstein distance on a tree",
        judge=lambda tree, options: propriety.tree_wasserstein(),
        order=9,
    )

    def __init__(self, tree: LabelTree, **shared: Unpack[Shared]) -> None:
        super().__init__(tree, **shared)
        self.distances = DistanceRows(tree, "edges") if self.labels.index == "leaf" else SubtreeDistances(self.labels)
        self.plain_propriety = propriety.tree_wasserstein()

    def of_indices(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the values [B] for logits [B, C] and labels [B]."""
        p = F.softmax(logits, dim=1)
        values: Tensor = (p * self.distances(target, p.dtype)).sum(1)
        return values

    def of_probabilities(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the values [B] for logits [B, C] and leaf weights [B, L], which need not sum to 1."""
        total = target.sum(1, keepdim=True)
        # If class weights change the total of the target, the prediction is scaled to the same total.
        surplus: Tensor = F.softmax(logits, dim=1) * total - target
        return self.nodes.sum_up(surplus.t())[1:].abs().sum(0)

    def of_weighted_probabilities(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return `of_probabilities` with the target multiplied by the class weights."""
        values = self.of_probabilities(logits, target)
        return values if self.weight is None else values * (target * self.weight.to(target.dtype)).sum(1)
