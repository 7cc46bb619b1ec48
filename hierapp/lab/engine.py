"""Values and gradients of hierapp's own losses in double precision. Imports torch; import it inside functions."""

from __future__ import annotations

import threading
import warnings
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from hierapp.lab.choices import LossChoice
from hierapp.lab.example import LIMIT, Example, centered, log_conditionals, node_log_sums
from hierapp.losses import make_loss
from hierapp.losses.base import TreeLoss
from hierapp.losses.frame import Frame
from hierapp.losses.propriety import ImproperLossWarning
from hierapp.trees import LabelTree

Floats = NDArray[np.float64]

# Number of random examples whose gradients show which logits a loss never changes.
PROBES = 3

_quiet = threading.Lock()  # warnings.catch_warnings is not thread-safe


@lru_cache(maxsize=128)
def loss_of(choice: LossChoice, tree: LabelTree) -> TreeLoss:
    """Return the loss of a choice over a tree. Its warning is suppressed; see its `propriety` instead.

    Raises:
        ConfigError: if the options do not fit the tree.
    """
    with _quiet, warnings.catch_warnings():
        warnings.simplefilter("ignore", ImproperLossWarning)
        # In evaluation mode logit adjustment, which needs the priors of a data set, changes nothing.
        return make_loss(choice.name, tree, reduction="none", **dict(choice.options)).double().eval()


def reads_nodes(loss: TreeLoss) -> bool:
    """Return whether the loss reads the node logits; otherwise it reads log z of the leaves."""
    return loss.link != "leaves"


def logit_nodes(loss: TreeLoss) -> tuple[int, ...]:
    """Return the node of each logit that the loss reads."""
    return tuple(loss.output_nodes.tolist())


def read(example: Example, loss: TreeLoss) -> Floats:
    """Return the logits of an example that the loss reads: the node logits, or log z of the leaves.

    A softmax over all nodes also reads the root's, which is 0; behind a fixed head, the outputs are those that give
    log z.
    """
    if isinstance(loss, Frame):
        outputs: Floats = _outputs(loss, np.array(example.leaf_log_probs)[None])[0]
        return outputs
    if loss.link == "nodes":
        return np.array([0.0, *example.logits])
    return np.array(example.logits if reads_nodes(loss) else example.leaf_log_probs)


def example_of(logits: Floats, loss: TreeLoss, like: Example) -> Example:
    """Return the example with the given loss logits; leaf logits keep the mean of each set of siblings in `like`."""
    if loss.link == "nodes":
        logits = (logits[1:] - logits[0]).clip(-LIMIT, LIMIT)
    if reads_nodes(loss):
        return Example(like.tree, tuple(logits.tolist()), like.target)
    if isinstance(loss, Frame):
        logits = _scores(loss, logits)
    return Example(
        like.tree, tuple(centered(like.tree, node_log_sums(like.tree, logits)[1:], like.logits)), like.target
    )


def probabilities(logits: Floats, loss: TreeLoss) -> Floats:
    """Return the probabilities that the loss makes of its logits, [C]: of the leaves, of nodes, or given the parent."""
    if isinstance(loss, Frame):
        logits = _scores(loss, logits)
    if loss.link == "sigmoid":
        logs = -np.logaddexp(0.0, -logits)
    elif loss.link == "siblings":
        logs = log_conditionals(loss.tree, logits)[1:]
    else:
        logs = logits - np.logaddexp.reduce(logits)
    found: Floats = np.exp(logs)
    return found


def logits_of(points: Floats, loss: TreeLoss) -> Floats:
    """Return logits [K, C] with the given probabilities [K, C]; the inverse of `probabilities`.

    The softmax of log p is p again. Probabilities that underflow to 0 are replaced by the smallest normal double.
    """
    logs = np.log(np.maximum(points, np.finfo(np.float64).tiny))
    if isinstance(loss, Frame):
        return _outputs(loss, logs)
    return logs - np.log1p(-np.minimum(points, 1 - np.finfo(np.float64).eps)) if loss.link == "sigmoid" else logs


def _scores(loss: Frame, outputs: Floats) -> Floats:
    found: Floats = loss.scores(torch.tensor(outputs)[None])[0].numpy()
    return found


def _outputs(loss: Frame, leaf_logs: Floats) -> Floats:
    found: Floats = loss.outputs_of(torch.tensor(leaf_logs)).numpy()
    return found


def values(loss: TreeLoss, rows: ArrayLike, target: int) -> Floats:
    """Return the loss [K] of each row of logits [K, C] for one true leaf."""
    logits = torch.tensor(np.asarray(rows, np.float64))
    with torch.no_grad():
        result: Floats = loss(logits, torch.full((len(logits),), target)).numpy()
    return result


def gradients(loss: TreeLoss, rows: ArrayLike, target: int) -> tuple[Floats, Floats]:
    """Return the loss [K] of each row of logits [K, C] and its gradient [K, C] with respect to the logits."""
    logits = torch.tensor(np.asarray(rows, np.float64), requires_grad=True)
    with torch.enable_grad():
        found = loss(logits, torch.full((len(logits),), target))
        (gradient,) = torch.autograd.grad(found.sum(), logits)
    return found.detach().numpy(), gradient.numpy()


@lru_cache(maxsize=512)
def untouched(choice: LossChoice, tree: LabelTree, target: int) -> tuple[int, ...]:
    """Return the nodes whose logits the loss never changes for this true leaf, for any values of the logits.

    They are detected from the gradients at random examples: a gradient that is 0 at all of them is taken to be 0
    everywhere. Values up to 1e-14 (relative to the largest, if above 1) count as 0: cancellation leaves about 1e-17.
    """
    loss = loss_of(choice, tree)
    if loss.link == "sigmoid":
        return ()  # only the least or largest logit of a path has a gradient, and each one is that somewhere
    rows = np.random.default_rng(0).normal(0.0, 1.5, (PROBES, loss.num_outputs))
    _, found = gradients(loss, rows, target)
    most = np.abs(found).max(axis=0)
    return tuple(node for node, size in zip(logit_nodes(loss), most, strict=True) if size <= 1e-14 * max(most.max(), 1))
