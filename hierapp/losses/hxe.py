"""Hierarchical cross-entropy (HXE), Bertinetto et al. 2020, in both parametrizations."""

from __future__ import annotations

from typing import Literal, Unpack

from hierapp.losses.base import Shared, TreeLoss
from hierapp.losses.conditional import ConditionalHXE, step_decay
from hierapp.losses.marginal import FlatHXE
from hierapp.trees import LabelTree


def hxe(
    tree: LabelTree,
    alpha: float = 0.1,
    normalize: bool = True,
    parametrization: Literal["flat", "conditional"] = "flat",
    **shared: Unpack[Shared],
) -> TreeLoss:
    """Make a hierarchical cross-entropy (HXE) loss (Bertinetto et al. 2020).

    The value is the sum over v on path(y), v != root, of w(v) * (-log p(v)) with w(v) = exp(-alpha * (depth(v) - 1)).
    See `TreeLoss` for shapes and errors.

    Args:
        tree: the label tree.
        alpha: decay rate of the weights with depth (default 0.1); with 0 all weights are equal and flat HXE is
            cross-entropy.
        normalize: divide the weights by their sum over all N nodes, including the root's 1 (default), as in the
            published code. This changes only the scale of the loss.
        parametrization: "flat" (default), p(v) = z(v) / z(parent) from one softmax over the L leaves, as published;
            "conditional", p from a softmax over each set of siblings, N - 1 logits.
        shared: see `TreeLoss`.

    >>> import torch
    >>> tree = LabelTree.from_edges([("root", "animal"), ("animal", "cat"), ("animal", "dog"), ("root", "truck")])
    >>> loss = hxe(tree, alpha=0.0, normalize=False)
    >>> round(loss(torch.zeros(1, 3), torch.tensor([0])).exp().item(), 3)  # cross-entropy of 3 classes
    3.0
    """
    weights = step_decay(tree, alpha, normalize)
    return (FlatHXE if parametrization == "flat" else ConditionalHXE)(tree, weights, **shared)
