"""The expectation of a loss over probabilities of the leaves, for losses that are not linear in the label."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

# Up to this many classes, probability targets use all classes; above it, only those with a probability other than 0.
MOST_DENSE = 256


def class_by_class(
    rows: Tensor, target: Tensor, labels: Tensor | None, values_of: Callable[[Tensor, Tensor], Tensor]
) -> Tensor:
    """Return the sum over the leaves of target * value, [B].

    All L classes are evaluated up to 256, above that each entry other than 0. The latter suits mixup and a few
    annotators, and is slow for labels smoothed over all classes. It reads the number of such entries from the device,
    so it waits for the device and cannot be part of a CUDA graph.

    Args:
        rows: [B, C], what the values are computed from.
        target: [B, L], weights of the leaves.
        labels: [L], the label of each leaf; None for 0 .. L - 1.
        values_of: a function of rows [K, C] and labels [K] that returns values [K].
    """
    size = target.shape[1]
    if size <= MOST_DENSE:
        labels = torch.arange(size, device=target.device) if labels is None else labels
        each = values_of(rows.repeat_interleave(size, dim=0), labels.repeat(len(target)))
        return (target * each.view_as(target)).sum(1)
    samples, leaves = target.detach().nonzero(as_tuple=True)
    labels = leaves if labels is None else labels.index_select(0, leaves)
    each = values_of(rows.index_select(0, samples), labels) * target[samples, leaves]
    return rows.new_zeros(len(rows)).index_add(0, samples, each)
