"""The whole training loop, readable top to bottom.

The data set lies on the device as one uint8 tensor; batches are indexed and normalised there, and nothing in the loop
waits for the device but the reports of the training loss. What happens is told to a Recorder: this file knows nothing
of the store.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hierapp import checkpoints, datasets, metrics, models, weights
from hierapp.checkpoints import Position
from hierapp.config import RunConfig
from hierapp.datasets import ImageSet
from hierapp.errors import Cancelled, ConfigError
from hierapp.losses import make_loss
from hierapp.losses.base import TreeLoss
from hierapp.similarity import Matrix
from hierapp.tree import LabelTree

REPORTS_PER_EPOCH = 10
EVALUATION_BATCH = 1_000

Confusion = NDArray[np.int64]


class Recorder(Protocol):
    """What the loop tells while it runs; an epoch is 1.5 in the middle of the second one."""

    def report(self, epoch: float, values: Mapping[str, float]) -> None: ...

    def end_epoch(self, epoch: int, values: Mapping[str, float], confusion: Confusion) -> None: ...

    def should_stop(self) -> bool: ...

    def should_save(self) -> bool:
        """Whether it is time for a checkpoint; asked between batches."""

    def went_back(self, epoch: float, broken: Sequence[str]) -> None:
        """Training begins at this point, 0 or a checkpoint's; checkpoints of these names were broken."""

    def saved(self, file: Path) -> None:
        """A file of the run's folder is written, and whole."""

    def not_saved(self, error: OSError) -> None:
        """A checkpoint could not be written; the one before is still there, and training goes on."""

    def when_there_is_room(self, write: Callable[[], None]) -> None:
        """Write a file that must be written, however long the disk is full."""


@dataclass(frozen=True)
class Evaluation:
    """A model's figures on one part of the data; confusion [L, L] in the order of `tree.leaves`, rows true."""

    loss: float
    accuracy: float
    confusion: Confusion


def choose_device(wanted: str) -> torch.device:
    """The device for "auto" (cuda, else mps, else cpu) or the one that is asked for.

    Raises:
        ConfigError: if this machine does not have it.
    """
    has = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wanted == "auto":
        return torch.device(next(name for name, there in has.items() if there))
    if not has.get(wanted):
        raise ConfigError(
            f"The device {wanted!r} is not to be had here; choose one of"
            f" {', '.join(['auto', *(name for name, there in has.items() if there)])}."
        )
    return torch.device(wanted)


@dataclass
class Images:
    """One part of a data set on a device: uint8 images [n, H, W, C] and their leaves [n]."""

    images: Tensor
    leaves: Tensor

    @classmethod
    def of(cls, part: ImageSet, tree: LabelTree, device: torch.device) -> Images:
        """Classes become leaves by their names."""
        leaf_of_class = torch.as_tensor(tree.positions_of(part.class_names))
        return cls(part.images.to(device), leaf_of_class[part.labels].to(device))

    def take(self, indices: NDArray[np.int64]) -> Images:
        chosen = torch.as_tensor(indices, device=self.images.device)
        return Images(self.images[chosen], self.leaves[chosen])

    def __len__(self) -> int:
        return len(self.leaves)


