"""Metrics over batches and processes, as torchmetrics does it: update, compute, reset."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, distributed

from hierapp.errors import ConfigError
from hierapp.metrics.confusion import report
from hierapp.trees import DistanceKind, LabelTree

# Pairs of true and predicted leaves that are kept before they are counted.
MOST_PENDING = 2**20


class TreeMetrics:
    """Accumulate the metrics of `hierapp.metrics.report`, and the log loss, over batches.

    Counts stay on the device of the batches, and `update` does not wait for it. Memory depends on the number of
    different pairs of true and predicted leaves, not on L * L.

    Args:
        tree: the label tree.
        distance: the distance between leaves (default "lca-depth"); see `LabelTree.distances`.
        ignore_index: target (default -100) that is not counted.

    >>> tree = LabelTree.from_edges([("root", "animal"), ("animal", "cat"), ("animal", "dog"), ("root", "truck")])
    >>> metrics = TreeMetrics(tree)
    >>> metrics.update(torch.tensor([[0.7, 0.2, 0.1], [0.5, 0.3, 0.2]]).log(), torch.tensor([0, 2]))
    >>> found = metrics.compute()
    >>> found["accuracy"], found["mean_distance"], round(found["log_loss"], 3)
    (0.5, 1.0, 0.983)
    """

    def __init__(self, tree: LabelTree, distance: DistanceKind = "lca-depth", ignore_index: int = -100) -> None:
        self.tree, self.distance, self.ignore_index = tree, distance, ignore_index
        self.reset()

    def reset(self) -> None:
        """Forget all batches."""
        self._pending: list[Tensor] = []
        self._pairs, self._counts = torch.zeros(0, dtype=torch.int64), torch.zeros(0, dtype=torch.int64)
        self._loss: Tensor | float = 0.0

    def update(self, leaf_log_probs: Tensor, target: Tensor) -> None:
        """Add a batch.

        Args:
            leaf_log_probs: [B, L, ...], `loss.leaf_log_probs(logits)`; the prediction is the most probable leaf.
            target: [B, ...], positions in `tree.leaves`, or `ignore_index`.

        Raises:
            ConfigError: if the shapes do not match, or a target is not a leaf; a GPU reports the latter itself.
        """
        size = len(self.tree.leaves)
        wanted = leaf_log_probs.shape[:1] + leaf_log_probs.shape[2:]
        if leaf_log_probs.ndim < 2 or leaf_log_probs.shape[1] != size or target.shape != wanted:
            raise ConfigError(
                f"Expected log-probabilities [B, {size}, ...] and targets [B, ...] but got"
                f" {list(leaf_log_probs.shape)} and {list(target.shape)}."
            )
        log_p, target = leaf_log_probs.detach(), target.detach().long()
        keep = target != self.ignore_index
        true = target.where(keep, 0)
        try:
            own = log_p.gather(1, true.unsqueeze(1)).squeeze(1).double()
        except (IndexError, RuntimeError):
            raise ConfigError(
                f"Expected targets from 0 to {size - 1}, positions in tree.leaves, but got {int(true.min())} to"
                f" {int(true.max())}."
            ) from None
        self._loss = self._loss - own.where(keep, 0.0).sum()
        self._pending.append((true * size + log_p.argmax(1)).where(keep, -1).flatten())
        if sum(map(len, self._pending)) > MOST_PENDING:
            self._count()

    def compute(self) -> dict[str, Any]:
        """Return the metrics of all batches, of all processes if `torch.distributed` is initialized.

        Returns:
            The dict of `hierapp.metrics.report`, and log_loss, the mean of -log p of the true leaf.
        """
        from scipy.sparse import coo_array

        self._count()
        own = (self._pairs.cpu().numpy(), self._counts.cpu().numpy(), float(self._loss))
        parts = [own]
        if distributed.is_available() and distributed.is_initialized():
            parts = [own] * distributed.get_world_size()
            distributed.all_gather_object(parts, own)
        pairs, counts = (np.concatenate([part[place] for part in parts]) for place in (0, 1))
        size = len(self.tree.leaves)
        confusion = coo_array((counts, (pairs // size, pairs % size)), shape=(size, size)).tocsr()
        found = report(confusion, self.tree, self.distance)
        return {**found, "log_loss": sum(part[2] for part in parts) / max(found["samples"], 1)}

    def _count(self) -> None:
        """Count the pending pairs."""
        if not self._pending:
            return
        pending = torch.cat(self._pending)
        self._pending = []
        new = pending[pending != -1]
        pairs = torch.cat([self._pairs.to(new.device), new])
        counts = torch.cat([self._counts.to(new.device), torch.ones_like(new)])
        self._pairs, place = torch.unique(pairs, return_inverse=True)
        self._counts = torch.zeros_like(self._pairs).scatter_add(0, place, counts)
