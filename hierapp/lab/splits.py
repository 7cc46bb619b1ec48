"""Decomposition of each loss's value into terms and contributions, computed independently of hierapp's own losses and
tested against them.

There is one function per loss, which takes an example and all options of the loss; a loss without one has a single
contribution, its complete value. No torch is used here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hierapp.lab import splits_flat, splits_nodes, splits_path
from hierapp.lab.contributions import Contribution, Term
from hierapp.lab.example import Example

Split = Callable[[Example, Mapping[str, Any]], list[Term]]

SPLITS: dict[str, Split] = {
    "cross-entropy": splits_flat.cross_entropy,
    "regularized-cross-entropy": splits_flat.regularized,
    "hierarchical": splits_path.hierarchical,
    "hierarchical-convex": splits_path.convex,
    "conditional": splits_path.conditional,
    "hxe": splits_path.hxe,
    "soft-labels": splits_flat.soft_labels,
    "simloss": splits_flat.simloss,
    "tree-wasserstein": splits_flat.tree_wasserstein,
    "level-wise": splits_flat.level_wise,
    "softmax-margin": splits_nodes.softmax_margin,
    "tree-min-focal": splits_nodes.tree_min_focal,
    "frame": splits_flat.frame,
}


def split(name: str, example: Example, option_values: Mapping[str, Any], value: float) -> tuple[Term, ...]:
    """Return the terms of a loss, whose contributions add up to its value.

    Args:
        name: the name of the loss.
        example: the example.
        option_values: all options of the loss.
        value: the value of hierapp's own loss, used if the loss has no decomposition here.
    """
    if name in SPLITS:
        return tuple(SPLITS[name](example, option_values))
    return (
        Term(
            "value", "value", (Contribution(example.target_node, value, "", ""),), "This loss is not split into terms."
        ),
    )
