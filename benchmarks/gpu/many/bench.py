"""What is trained: the setting, the images, how a run is made of a seed, and how a way is timed."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from hierapp.losses import make_loss
from hierapp.training import RunConfig, device as compute, models
from hierapp.training.batches import BatchLoader, DeviceDataset, Normalizer
from hierapp.training.checkpoints import TrainingProgress
from hierapp.training.evaluation import TrainState
from hierapp.training.optimizers import make_optimizer
from hierapp.training.recorder import Recorder
from hierapp.training.trainer import train_epoch
from hierapp.trees import library as tree_library

TREE = tree_library.load("cifar10")
Curves = list[list[float]]


@dataclass(frozen=True)
class Setting:
    """What is trained, how often, and how many steps the graphs of several steps have."""

    loss: str
    runs: int
    steps: int
    batch: int
    rounds: int
    unroll: int


@dataclass(frozen=True)
class Outcome:
    """Seconds of each round, each run's reported losses in the round before, and the GPU's memory in use, in GB."""

    seconds: list[float]
    curves: Curves
    memory: float | None


class Bench:
    """What a process trains: images, and how a run is made of a seed."""

    def __init__(self, setting: Setting) -> None:
        self.setting, self.device = setting, compute.choose_device("auto")
        if self.device.type == "cpu":
            torch.set_num_threads(1)  # of a dry run, which may have a busy machine
        self.part = made_up(setting.steps * setting.batch, self.device)
        self.precision = compute.choose_precision("auto", self.device, setting.batch * 32 * 32 * 3)
        self.going: list[Callable[[], object]] = []
        self._made: tuple[object, Any] = (None, None)

    def config(self, seed: int) -> RunConfig:
        return RunConfig.make(
            data="cifar10", tree="cifar10", loss=self.setting.loss, batch_size=self.setting.batch, seed=seed
        )

    def train_state(self, seed: int, kind: type[TrainState] = TrainState) -> TrainState:
        """What a run of hierapp trains, made as it makes it."""
        config = self.config(seed)
        torch.manual_seed(seed)
        loss = make_loss(config.loss, TREE).to(self.device, torch.float32)
        model = models.find(config.model).build((32, 32, 3), loss.num_outputs)
        network = nn.Sequential(Normalizer(self.part.images), model).to(self.device)
        network = network.to(memory_format=torch.channels_last)
        return kind(network, loss, make_optimizer(config, network.parameters()), self.precision)

    def loader(self, seed: int) -> BatchLoader:
        return BatchLoader(self.part, self.config(seed), len(TREE.leaves))

    def made(self, build: Callable[..., Any], *arguments: object) -> Any:
        """What several ways in a row share; only the last of such things is kept."""
        if self._made[0] != (build, arguments):
            self._made = (None, None)
            free()
            self._made = ((build, arguments), build(self, *arguments))
        return self._made[1]

    def forget(self) -> None:
        """Give back the memory of the ways before."""
        self._made = (None, None)
        free()

    def wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def measure(self, once: Callable[[], object], curves: Callable[[], Curves]) -> Outcome:
        """A round that warms up and is compared, then those that are timed."""
        self.wait()
        once()
        self.wait()
        found, seconds = curves(), []
        for _ in range(self.setting.rounds):
            started = time.perf_counter()
            once()
            self.wait()
            seconds.append(time.perf_counter() - started)
        return Outcome(seconds, found, used(self))


def made_up(count: int, device: torch.device) -> DeviceDataset:
    """Images that a network learns to tell apart, slowly: .4 of each is its leaf's pattern, the rest is noise."""
    generator = torch.Generator().manual_seed(0)
    leaves = torch.randint(len(TREE.leaves), (count,), generator=generator)
    patterns = torch.rand(len(TREE.leaves), 32, 32, 3, generator=generator)
    noise = torch.rand(count, 32, 32, 3, generator=generator)
    images = (255 * (0.4 * patterns[leaves] + 0.6 * noise)).to(torch.uint8)
    return DeviceDataset(images.to(device), leaves.to(device))


def free() -> None:
    gc.collect()
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()


def used(bench: Bench) -> float | None:
    """GB of the GPU's memory that are in use, contexts and other processes' included."""
    if bench.device.type != "cuda":
        return None
    left, total = torch.cuda.mem_get_info()
    return (total - left) / 1e9


class Loop(Recorder):
    """hierapp's own loop over one run; its recorder, which keeps the reports."""

    def __init__(self, bench: Bench, seed: int, kind: type[TrainState] = TrainState) -> None:
        super().__init__()
        self.config, self.loader, self.train_state = (
            bench.config(seed),
            bench.loader(seed),
            bench.train_state(seed, kind),
        )
        self.reports: list[float] = []

    def __call__(self) -> None:
        train_epoch(self.train_state, self.loader, self.config, TrainingProgress(), self)

    def report(self, epoch: float, values: Mapping[str, float]) -> None:
        self.reports.append(values["train_loss"])
