"""ResNet-18 on the real CIFAR-10, by hierapp's own training: seconds until 93 % of the images are right."""

from __future__ import annotations

import importlib.util
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks import loops
from benchmarks.gpu.session import Session
from hierapp.data import registry as datasets
from hierapp.errors import Cancelled
from hierapp.training import device as compute, train
from hierapp.trees import library as tree_library

AIM = 0.93
# Usual for CIFAR: SGD with Nesterov momentum, one cycle, shifts and mirrored images; 40,000 images train, 10,000
# choose the epoch.
RECIPE: dict[str, Any] = {
    "model": "resnet18", "optimizer": "sgd", "learning_rate": 0.1, "weight_decay": 5e-4, "schedule": "one-cycle",
    "flip": True, "crop": 4, "cutout": 8, "label_smoothing": 0.1, "batch_size": 128, "epochs": 40,
}  # fmt: skip


class Watch(loops.Quiet):
    """A recorder that notes when each epoch ended, and stops the training when its time is over."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session, self.started, self.late = session, time.perf_counter(), False
        self.epochs: list[tuple[float, float, float]] = []

    def restarted_at(self, epoch: float, broken: Sequence[str]) -> None:
        self.started = time.perf_counter()

    def end_epoch(self, epoch: int, values: Mapping[str, float], confusion: object) -> None:
        seconds = time.perf_counter() - self.started
        self.epochs.append((seconds, values["val_accuracy"], values["images_per_second"]))
        if epoch % 4 == 0 or epoch == 1:
            self.session.add(
                "Epochs",
                {
                    "epoch": epoch,
                    "seconds": seconds,
                    "validation accuracy": values["val_accuracy"],
                    "images a second": values["images_per_second"],
                },
            )

    def should_stop(self) -> bool:
        return self.session.seconds_left() < 3


def run(session: Session) -> None:
    ready = datasets.status("cifar10").state == "ready"
    device = compute.choose_device("auto")
    if not session.dry and (not ready or device.type == "cpu" or importlib.util.find_spec("torchvision") is None):
        session.note("Left out: it needs CIFAR-10 in HIERAPP_DATA, a GPU and torchvision.")
        return
    values = {"data": "cifar10", "tree": "cifar10", **RECIPE}
    if session.dry:
        session.note("Dry run: LeNet on the digits for an epoch.")
        values |= {"data": "digits", "tree": "digits", "model": "lenet", "epochs": 1, "batch_size": 256, "crop": 1}
    config, watch = loops.configuration(**values), Watch(session)
    with tempfile.TemporaryDirectory() as folder:
        try:
            report = train(config, tree_library.load(config.tree), watch, Path(folder))
        except Cancelled:
            session.fault(f"The time was over after {len(watch.epochs)} of {config.epochs} epochs.")
            return
    reached = next((seconds for seconds, accuracy, _ in watch.epochs if accuracy >= AIM), None)
    session.add(
        f"{config.model} on {config.data}, {config.epochs} epochs, seed {config.seed}",
        {
            "test accuracy": report["accuracy"],
            "epoch tested": report["epoch"],
            "mean distance of mistakes": report["severity"],
            "seconds of training and validation": watch.epochs[-1][0],
            f"seconds to validation accuracy {AIM}": reached,
            "images a second, last epoch": watch.epochs[-1][2],
            "GPU memory, GB": torch.cuda.max_memory_allocated() / 1e9 if device.type == "cuda" else None,
        },
    )
    session.note("Recipe: " + ", ".join(f"{name} {value}" for name, value in RECIPE.items()) + ".")
    if not session.dry and report["accuracy"] < AIM:
        session.fault(f"Test accuracy {report['accuracy']:.4f}, below {AIM}.")
