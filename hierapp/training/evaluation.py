"""Training state of a network, evaluation on a part of the data, and selection of the best epoch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from hierapp.losses import PathHead
from hierapp.losses.base import TreeLoss
from hierapp.training import device
from hierapp.training.batches import BatchLoader, DeviceDataset
from hierapp.training.config import RunConfig
from hierapp.training.heads import PathHeadModel
from hierapp.training.pair_counts import PairCounts
from hierapp.training.recorder import Confusion

EVALUATION_BATCH = 1_000
# Sums over millions of pixels; MPS has no float64.
EXACT = {"mps": torch.float32, "cpu": torch.float64, "cuda": torch.float64}
LESS_IS_BETTER = ("val_loss", "val_distance")


@dataclass
class TrainState:
    """A network with its loss, its optimizer and the precision of its convolutions and matrix products.

    Attributes:
        total: sum of the losses of all images since it was last set to 0, on the device.
        head: the last layer that computes the loss itself, and the layers before it; None if there is no such layer.
    """

    network: nn.Module
    loss: TreeLoss
    optimizer: torch.optim.Optimizer
    precision: device.Precision = "float32"
    total: Tensor = field(init=False)
    head: tuple[PathHead, nn.Module] | None = field(init=False)

    def __post_init__(self) -> None:
        self.total = torch.zeros((), device=next(self.network.parameters()).device)
        last = self.network[-1] if isinstance(self.network, nn.Sequential) else None
        self.head = None
        if isinstance(last, PathHeadModel) and isinstance(self.network, nn.Sequential):
            self.head = (last.head, self.network[:-1])

    def train_batch(self, loader: BatchLoader, index: int, rate: float) -> int:
        """Make one step on the `index`-th batch of the loader's current epoch; return its number of images."""
        self.set_rate(rate)
        batch = loader.indices(index)
        self.step(*loader.take(batch, loader.share(index)))
        return len(batch)

    def set_rate(self, rate: float) -> None:
        """Set the learning rate of the next steps."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group.get("rate_factor", 1.0)

    def step(self, images: Tensor, targets: Tensor) -> None:
        """Make one step on a batch."""
        value = self.value(images, targets)
        self.optimizer.zero_grad()
        value.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        self.total += value.detach() * len(images)

    def value(self, images: Tensor, targets: Tensor) -> Tensor:
        """Return the mean loss of a batch."""
        value: Tensor
        if targets.dim() == 3:
            # The mean of a batch without a labeled pixel is 0, not 0 / 0.
            total = self.loss(self.logits(images), targets, reduction="sum")
            value = total / self.divisor(targets).clamp(min=torch.finfo(total.dtype).tiny)
        elif self.head is None:
            value = self.loss(self.logits(images), targets)
        else:
            head, before = self.head
            with device.half(self.precision, images.device):
                features = before(images)
            value = head(features.float(), targets)
        return value

    def divisor(self, targets: Tensor) -> Tensor:
        """Return the divisor of the mean over integer targets: their class weights, or the number of those counted."""
        known, weight = targets != self.loss.ignore_index, self.loss.label_weight
        if weight is None:
            return known.sum()
        return weight.index_select(0, targets.where(known, 0).flatten()).dot(known.flatten().to(weight.dtype))

    def logits(self, images: Tensor) -> Tensor:
        """Return the float32 logits [B, C], or [B, C, H, W] for label maps, of images [B, H, W, C]."""
        with device.half(self.precision, images.device):
            found: Tensor = self.network(images)
        return found.float()


@dataclass(frozen=True)
class Evaluation:
    """Metrics of a model on one part of the data.

    A coarse label does not say which leaf is the true one, so its row counts in the loss only. Accuracy, confusion and
    everything that is computed from stored outputs are over the m rows whose label is a leaf.

    confusion: sparse [L, L] in the order of `tree.leaves`, rows true; log_probs: [m, L] and target: [m], if requested;
    coarse: number of rows with a coarse label; coarse_accuracy: the share of these whose predicted leaf is below it;
    log_loss: the mean of -log p of the true leaf, for label maps.

    With label maps, rows are pixels, and void ones do not count.
    """

    loss: float
    accuracy: float
    confusion: Confusion
    log_probs: Tensor | None = None
    target: Tensor | None = None
    coarse: int = 0
    coarse_accuracy: float = 0.0
    log_loss: float = 0.0


@torch.inference_mode()
def evaluate(
    state: TrainState,
    part: DeviceDataset,
    keep: bool = False,
    batch: int = EVALUATION_BATCH,
    visit: Callable[[Tensor], object] = lambda _: None,
) -> Evaluation:
    """Compute loss, accuracy and confusion of the most probable leaves, over every image of the part once.

    Args:
        state: the network and its loss.
        part: the images; they are never augmented.
        keep: also return the log-probabilities of the leaves.
        batch: number of images at a time.
        visit: called with the log-probabilities of each batch, [B, L] or [B, L, H, W].
    """
    loss = state.loss
    state.network.eval()
    loss.eval()
    where = part.images.device
    tally = _Tally(loss, where, part.has_maps, keep)
    total, weights = (torch.zeros((), device=where, dtype=tally.exact) for _ in range(2))
    for start in range(0, len(part), batch):
        labels = part.targets(slice(start, start + batch))
        logits = state.logits(part.images[start : start + batch])
        log_probs = loss.leaf_log_probs(logits)
        visit(log_probs)
        total += loss(logits, labels, reduction="sum")
        weights += state.divisor(labels)
        tally.add(log_probs, labels)
    return tally.evaluation(total.item() / max(weights.item(), torch.finfo(torch.float32).tiny))


class _Tally:
    """Counts the most probable leaves, batch by batch, without waiting for the device."""

    def __init__(self, loss: TreeLoss, where: torch.device, has_maps: bool, keep: bool) -> None:
        self.exact = EXACT.get(where.type) if has_maps else None
        self._ignored, self._has_maps, self._keep = loss.ignore_index, has_maps, keep
        self._counts = PairCounts(len(loss.tree.leaves), where)
        self._nll = torch.zeros((), device=where, dtype=self.exact)
        self._coarse_right, self._rows = (torch.zeros((), dtype=torch.int64, device=where) for _ in range(2))
        self._kept: list[tuple[Tensor, Tensor]] = []
        self._ranges = self._is_leaf = None
        if loss.labels.index == "node":
            self._ranges = torch.tensor(loss.tree.leaf_ranges, device=where)
            self._is_leaf = torch.tensor(loss.tree.height == 0, device=where)

    def add(self, log_probs: Tensor, labels: Tensor) -> None:
        """Count a batch: log-probabilities of the leaves [B, L] or [B, L, H, W], and its labels."""
        if labels.dim() == 3:
            known = labels != self._ignored
            log_probs, labels = log_probs.movedim(1, -1)[known], labels[known]
        self._rows += len(labels)
        best, leaves = log_probs.argmax(dim=1), labels
        if self._ranges is not None and self._is_leaf is not None:
            first, end = self._ranges[labels].unbind(1)
            fine = self._is_leaf[labels]
            self._coarse_right += (~fine & (first <= best) & (best < end)).sum()
            best, leaves, log_probs = best[fine], first[fine], log_probs[fine]
        self._counts.add(leaves, best)
        if self._has_maps:
            self._nll -= log_probs.gather(1, leaves[:, None]).sum()
        if self._keep:
            self._kept.append((log_probs, leaves))

    def evaluation(self, loss: float) -> Evaluation:
        """Return what was counted, with the mean loss."""
        confusion = self._counts.matrix()
        found = int(confusion.sum())
        coarse = int(self._rows) - found
        if coarse and self._ranges is None:
            raise AssertionError(f"evaluated {found} of {int(self._rows)} rows")
        log_probs = targets = None
        if self._keep:
            targets = torch.cat([leaves for _, leaves in self._kept])
            log_probs = _joined(self._kept)
        return Evaluation(
            loss,
            float(confusion.diagonal().sum()) / max(1, found),
            confusion,
            log_probs,
            targets,
            coarse,
            self._coarse_right.item() / max(1, coarse),
            self._nll.item() / max(1, found),
        )


def _joined(parts: list[tuple[Tensor, Tensor]]) -> Tensor:
    """Return the first tensors of all parts as one, and forget each once it is copied: of many classes, both would not
    fit into memory."""
    found = parts[0][0].new_empty(sum(len(each) for each, _ in parts), parts[0][0].shape[1])
    parts.reverse()
    done = 0
    while parts:
        each, _ = parts.pop()
        found[done : done + len(each)] = each
        done += len(each)
    return found


@dataclass
class Best:
    """The best epoch so far (0: none), its metric, and its weights on the device.

    `weights` is empty if the last epoch is selected.
    """

    epoch: int = 0
    value: float = 0.0
    weights: dict[str, Tensor] = field(default_factory=dict)

    def update(self, config: RunConfig, epoch: int, values: dict[str, float], network: nn.Module) -> None:
        """Store the epoch and its weights if it is better than all before; among equal epochs the first is kept."""
        if config.select == "last":
            self.epoch = epoch
            return
        value = values[config.select]
        better = value < self.value if config.select in LESS_IS_BETTER else value > self.value
        if self.epoch == 0 or better:
            self.epoch, self.value = epoch, value
            with torch.no_grad():
                state = network.state_dict()
                if not self.weights:
                    self.weights = {name: torch.empty_like(tensor) for name, tensor in state.items()}
                for name, tensor in state.items():
                    self.weights[name].copy_(tensor)

    def should_stop(self, config: RunConfig, epoch: int) -> bool:
        """Return whether the number of epochs without improvement has reached the configured patience."""
        return bool(config.patience) and epoch - self.epoch >= config.patience

    def restore(self, network: nn.Module) -> None:
        """Load the weights of the best epoch into the network."""
        if self.weights:
            network.load_state_dict(self.weights)
