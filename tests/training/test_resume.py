"""A run that ends after any batch, or between two epochs, and goes on records what an undisturbed one records."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from hierapp.data import registry as datasets
from hierapp.data.registry import ImageSet
from hierapp.training import RunConfig, cuda_graph, device as compute, trainer
from hierapp.training.schedules import SCHEDULES
from hierapp.trees import library as tree_library
from tests.training.test_cuda_graph import Stub
from tests.training.test_trainer import Notes

DIGITS = tree_library.load("digits")
EPOCHS, BATCHES = 3, 5
MEASURED = ("images_per_second", "epoch_seconds")


class Ended(BaseException):
    """Stands for the end of the process by a signal."""


class Rows(Notes):
    """A recorder that keeps rows as the store does, and ends the process after the checkpoint at a position.

    Args:
        rows: what earlier attempts recorded, by name and epoch.
        end: after which of the checks for a checkpoint the process ends; there is one after each batch and one after
            each epoch. None: never.
    """

    def __init__(self, rows: dict[tuple[str, float], float], end: int | None = None) -> None:
        super().__init__()
        self.rows, self.end, self.checks = rows, end, 0

    def report(self, epoch: float, values: Mapping[str, float]) -> None:
        self.rows |= {(name, epoch): value for name, value in values.items()}

    def end_epoch(self, epoch: int, values: Mapping[str, float], confusion: np.ndarray) -> None:
        self.report(epoch, {**values, "correct": float(confusion.trace())})

    def restarted_at(self, epoch: float, broken: Sequence[str]) -> None:
        for name, at in list(self.rows):
            if at > epoch:
                del self.rows[name, at]

    def should_save(self) -> bool:
        self.checks += 1
        return self.checks == self.end

    def saved(self, file: Path) -> None:
        if self.checks == self.end:
            raise Ended


def config(**values: object) -> RunConfig:
    rest = {"data": "digits", "tree": "digits", "loss": "hierarchical", "epochs": EPOCHS, "batch_size": 25}
    return RunConfig.make(**{**rest, **values}, device="cpu")


def load(name: str, part: datasets.Part) -> ImageSet:
    """A few images, so that an epoch has four full batches and a smaller one."""
    whole = datasets.load(name, part)
    return ImageSet(whole.images[:128], whole.labels[:128], whole.class_names)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(params=["eager", "graphed"])
def kind(request, monkeypatch) -> str:
    if request.param == "graphed":
        monkeypatch.setattr(compute, "choose_graphs", lambda *_: True)
        monkeypatch.setattr(cuda_graph, "capture", Stub())
    return request.param


@pytest.mark.slow
@pytest.mark.parametrize("warmup", [0.0, 1.5])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_every_metric_is_the_same_wherever_a_run_was_interrupted(tmp_path, monkeypatch, kind, schedule, warmup):
    """From the last batch of the first epoch to the end of the second."""
    monkeypatch.setattr(trainer, "REPORTS_PER_EPOCH", 3)  # so that some batches have none
    wanted = config(schedule=schedule, warmup_epochs=warmup, step_epochs=1, patience=3)
    expected: dict[tuple[str, float], float] = {}
    whole = Rows(expected)
    report = trainer.train(wanted, DIGITS, whole, tmp_path / "whole", load)
    assert whole.checks == EPOCHS * (BATCHES + 1), "one after each batch and one after each epoch"
    names = {name for name, _ in expected}
    assert {"train_loss", "learning_rate", "val_loss", "val_accuracy", "val_distance", *MEASURED} <= names
    assert len({value for (name, _), value in expected.items() if name == "val_loss"}) == EPOCHS
    for end in range(BATCHES, 2 * (BATCHES + 1) + 1):
        rows: dict[tuple[str, float], float] = {}
        folder = tmp_path / str(end)
        with pytest.raises(Ended):
            trainer.train(wanted, DIGITS, Rows(rows, end), folder, load)
        assert trainer.train(wanted, DIGITS, Rows(rows), folder, load) == report, end
        assert rows.keys() == expected.keys(), end
        for (name, epoch), value in expected.items():
            found = rows[name, epoch]
            if name in MEASURED:
                assert math.isfinite(found), (end, name, epoch)
                assert found > 0, (end, name, epoch)
            else:
                assert found == value, (end, name, epoch)
        weights, again = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", str(end)))
        assert all(torch.equal(weights[name], again[name]) for name in weights), end
