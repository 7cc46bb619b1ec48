"""Hierarchical cross-entropy (HXE), Bertinetto et al. 2020, in both parametrizations."""

from __future__ import annotations

from typing import Any, Literal, Unpack, cast

import numpy as np
from numpy.typing import NDArray

from hierapp.losses import propriety
from hierapp.losses.arguments import Shared
from hierapp.losses.base import TreeLoss
from hierapp.losses.conditional import PathLoss
from hierapp.losses.decay import Decay, step_decay
from hierapp.losses.marginal import MarginalLoss
from hierapp.losses.spec import LossSpec
from hierapp.trees import LabelTree
from hierapp.utils.options import Option


class HXE(MarginalLoss):
    """Hierarchical cross-entropy with conditionals from one softmax over all leaves, as published; see `make`.

    Since p(v) = z(v) / z(parent of v), the sum of w(v) * (-log p(v)) equals that of (w(v) - w(v')) * (-log z(v)), where
    v' is the next node on the path. With equal weights only the term of the last node remains: cross-entropy.

    Args:
        tree: the label tree.
        weights: [D], w of the steps from the root down.
        shared: see `TreeLoss`.
    """

    spec = LossSpec(
        name="hxe",
        title="Hierarchical cross-entropy (HXE)",
        summary="The decisions along the true path, with weights that decrease at each step away from the root.",
        formula=r"-\sum_{v \in \mathrm{path}(y)} e^{-\alpha (\mathrm{depth}(v) - 1)} \log p(v)",
        source="Bertinetto et al. 2020",
        judge=lambda tree, options: propriety.siblings_alike(),
        outputs="either",
        proper="yes",
        options=(
            Option("alpha", 0.1, "how fast the weights decrease with the distance from the root"),
            Option("normalize", True, "divide the weights by their sum over all nodes; this changes the scale only"),
            Option(
                "parametrization",
                "flat",
                "one softmax over the leaves, as published, or one over each set of siblings",
                choices=("flat", "conditional"),
            ),
            Option(
                "decay",
                "root",
                "whether weights decrease away from the root, as in the published code, or away from the leaves",
                choices=("root", "height"),
            ),
        ),
        order=6,
    )

    def __init__(self, tree: LabelTree, weights: NDArray[np.float64], **shared: Unpack[Shared]) -> None:
        of_node = np.concatenate([[0.0], weights])[tree.depth - 1]
        of_next = np.concatenate([weights, [0.0]])[tree.depth - 1]
        super().__init__(tree, of_node - of_next, of_node, **shared)
        self.plain_propriety = propriety.siblings_alike()

    @classmethod
    def make(
        cls,
        tree: LabelTree,
        alpha: float = 0.1,
        normalize: bool = True,
        parametrization: Literal["flat", "conditional"] = "flat",
        decay: Decay = "root",
        **shared: Any,
    ) -> TreeLoss:
        """Make a hierarchical cross-entropy (HXE) loss (Bertinetto et al. 2020).

        The value is the sum over v on path(y), v != root, of w(v) * (-log p(v)) with
        w(v) = exp(-alpha * (depth(v) - 1)). See `TreeLoss` for shapes and errors.

        Args:
            tree: the label tree.
            alpha: decay rate of the weights with depth (default 0.1); with 0 all weights are equal and flat HXE is
                cross-entropy.
            normalize: divide the weights by their sum over all N nodes, including the root's 1 (default), as in the
                published code. This changes only the scale of the loss.
            parametrization: "flat" (default), p(v) = z(v) / z(parent) from one softmax over the L leaves, as published;
                "conditional", p from a softmax over each set of siblings, N - 1 logits.
            decay: "root" (default), as in the published code; "height", the publication's formula exp(-alpha * h(v))
                with h read as the height of v, so that weights decrease away from the leaves; see `step_decay`.
            shared: see `TreeLoss`.

        >>> import torch
        >>> tree = LabelTree.from_edges([("root", "animal"), ("animal", "cat"), ("animal", "dog"), ("root", "truck")])
        >>> loss = HXE.make(tree, alpha=0.0, normalize=False)
        >>> round(loss(torch.zeros(1, 3), torch.tensor([0])).exp().item(), 3)  # cross-entropy of 3 classes
        3.0
        """
        weights = step_decay(tree, alpha, normalize, decay)
        return (HXE if parametrization == "flat" else ConditionalHXE)(tree, weights, **cast(Shared, shared))


class ConditionalHXE(PathLoss):
    """Hierarchical cross-entropy with a softmax over each set of siblings; see `HXE.make`."""

    def __init__(self, tree: LabelTree, weights: NDArray[np.float64], **shared: Unpack[Shared]) -> None:
        super().__init__(tree, weights, **shared)
        self.plain_propriety = propriety.siblings_alike()
