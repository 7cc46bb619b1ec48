"""Values and gradients from hierapp's own losses, in double precision. It imports torch; import it inside functions."""

from __future__ import annotations

import threading
import warnings
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from hierapp.lab.choices import LossChoice
from hierapp.lab.example import Example, centred, node_log_sums
from hierapp.losses import make_loss
from hierapp.losses.base import ConditionalLoss, TreeLoss
from hierapp.losses.propriety import ImproperLossWarning
from hierapp.trees import LabelTree

Floats = NDArray[np.float64]

# Examples whose gradients tell which logits a loss never touches.
PROBES = 3

_quiet = threading.Lock()  # warnings.catch_warnings is not safe among threads


@lru_cache(maxsize=128)
def loss_of(choice: LossChoice, tree: LabelTree) -> TreeLoss:
    """The loss of a choice over a tree; what it warns of stands in its `propriety`.

    Raises:
        ConfigError: if the options do not fit the tree.
    """
    with _quiet, warnings.catch_warnings():
        warnings.simplefilter("ignore", ImproperLossWarning)
        return make_loss(choice.name, tree, reduction="none", **dict(choice.options)).double()


def reads_nodes(loss: TreeLoss) -> bool:
    """Whether the loss reads node logits; else it reads leaf logits."""
    return isinstance(loss, ConditionalLoss)


def logit_nodes(loss: TreeLoss) -> tuple[int, ...]:
    """For each logit that the loss reads the node it belongs to."""
    return tuple(range(1, len(loss.tree.nodes))) if reads_nodes(loss) else tuple(loss.tree.leaf_nodes.tolist())


def read(example: Example, loss: TreeLoss) -> Floats:
    """The logits of an example that the loss reads: the node logits, or log z of the leaves."""
    return np.array(example.logits if reads_nodes(loss) else example.leaf_log_probs)


def example_of(logits: Floats, loss: TreeLoss, like: Example) -> Example:
    """The example with these logits, as the loss reads them; flat ones leave the siblings' means as in `like`."""
    if reads_nodes(loss):
        return Example(like.tree, tuple(logits.tolist()), like.target)
    return Example(like.tree, tuple(centred(like.tree, node_log_sums(like.tree, logits)[1:], like.logits)), like.target)


def values(loss: TreeLoss, rows: ArrayLike, target: int) -> Floats:
    """The loss [K] of each row of logits [K, C] for one true leaf."""
    logits = torch.tensor(np.asarray(rows, np.float64))
    with torch.no_grad():
        result: Floats = loss(logits, torch.full((len(logits),), target)).numpy()
    return result


def gradients(loss: TreeLoss, rows: ArrayLike, target: int) -> tuple[Floats, Floats]:
    """The loss [K] of each row, and its gradient [K, C] on the row's logits."""
    logits = torch.tensor(np.asarray(rows, np.float64), requires_grad=True)
    with torch.enable_grad():
        found = loss(logits, torch.full((len(logits),), target))
        (gradient,) = torch.autograd.grad(found.sum(), logits)
    return found.detach().numpy(), gradient.numpy()


@lru_cache(maxsize=512)
def untouched(choice: LossChoice, tree: LabelTree, target: int) -> tuple[int, ...]:
    """The nodes whose logits the loss never changes for this true leaf, whatever the logits are.

    Found by the gradients at random examples: one that is 0 at all of them is 0 everywhere, but for functions made to
    deceive. 0 means to rounding: parts that cancel leave some 1e-17.
    """
    loss = loss_of(choice, tree)
    rows = np.random.default_rng(0).normal(0.0, 1.5, (PROBES, loss.num_outputs))
    _, found = gradients(loss, rows, target)
    most = np.abs(found).max(axis=0)
    return tuple(node for node, size in zip(logit_nodes(loss), most, strict=True) if size <= 1e-14 * max(most.max(), 1))