class Normalizer(nn.Module):
    """uint8 images [B, H, W, C] to floats [B, C, H, W] of mean 0 and deviation 1 a channel, by the training images.

    Permuting [B, H, W, C] gives the channels_last layout, on which convolutions run twice as fast on a CPU.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, images: Tensor) -> None:
        super().__init__()
        # From counts of the 256 values: exact, and no float copy of the data set.
        counts = torch.stack([images[..., c].flatten().int().bincount(minlength=256) for c in range(images.shape[-1])])
        values = torch.arange(256, dtype=torch.float64)
        share = counts.cpu().double() / counts[0].sum().item()
        mean = share @ values
        deviation = ((share @ values.square()) - mean.square()).clamp(min=1e-6).sqrt()
        self.register_buffer("mean", mean.float().view(-1, 1, 1))
        self.register_buffer("scale", (1 / deviation).float().view(-1, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        return (images.permute(0, 3, 1, 2).float() - self.mean) * self.scale


Load = Callable[[str, datasets.Part], ImageSet]


def train(
    config: RunConfig,
    tree: LabelTree,
    recorder: Recorder,
    folder: Path | None = None,
    load: Load | None = None,
    similarity: Matrix | None = None,
) -> dict[str, Any]:
    """Train one run, from its last checkpoint if there is one, and evaluate it on the test part, read only then.

    On a CPU a run that was stopped, in whatever way, and goes on ends with the same weights, bit for bit, as one that
    never was.

    Args:
        config: what to train; `config.tree` is its name only.
        tree: the label tree.
        recorder: is told of the training loss some ten times an epoch, and of each epoch's validation.
        folder: where checkpoints and `model.safetensors` go; nowhere by default.
        load: reads a part of a data set; `datasets.load` by default.
        similarity: what the option `similarity` of SimLoss stands for, [L, L] in the order of `tree.leaves`; the word
            "tree" needs none.

    Returns:
        `metrics.report` of the test part, with "loss" and "confusion".

    Raises:
        Cancelled: if the recorder asked for it; there is a checkpoint then.
        DatasetError, TreeError, ConfigError: if data, tree and configuration do not fit together.
    """
    load = load or datasets.load
    device = choose_device(config.device)
    torch.manual_seed(config.seed)
    whole = load(config.data, "train")
    fitting, held_out = (np.asarray(part) for part in datasets.split(whole.labels, seed=config.seed))
    images = Images.of(whole, tree, device)
    training, validation = images.take(fitting), images.take(held_out)
    alike = {} if similarity is None else {"similarity": similarity}
    loss = make_loss(config.loss, tree, **{**config.options, **alike}).to(device, torch.float32)
    height, width, channels = whole.images.shape[1:]
    model = models.find(config.model).build((height, width, channels), loss.num_outputs)
    network = nn.Sequential(Normalizer(training.images), model).to(device).to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(network.parameters(), lr=config.learning_rate, fused=device.type != "mps")

    def save() -> None:
        if folder is None or not math.isfinite(position.total):
            return
        try:
            recorder.saved(checkpoints.save(folder, config, network, optimizer, position))
        except OSError as error:
            recorder.not_saved(error)

    position, broken = checkpoints.restore(folder, config, network, optimizer) if folder else (Position(), [])
    if position.threads:
        torch.set_num_threads(position.threads)
    position.threads = torch.get_num_threads()
    recorder.went_back(position.epochs(number_of_batches(training, config)), broken)
    while position.epoch <= config.epochs:
        train_epoch(network, loss, optimizer, training, config, position, recorder, save)
        seconds, started = position.seconds, time.perf_counter()
        result = evaluate(network, loss, validation)
        recorder.end_epoch(
            position.epoch,
            {
                "val_loss": result.loss,
                "val_accuracy": result.accuracy,
                "images_per_second": len(training) / seconds,
                "epoch_seconds": seconds + time.perf_counter() - started,
            },
            result.confusion,
        )
        position = Position(position.epoch + 1, threads=position.threads)
        if recorder.should_save():
            save()
    if folder is not None:
        file, about = folder / "model.safetensors", {"config": config.model_dump_json()}
        recorder.when_there_is_room(lambda: weights.write(network.state_dict(), file, about))
        recorder.saved(file)
    test = evaluate(network, loss, Images.of(load(config.data, "test"), tree, device))
    return {"loss": test.loss, "confusion": test.confusion.tolist(), **metrics.report(test.confusion, tree)}


def number_of_batches(training: Images, config: RunConfig) -> int:
    """Steps in an epoch."""
    return math.ceil(len(training) / config.batch_size)


def train_epoch(
    network: nn.Module,
    loss: TreeLoss,
    optimizer: torch.optim.Optimizer,
    training: Images,
    config: RunConfig,
    position: Position,
    recorder: Recorder,
    save: Callable[[], None] = lambda: None,
) -> None:
    """The batches that an epoch has left, in an order that seed and epoch decide; `position` goes along."""
    device = training.images.device
    shuffle = torch.Generator().manual_seed(config.seed * 1_000_003 + position.epoch)
    order = torch.randperm(len(training), generator=shuffle).to(device)
    batches = torch.split(order, config.batch_size)
    reports = {math.ceil(len(batches) * part / REPORTS_PER_EPOCH) for part in range(1, REPORTS_PER_EPOCH + 1)}
    total = torch.tensor(position.total, device=device)
    before, started = position.seconds, time.perf_counter()
    network.train()
    for batch in batches[position.batch :]:
        value = loss(network(training.images[batch]), training.leaves[batch])
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        total, position.images = total + value.detach() * len(batch), position.images + len(batch)
        position.batch += 1
        if position.batch in reports:
            mean = total.item() / position.images
            if not math.isfinite(mean):
                raise ConfigError(
                    f"The training loss became {mean} in epoch {position.epoch}; lower the learning rate (it is"
                    f" {config.learning_rate:g})."
                )
            recorder.report(position.epochs(len(batches)), {"train_loss": mean})
            total, position.images = torch.zeros((), device=device), 0
        stop = recorder.should_stop()
        if stop or recorder.should_save():
            position.total = total.item()
            position.seconds = before + time.perf_counter() - started
            save()
        if stop:
            raise Cancelled
    position.seconds = before + time.perf_counter() - started


@torch.inference_mode()
def evaluate(network: nn.Module, loss: TreeLoss, part: Images) -> Evaluation:
    """Loss, accuracy and confusion of the likeliest leaves, over every image of the part once."""
    network.eval()
    size = len(loss.tree.leaves)
    counts = torch.zeros(size * size, dtype=torch.int64, device=part.images.device)
    total = torch.zeros((), device=part.images.device)
    for start in range(0, len(part), EVALUATION_BATCH):
        leaves = part.leaves[start : start + EVALUATION_BATCH]
        logits = network(part.images[start : start + EVALUATION_BATCH])
        predicted = loss.leaf_log_probs(logits).argmax(dim=1)
        counts += torch.bincount(leaves * size + predicted, minlength=size * size)
        total += loss(logits, leaves, reduction="sum")
    confusion = counts.view(size, size).cpu().numpy()
    if confusion.sum() != len(part):
        raise AssertionError(f"evaluated {confusion.sum()} of {len(part)} images")
    return Evaluation(total.item() / len(part), float(np.trace(confusion)) / len(part), confusion)
