"""A network with what it learns by, and how it does on a part of the data."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hierapp import compute
from hierapp.batches import Feed, Images
from hierapp.losses.base import TreeLoss

EVALUATION_BATCH = 1_000

Confusion = NDArray[np.int64]


@dataclass
class Learner:
    """A network with its loss, its optimizer and the precision of its convolutions and matrix products.

    Attributes:
        total: the sum of the losses of all images since it was last set to 0, on the device.
    """

    network: nn.Module
    loss: TreeLoss
    optimizer: torch.optim.Optimizer
    precision: compute.Precision = "float32"
    total: Tensor = field(init=False)

    def __post_init__(self) -> None:
        self.total = torch.zeros((), device=next(self.network.parameters()).device)

    def learn(self, feed: Feed, place: int, rate: float) -> int:
        """One step on the `place`-th batch of the epoch that the feed has begun; how many images that were."""
        self.set_rate(rate)
        batch = feed.indices(place)
        self.step(*feed.take(batch, feed.share(place)))
        return len(batch)

    def set_rate(self, rate: float) -> None:
        """The learning rate of the next steps."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    def step(self, images: Tensor, targets: Tensor) -> None:
        """One step on a batch."""
        value = self.loss(self.logits(images), targets)
        self.optimizer.zero_grad()
        value.backward()
        self.optimizer.step()
        self.total += value.detach() * len(images)

    def logits(self, images: Tensor) -> Tensor:
        """float32 [B, C] of images [B, H, W, C]."""
        with compute.half(self.precision, images.device):
            found: Tensor = self.network(images)
        return found.float()


@dataclass(frozen=True)
class Evaluation:
    """A model's figures on one part of the data.

    confusion [L, L] in the order of `tree.leaves`, rows true; log_probs [n, L] where they were asked for.
    """

    loss: float
    accuracy: float
    confusion: Confusion
    log_probs: Tensor | None = None


@torch.inference_mode()
def evaluate(learner: Learner, part: Images, keep: bool = False) -> Evaluation:
    """Loss, accuracy and confusion of the likeliest leaves, over every image of the part once, as it is.

    Args:
        learner: the network and its loss.
        part: the images; they are never augmented.
        keep: return the log-probabilities of the leaves, too.
    """
    loss = learner.loss
    learner.network.eval()
    size = len(loss.tree.leaves)
    counts = torch.zeros(size * size, dtype=torch.int64, device=part.images.device)
    total = torch.zeros((), device=part.images.device)
    kept: list[Tensor] = []
    for start in range(0, len(part), EVALUATION_BATCH):
        leaves = part.leaves[start : start + EVALUATION_BATCH]
        logits = learner.logits(part.images[start : start + EVALUATION_BATCH])
        log_probs = loss.leaf_log_probs(logits)
        counts += torch.bincount(leaves * size + log_probs.argmax(dim=1), minlength=size * size)
        total += loss(logits, leaves, reduction="sum")
        if keep:
            kept.append(log_probs)
    confusion = counts.view(size, size).cpu().numpy()
    if confusion.sum() != len(part):
        raise AssertionError(f"evaluated {confusion.sum()} of {len(part)} images")
    accuracy = float(np.trace(confusion)) / len(part)
    return Evaluation(total.item() / len(part), accuracy, confusion, torch.cat(kept) if keep else None)
