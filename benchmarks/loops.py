"""The loops that the benchmarks of training compare, each as a function that trains an epoch and returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, Subset

from hierapp import paths
from hierapp.losses import make_loss
from hierapp.training import RunConfig, device as compute, models
from hierapp.training.batches import BatchLoader, DeviceDataset, Normalizer
from hierapp.training.checkpoints import TrainingProgress
from hierapp.training.cuda_graph import GraphTrainState
from hierapp.training.evaluation import TrainState
from hierapp.training.optimizers import make_optimizer
from hierapp.training.recorder import Confusion, Recorder
from hierapp.training.trainer import train_epoch
from hierapp.trees import LabelTree, library as tree_library

BATCH = 128
MEAN, DEVIATION = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)

Epoch = Callable[[], None]


class Quiet(Recorder):
    """A recorder that keeps nothing; the reports of the loss are still computed."""

    def end_epoch(self, epoch: int, values: Mapping[str, float], confusion: Confusion | None) -> None: ...


def configuration(loss: str = "cross-entropy", **values: Any) -> RunConfig:
    """A run on CIFAR-10 by default."""
    return RunConfig.make(**{"data": "cifar10", "tree": "cifar10", "loss": loss, "batch_size": BATCH, **values})


def train_state(part: DeviceDataset, config: RunConfig, tree: LabelTree, precision: compute.Precision) -> TrainState:
    """What hierapp trains, made as a run makes it."""
    torch.manual_seed(0)
    loss = make_loss(config.loss, tree, **config.options).to(part.images.device, torch.float32)
    height, width, channels = part.images.shape[1:]
    model = models.find(config.model).build((height, width, channels), loss.num_outputs)
    network = nn.Sequential(Normalizer(part.images), model).to(part.images.device)
    network = network.to(memory_format=torch.channels_last)
    graphed = compute.choose_graphs(config.cuda_graphs, part.images.device, models.is_own(config.model))
    kind = GraphTrainState if graphed else TrainState
    return kind(network, loss, make_optimizer(config, network.parameters()), precision)


def ours(part: DeviceDataset, precision: compute.Precision, tree: LabelTree | None = None, **values: Any) -> Epoch:
    """hierapp's epoch: uint8 in memory, shuffled, augmented, normalized on the device, loss reported ten times."""
    config, tree = configuration(**values), tree or tree_library.load("cifar10")
    made, loader = train_state(part, config, tree, precision), BatchLoader(part, config, len(tree.leaves))
    return lambda: _done(train_epoch(made, loader, config, TrainingProgress(), Quiet()))


def bare(part: DeviceDataset, precision: compute.Precision, model: str = "lenet", channels_last: bool = True) -> Epoch:
    """The least that trains: float images that are normalized and in memory already, shuffled, and nothing else."""
    device = part.images.device
    torch.manual_seed(0)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    network = models.find(model).build((32, 32, 3), 10).to(device).to(memory_format=layout)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, fused=True)
    images = Normalizer(part.images).to(device)(part.images).contiguous(memory_format=layout)

    def epoch() -> None:
        network.train()
        for batch in torch.randperm(len(images)).to(device).split(BATCH):
            with compute.half(precision, device):
                logits = network(images[batch])
            step(logits.float(), part.leaves[batch], optimizer)

    return epoch


def usual(count: int, device: torch.device, workers: int, augmented: bool = False) -> Epoch:
    """The recipe of most tutorials: torchvision's data set through transforms and a DataLoader, in float32."""
    from torchvision.datasets import CIFAR10

    data = CIFAR10(str(paths.data_folder()), transform=usual_transform(augmented), download=False)
    return usual_epoch(Subset(data, range(count)), device, workers, "lenet")


def usual_transform(augmented: bool) -> Callable[[Any], Tensor]:
    """From a picture to normalized floats, cropped and mirrored by chance."""
    from torchvision import transforms

    chances = [transforms.RandomCrop(32, 4), transforms.RandomHorizontalFlip()] if augmented else []
    made: Callable[[Any], Tensor] = transforms.Compose(
        [*chances, transforms.ToTensor(), transforms.Normalize(MEAN, DEVIATION)]
    )
    return made


def usual_epoch(data: Dataset[Any], device: torch.device, workers: int, model: str) -> Epoch:
    """An epoch of a data set through a DataLoader."""
    loader = DataLoader(data, batch_size=BATCH, shuffle=True, num_workers=workers, pin_memory=device.type == "cuda")
    torch.manual_seed(0)
    network = models.find(model).build((32, 32, 3), 10).to(device)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)

    def epoch() -> None:
        network.train()
        for images, labels in loader:
            step(network(images.to(device)), labels.to(device), optimizer)

    return epoch


def step(logits: Tensor, labels: Tensor, optimizer: torch.optim.Optimizer) -> None:
    loss = F.cross_entropy(logits, labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def _done(rate: float) -> None:
    return None
