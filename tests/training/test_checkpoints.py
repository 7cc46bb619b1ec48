"""Checkpoints: a training that was stopped anywhere goes on as if it never had been."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from safetensors.torch import load_file

from hierapp.errors import Cancelled
from hierapp.metrics.counts import dense
from hierapp.training import RunConfig, checkpoints, trainer
from hierapp.training.checkpoints import FILE, PREVIOUS, TrainingProgress
from hierapp.training.evaluation import Best
from hierapp.trees import library as tree_library
from tests.training.test_trainer import Notes

DIGITS = tree_library.load("digits")
BATCHES = 9  # of the digits, with 128 images each
EPOCHS = 3


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def config(**values: object) -> RunConfig:
    rest = {"data": "digits", "tree": "digits", "loss": "hierarchical", "epochs": EPOCHS, "device": "cpu"}
    return RunConfig.make(**{**rest, **values})


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, torch.Tensor], Notes, dict[str, object]]:
    """Weights, what was told, and the test report of a run that was never stopped."""
    folder, notes = tmp_path_factory.mktemp("whole"), Notes()
    report = trainer.train(config(), DIGITS, notes, folder)
    return load_file(folder / "model.safetensors"), notes, report


def assert_same(folder: Path, expected: dict[str, torch.Tensor]) -> None:
    found = load_file(folder / "model.safetensors")
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        assert torch.equal(found[name], tensor), name


def told(*notes: Notes) -> dict[tuple[float, str], float]:
    """The rows of a store that heard these, one after the other; times are left out."""
    rows: dict[tuple[float, str], float] = {}
    for part in notes:
        (began,) = part.began
        rows = {key: value for key, value in rows.items() if key[0] <= began}
        for epoch, values, *_ in [*part.reports, *part.epochs]:
            rows |= {(epoch, name): value for name, value in values.items() if "second" not in name}
    return rows


@pytest.mark.slow
@settings(max_examples=12, deadline=None)
@given(stops=st.lists(st.integers(0, BATCHES * EPOCHS - 1), max_size=3))
def test_a_run_that_was_stopped_anywhere_ends_with_the_same_weights(undisturbed, tmp_path_factory, stops):
    expected, whole, _ = undisturbed
    folder, parts = tmp_path_factory.mktemp("stopped"), []
    for stop in stops:
        parts.append(Notes(stop_after=stop))
        try:
            trainer.train(config(), DIGITS, parts[-1], folder)
            break
        except Cancelled:
            assert (folder / FILE).exists()
    else:
        parts.append(Notes())
        trainer.train(config(), DIGITS, parts[-1], folder)
    assert_same(folder, expected)
    assert told(*parts) == told(whole)
    if parts[-1].epochs:
        assert np.array_equal(dense(parts[-1].epochs[-1][2]), dense(whole.epochs[-1][2]))


@pytest.mark.slow
@pytest.mark.parametrize("every", [1, 4, BATCHES, 2 * BATCHES])
def test_a_run_that_was_killed_goes_on_from_the_last_checkpoint(undisturbed, tmp_path, every):
    """What is lost is what came after it: a run that ended is set back to it by hand."""
    expected, whole, report = undisturbed
    saving = Notes()
    saving.save_every = every
    trainer.train(config(), DIGITS, saving, tmp_path)
    assert_same(tmp_path, expected)
    (tmp_path / "model.safetensors").unlink()
    again = Notes()
    assert trainer.train(config(), DIGITS, again, tmp_path) == report
    assert_same(tmp_path, expected)
    assert again.began[0] > 0
    assert told(saving, again) == told(whole)


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["cross-entropy", "hierarchical-convex", "simloss"])
def test_it_holds_for_other_losses_seeds_and_batches(tmp_path, loss):
    other = config(loss=loss, seed=7, batch_size=200, epochs=2)
    trainer.train(other, DIGITS, Notes(), tmp_path / "whole")
    with pytest.raises(Cancelled):
        trainer.train(other, DIGITS, Notes(stop_after=8), tmp_path / "stopped")
    trainer.train(other, DIGITS, Notes(), tmp_path / "stopped")
    assert_same(tmp_path / "stopped", load_file(tmp_path / "whole" / "model.safetensors"))


def stopped(folder: Path, *after: int) -> None:
    """Leave checkpoints: each stop makes one, and the one before is kept."""
    for stop in after:
        with pytest.raises(Cancelled):
            trainer.train(config(), DIGITS, Notes(stop_after=stop), folder)


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def empty(file: Path) -> None:
    file.write_bytes(b"")


def letter(file: Path) -> None:
    file.write_text("This is a letter.")


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-100] ^= 1
    file.write_bytes(content)


DAMAGES = [cut, empty, letter, flip]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_broken_checkpoint_is_left_aside_and_the_one_before_is_used(undisturbed, tmp_path, damage):
    stopped(tmp_path, 10, 5)
    damage(tmp_path / FILE)
    damaged = (tmp_path / FILE).read_bytes()
    notes = Notes()
    trainer.train(config(), DIGITS, notes, tmp_path)
    assert notes.broken == [FILE]
    assert notes.began == [1 + 2 / BATCHES]
    assert (tmp_path / f"{FILE}.broken").read_bytes() == damaged
    assert_same(tmp_path, undisturbed[0])


@pytest.mark.slow
@pytest.mark.parametrize("damage", DAMAGES)
def test_training_begins_anew_where_no_checkpoint_is_whole(undisturbed, tmp_path, damage):
    stopped(tmp_path, 10, 5)
    damage(tmp_path / FILE)
    damage(tmp_path / PREVIOUS)
    notes = Notes()
    trainer.train(config(), DIGITS, notes, tmp_path)
    assert (notes.broken, notes.began) == ([FILE, PREVIOUS], [0.0])
    assert_same(tmp_path, undisturbed[0])


def test_a_broken_checkpoint_never_takes_the_place_of_a_whole_one(tmp_path):
    stopped(tmp_path, 10, 5)
    whole = (tmp_path / PREVIOUS).read_bytes()
    cut(tmp_path / FILE)
    stopped(tmp_path, 0)
    assert (tmp_path / PREVIOUS).read_bytes() == whole
    notes = Notes(stop_after=0)
    with pytest.raises(Cancelled):
        trainer.train(config(), DIGITS, notes, tmp_path)
    assert notes.broken == []


def test_a_checkpoint_of_another_run_is_not_used(tmp_path):
    stopped(tmp_path / "one", 12)
    shutil.copytree(tmp_path / "one", tmp_path / "other")
    notes = Notes(stop_after=0)
    with pytest.raises(Cancelled):
        trainer.train(config(seed=1), DIGITS, notes, tmp_path / "other")
    assert (notes.broken, notes.began) == ([FILE], [0.0])


def test_a_disk_without_room_costs_a_checkpoint_and_not_the_run(tmp_path, monkeypatch):
    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints, "save", full)
    notes = Notes()
    notes.save_every = 5
    trainer.train(config(epochs=1), DIGITS, notes, tmp_path)
    assert notes.events == ["not saved: No space left on device", "epoch 1"]
    assert sorted(notes.files) == ["model.safetensors", "outputs.safetensors", "validation_outputs.safetensors"]


def test_the_checkpoint_keeps_what_decides_the_next_step(tmp_path):
    """Directly: optimizer state in the layout of the weights, random state, position, all as they were."""
    torch.manual_seed(3)

    def make() -> tuple[torch.nn.Module, torch.optim.Optimizer]:
        network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4)).to(
            memory_format=torch.channels_last
        )
        return network, torch.optim.Adam(network.parameters(), lr=0.01, betas=(0.8, 0.99))

    network, optimizer = make()
    network(torch.randn(2, 3, 8, 8)).square().sum().backward()
    optimizer.step()
    position = TrainingProgress(epoch=4, batch=2, total=1 / 3, images=7, seconds=0.1, threads=1)
    best = Best(3, 0.75, {name: tensor + 1 for name, tensor in network.state_dict().items()})
    checkpoints.save(tmp_path, config(), network, optimizer, position, best)
    drawn = torch.rand(5)
    other, its_optimizer = make()
    found, its_best, broken = checkpoints.restore(tmp_path, config(), other, its_optimizer)
    assert (found, broken) == (position, [])
    assert (its_best.epoch, its_best.value) == (3, 0.75)
    assert best.weights.keys() == its_best.weights.keys()
    for name, tensor in best.weights.items():
        assert torch.equal(its_best.weights[name], tensor), name
        assert its_best.weights[name].stride() == network.state_dict()[name].stride(), name
    assert torch.equal(torch.rand(5), drawn)
    for name, tensor in network.state_dict().items():
        assert torch.equal(other.state_dict()[name], tensor), name
    assert its_optimizer.state_dict()["param_groups"] == optimizer.state_dict()["param_groups"]
    for (parameter, kept), its in zip(optimizer.state.items(), its_optimizer.state.values(), strict=True):
        assert kept.keys() == its.keys()
        for name, value in kept.items():
            assert torch.equal(its[name], value)
            assert its[name].stride() == value.stride(), (name, parameter.shape)
    assert np.isclose(position.epochs(4), 3.5)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA device")
def test_a_stopped_run_goes_on_on_cuda(tmp_path):
    wanted = config(device="cuda")
    with pytest.raises(Cancelled):
        trainer.train(wanted, DIGITS, Notes(stop_after=12), tmp_path)
    notes = Notes()
    report = trainer.train(wanted, DIGITS, notes, tmp_path)
    assert notes.began == [1 + 4 / BATCHES]
    assert report["accuracy"] > 0.3


def test_several_that_write_one_tensor_file_at_once_each_succeed(tmp_path):
    errors = []

    def write(number: int) -> None:
        try:
            for _ in range(10):
                checkpoints.write({"w": torch.full((1000,), float(number))}, tmp_path / "model.safetensors", {})
        except OSError as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(load_file(tmp_path / "model.safetensors")["w"].unique()) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["model.safetensors"]
