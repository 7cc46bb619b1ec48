"""From probabilities to a prediction: the decoders by name."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from hierapp.errors import ConfigError
from hierapp.tree import LabelTree


def leaf(leaf_log_probs: Tensor, tree: LabelTree) -> Tensor:
    """The likeliest leaf: argmax of z over the leaves, as node indices [B]."""
    nodes = torch.as_tensor(tree.leaf_nodes.copy(), device=leaf_log_probs.device)
    return nodes[leaf_log_probs.argmax(dim=1)]


DECODERS: dict[str, Callable[[Tensor, LabelTree], Tensor]] = {"leaf": leaf}


def decode(leaf_log_probs: Tensor, tree: LabelTree, rule: str = "leaf") -> Tensor:
    """Predict a node for each sample.

    Args:
        leaf_log_probs: [B, L] log-probabilities of the leaves, in the order of `tree.leaves`.
        rule: a key of `DECODERS`.

    Returns:
        int64 [B], positions in `tree.nodes`.

    Raises:
        ConfigError: for an unknown rule.

    >>> tree = LabelTree.from_edges([("root", "cat"), ("root", "dog")])
    >>> tree.nodes[decode(torch.tensor([[0.3, 0.7]]).log(), tree)]
    'dog'
    """
    if rule not in DECODERS:
        raise ConfigError(f"Unknown decoder {rule!r}; choose one of {', '.join(DECODERS)}.")
    return DECODERS[rule](leaf_log_probs, tree)
