"""An epoch of LeNet on CIFAR-10: hierapp's loop beside a bare loop and beside the usual DataLoader.

    python -m benchmarks.training [--images 20000] [--rounds 7]

All loops train the same network with the same optimizer and batch, in turn, round by round, so that the ratios hold on
a machine whose speed drifts. The bare loop reads float images that are normalised and in memory already, in order, and
does nothing else. The usual loops read torchvision's data set through ToTensor, Normalize and a DataLoader.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Subset
from torchvision import transforms
from torchvision.datasets import CIFAR10

from benchmarks import machine
from hierapp import datasets, paths, tree_library
from hierapp.checkpoints import Position
from hierapp.config import RunConfig
from hierapp.losses import LOSSES, make_loss
from hierapp.models import lenet
from hierapp.training import Images, Normalizer, choose_device, train_epoch

BATCH = 128
MEAN, DEVIATION = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)


class Quiet:
    """A recorder that keeps nothing; the reports of the loss are still computed."""

    def report(self, epoch: float, values: Mapping[str, float]) -> None: ...

    def end_epoch(self, epoch: int, values: Mapping[str, float], confusion: object) -> None: ...

    def should_stop(self) -> bool:
        return False

    def should_save(self) -> bool:
        return False


def network(device: torch.device, outputs: int, *before: nn.Module, channels_last: bool) -> nn.Module:
    torch.manual_seed(0)
    made = nn.Sequential(*before, lenet((32, 32, 3), outputs)).to(device)
    return made.to(memory_format=torch.channels_last) if channels_last else made


def adam(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)


def step(model: nn.Module, optimizer: torch.optim.Optimizer, images: Tensor, labels: Tensor) -> None:
    loss = F.cross_entropy(model(images), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def ours(part: Images, loss_name: str) -> Callable[[], None]:
    """hierapp's epoch: uint8 in memory, shuffled, normalised on the device, loss reported ten times."""
    tree = tree_library.load("cifar10")
    loss = make_loss(loss_name, tree).to(part.images.device, torch.float32)
    model = network(part.images.device, loss.num_outputs, Normalizer(part.images), channels_last=True)
    optimizer = adam(model)
    config = RunConfig.make(data="cifar10", tree="cifar10", loss=loss_name, batch_size=BATCH)
    return lambda: train_epoch(model, loss, optimizer, part, config, Position(), Quiet())


def bare(part: Images, channels_last: bool) -> Callable[[], None]:
    device = part.images.device
    model = network(device, 10, channels_last=channels_last)
    optimizer = adam(model)
    images = Normalizer(part.images)(part.images)
    images = images.contiguous(memory_format=torch.channels_last if channels_last else torch.contiguous_format)

    def epoch() -> None:
        model.train()
        for start in range(0, len(images), BATCH):
            step(model, optimizer, images[start : start + BATCH], part.leaves[start : start + BATCH])

    return epoch


def usual(count: int, device: torch.device, workers: int) -> Callable[[], None]:
    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize(MEAN, DEVIATION)])
    data = CIFAR10(str(paths.data_folder()), transform=transform, download=False)
    loader = DataLoader(Subset(data, range(count)), batch_size=BATCH, shuffle=True, num_workers=workers)
    model = network(device, 10, channels_last=False)
    optimizer = adam(model)

    def epoch() -> None:
        model.train()
        for images, labels in loader:
            step(model, optimizer, images.to(device), labels.to(device))

    return epoch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    device = choose_device("auto")
    tree = tree_library.load("cifar10")
    status = datasets.status("cifar10")
    if status.state != "ready":
        parser.exit(2, f"{status.detail}\n")
    whole = Images.of(datasets.load("cifar10", "train"), tree, device)
    part = Images(whole.images[: options.images], whole.leaves[: options.images])
    loops = {f"hierapp, {name}": ours(part, name) for name in LOSSES} | {
        "bare loop, channels_last": bare(part, channels_last=True),
        "bare loop, contiguous": bare(part, channels_last=False),
        "DataLoader, no workers": usual(options.images, device, workers=0),
        "DataLoader, 2 workers": usual(options.images, device, workers=2),
    }
    seconds: dict[str, list[float]] = {name: [] for name in loops}
    for turn in range(options.rounds + 1):
        for name, epoch in loops.items():
            started = time.perf_counter()
            epoch()
            if device.type == "cuda":
                torch.cuda.synchronize()
            if turn:  # the first round warms up
                seconds[name].append(time.perf_counter() - started)
    print(f"LeNet, batch {BATCH}, Adam, {len(part):,} CIFAR-10 images an epoch, median of {options.rounds} rounds")
    print(machine.describe())
    print()
    print("| loop | images a second | least to most | hierapp's cross-entropy is so many times as fast |")
    print("| --- | ---: | --- | ---: |")
    reference = seconds["hierapp, cross-entropy"]
    for name, times in seconds.items():
        speeds = sorted(len(part) / each for each in times)
        ratio = statistics.median(theirs / mine for theirs, mine in zip(times, reference, strict=True))
        print(f"| {name} | {statistics.median(speeds):,.0f} | {speeds[0]:,.0f} to {speeds[-1]:,.0f} | {ratio:.2f} |")


if __name__ == "__main__":
    main()
