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
    """Sum over v on path(y), v != root, of w(v) * (-log p(v)) with w(v) = exp(-alpha * (depth(v) - 1)).

    Args:
        tree: the label tree.
        alpha: how fast the weights fall from the root down; with 0 all are alike and flat HXE is cross-entropy.
        normalize: divide the weights by their sum over all N nodes, the root's 1 included, as the published code does.
            It changes the scale of the loss only.
        parametrization: "flat", p(v) = z(v) / z(parent) from one softmax over the L leaves, as published;
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
