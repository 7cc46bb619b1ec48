"""The training loop, in this process: what it reads, what it tells, and what comes out."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from hierapp import LabelTree, make_loss, metrics
from hierapp.data import registry as datasets
from hierapp.data.registry import ImageSet
from hierapp.errors import Cancelled, ConfigError, TreeError
from hierapp.losses import flat
from hierapp.losses.base import TreeLoss
from hierapp.losses.kernels.adjustment import LogitAdjustment
from hierapp.training import RunConfig, evaluation, models, predictions as outputs, trainer
from hierapp.training.batches import BatchLoader, DeviceDataset, Normalizer
from hierapp.training.checkpoints import TrainingProgress
from hierapp.training.evaluation import TrainState
from hierapp.training.recorder import Recorder
from hierapp.trees import library as tree_library

DIGITS = tree_library.load("digits")
# The same groups with everything in another order, and ragged.
SHUFFLED = LabelTree.from_edges(
    [
        ("digit", "7"),
        *(("digit", group) for group in ("straight", "open", "loop")),
        *(("straight", name) for name in "41"),
        *(("open", name) for name in "352"),
        *(("loop", name) for name in "8690"),
    ]
)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Two threads wait for one another, and for ever so long where another process keeps a core busy."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class Notes(Recorder):
    """A recorder that keeps what it is told, and asks to stop after so many looks."""

    def __init__(self, stop_after: int | None = None, events: list[str] | None = None) -> None:
        super().__init__()
        self.reports: list[tuple[float, dict[str, float]]] = []
        self.epochs: list[tuple[int, dict[str, float], np.ndarray]] = []
        self.looks, self.stop_after = 0, stop_after
        self.began: list[float] = []
        self.broken: list[str] = []
        self.files: list[str] = []
        self.save_every = 0
        self.events = [] if events is None else events

    def report(self, epoch: float, values: Mapping[str, float]) -> None:
        self.reports.append((epoch, dict(values)))

    def end_epoch(self, epoch: int, values: Mapping[str, float], confusion: np.ndarray) -> None:
        self.epochs.append((epoch, dict(values), confusion))
        self.events.append(f"epoch {epoch}")

    def should_stop(self) -> bool:
        self.looks += 1
        return self.stop_after is not None and self.looks > self.stop_after

    def should_save(self) -> bool:
        return self.save_every > 0 and self.looks % self.save_every == 0

    def restarted_at(self, epoch: float, broken: Sequence[str]) -> None:
        self.began.append(epoch)
        self.broken += broken

    def saved(self, file: Path) -> None:
        self.files.append(file.name)

    def not_saved(self, error: OSError) -> None:
        self.events.append(f"not saved: {error.strerror}")


def config(**values: object) -> RunConfig:
    rest = {"data": "digits", "tree": "digits", "loss": "cross-entropy", "epochs": 1, "device": "cpu"}
    return RunConfig.make(**{**rest, **values})


def weights(folder: Path, **values: object) -> dict[str, torch.Tensor]:
    trainer.train(config(epochs=2, loss="hierarchical", **values), DIGITS, Notes(), folder)
    return load_file(folder / "model.safetensors")


def network_for(part: ImageSet, outputs: int, seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(Normalizer(part.images), models.find("lenet").build(tuple(part.images.shape[1:]), outputs))


# Reproducible


def test_the_same_seed_gives_the_same_weights_bit_for_bit_and_another_seed_does_not(tmp_path):
    first, again, other = (weights(tmp_path / name, seed=seed) for name, seed in (("a", 5), ("b", 5), ("c", 6)))
    assert first.keys() == again.keys() == other.keys()
    for name, tensor in first.items():
        assert torch.equal(tensor, again[name]), name
        assert not torch.equal(tensor, other[name]), name


def test_each_epoch_has_an_order_of_its_own():
    batches: list[torch.Tensor] = []

    class Spy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(10))

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            batches.append(images[:, 0, 0, 0].long())
            return self.weight.expand(len(images), 10)

    images = DeviceDataset(torch.arange(200, dtype=torch.uint8).view(-1, 1, 1, 1), torch.zeros(200, dtype=torch.int64))
    spy = Spy()
    train_state = TrainState(spy, make_loss("cross-entropy", DIGITS), torch.optim.Adam(spy.parameters()))
    wanted = config(batch_size=64)
    orders = []
    for epoch in (1, 2, 1):
        batches.clear()
        trainer.train_epoch(train_state, BatchLoader(images, wanted, 10), wanted, TrainingProgress(epoch), Notes())
        assert [len(batch) for batch in batches] == [64, 64, 64, 8]
        orders.append(torch.cat(batches).tolist())
        assert sorted(orders[-1]) == list(range(200)), "each image once"
    assert orders[0] == orders[2] != orders[1]


# What is read, and when


def test_the_test_part_is_not_read_before_the_end(monkeypatch):
    events: list[str] = []
    really = datasets.load

    def load(name: str, part: datasets.Part) -> ImageSet:
        events.append(part)
        return really(name, part)

    monkeypatch.setattr(datasets, "load", load)
    trainer.train(config(epochs=2), DIGITS, Notes(events=events))
    assert events == ["train", "epoch 1", "epoch 2", "test"]


def test_validation_images_are_held_out_and_have_the_same_share_of_each_class(monkeypatch):
    seen: dict[str, DeviceDataset] = {}
    evaluated: list[DeviceDataset] = []
    really = trainer.evaluate

    def train_epoch(train_state, loader, config, position, *rest) -> float:
        seen["training"], position.seconds = loader.part, 1.0
        return 0.0

    def evaluate(train_state, part, **how):
        evaluated.append(part)
        return really(train_state, part, **how)

    monkeypatch.setattr(trainer, "train_epoch", train_epoch)
    monkeypatch.setattr(trainer, "evaluate", evaluate)
    trainer.train(config(), DIGITS, Notes())
    fitting, (validation, test) = seen["training"], evaluated

    def rows(images: torch.Tensor) -> list[bytes]:
        return [image.numpy().tobytes() for image in images]

    whole = datasets.load("digits", "train")
    assert len(set(rows(whole.images))) == len(whole), "no image is there twice, or this test could not tell"
    assert not set(rows(fitting.images)) & set(rows(validation.images))
    assert sorted(rows(fitting.images) + rows(validation.images)) == sorted(rows(whole.images))
    assert not set(rows(test.images)) & set(rows(whole.images))
    assert len(validation) == round(0.2 * len(whole))
    held, all_of = (torch.bincount(part, minlength=10) for part in (validation.leaves, whole.labels))
    by_class = torch.as_tensor(DIGITS.positions_of(whole.class_names))
    assert (held[by_class] - 0.2 * all_of).abs().max() < 1


def test_the_split_depends_on_the_seed():
    labels = datasets.load("digits", "train").labels
    assert not np.array_equal(datasets.split(labels, seed=0)[1], datasets.split(labels, seed=1)[1])


# The parts of the loop


@pytest.mark.parametrize("channels", [1, 3])
def test_the_normalizer_gives_each_channel_mean_0_and_deviation_1(channels):
    draw = np.random.default_rng(channels)
    images = torch.from_numpy(
        np.stack([draw.integers(low, 256, (50, 8, 9)) for low in (0, 90, 200)][:channels], axis=-1).astype(np.uint8)
    )
    out = Normalizer(images)(images)
    assert out.shape == (50, channels, 8, 9)
    assert out.dtype == torch.float32
    assert out.is_contiguous(memory_format=torch.channels_last)
    assert out.mean((0, 2, 3)).abs().max() < 1e-5
    assert (out.std((0, 2, 3), correction=0) - 1).abs().max() < 1e-5
    means = images.float().mean((0, 1, 2))
    assert torch.allclose(
        out[3, :, 2, 5] * images.float().std((0, 1, 2), correction=0) + means, images[3, 2, 5].float()
    )


def test_a_channel_of_one_value_does_not_break_the_normalizer():
    out = Normalizer(torch.full((4, 8, 8, 1), 7, dtype=torch.uint8))(torch.full((1, 8, 8, 1), 7, dtype=torch.uint8))
    assert out.abs().max() == 0


@pytest.mark.parametrize("name", ["cross-entropy", "hierarchical", "hierarchical-convex", "simloss"])
def test_evaluate_counts_each_image_once_as_a_loop_over_single_images_does(monkeypatch, name):
    monkeypatch.setattr(evaluation, "EVALUATION_BATCH", 7)  # no divisor of 60
    data = datasets.load("digits", "test")
    part = DeviceDataset.of(data, SHUFFLED, torch.device("cpu")).take(np.arange(60))
    loss = make_loss(name, SHUFFLED)
    network = network_for(data, loss.num_outputs)
    result = trainer.evaluate(TrainState(network, loss, torch.optim.Adam(network.parameters())), part)
    counts, total = np.zeros((10, 10), np.int64), 0.0
    with torch.no_grad():
        for image, leaf in zip(part.images, part.leaves, strict=True):
            logits = network(image[None])
            counts[leaf, loss.leaf_log_probs(logits)[0].argmax()] += 1
            total += loss(logits, leaf[None]).item()
    assert result.confusion.sum() == 60
    assert np.array_equal(result.confusion.toarray(), counts)
    assert result.accuracy == np.trace(counts) / 60
    assert result.loss == pytest.approx(total / 60, rel=1e-4)


def test_classes_become_leaves_by_their_names():
    data = datasets.load("digits", "test")
    plain, other = (DeviceDataset.of(data, tree, torch.device("cpu")) for tree in (DIGITS, SHUFFLED))
    assert DIGITS.leaves != SHUFFLED.leaves
    for tree, part in ((DIGITS, plain), (SHUFFLED, other)):
        assert [tree.leaves[i] for i in part.leaves] == [data.class_names[i] for i in data.labels]


def test_validation_outputs_are_those_of_the_tested_epoch(tmp_path):
    notes = Notes()
    trainer.train(config(epochs=2, batch_size=32, select="last"), DIGITS, notes, tmp_path)
    found = outputs.stored(tmp_path, outputs.VALIDATION)
    test = outputs.stored(tmp_path)
    assert (found.epoch, found.classes) == (2, test.classes)
    assert len(found.target) != len(test.target)
    accuracy = notes.epochs[-1][1]["val_accuracy"]
    assert (found.probabilities.argmax(1) == found.target).mean() == pytest.approx(accuracy)


def test_calibration_images_neither_train_nor_select(tmp_path):
    notes = {share: Notes() for share in (0.0, 0.5)}
    for share, each in notes.items():
        run = config(epochs=2, batch_size=32, select="last", calibration_share=share)
        trainer.train(run, DIGITS, each, tmp_path / str(share))
    kept = [load_file(tmp_path / str(share) / "model.safetensors") for share in notes]
    assert all(torch.equal(kept[0][name], kept[1][name]) for name in kept[0])
    (whole,) = (outputs.stored(tmp_path / "0.0", outputs.VALIDATION),)
    assert outputs.read(tmp_path / "0.0", outputs.CALIBRATION) is None
    parts = [outputs.stored(tmp_path / "0.5", name) for name in (outputs.VALIDATION, outputs.CALIBRATION)]
    assert len(parts[1].target) == round(0.5 * len(whole.target))
    # Together they are the validation images of a run without a share: the same rows, in another order.
    together = np.concatenate([np.column_stack([part.target, part.probabilities]) for part in parts])
    alone = np.column_stack([whole.target, whole.probabilities])
    order, other = (np.lexsort(rows.round(3).T) for rows in (together, alone))
    np.testing.assert_allclose(together[order], alone[other], atol=2e-3)
    accuracy = notes[0.5].epochs[-1][1]["val_accuracy"]
    assert (parts[0].probabilities.argmax(1) == parts[0].target).mean() == pytest.approx(accuracy)


def test_a_tree_in_another_order_gives_each_class_its_own_figures(tmp_path):
    notes = Notes()
    report = trainer.train(config(epochs=2, batch_size=32), SHUFFLED, notes, tmp_path)
    data = datasets.load("digits", "test")
    network = network_for(data, 10)
    network.load_state_dict(load_file(tmp_path / "model.safetensors"))
    with torch.no_grad():
        predicted = [SHUFFLED.leaves[i] for i in network(data.images).argmax(1)]
    true = [data.class_names[i] for i in data.labels]
    assert report["accuracy"] == pytest.approx(np.mean(np.array(true) == np.array(predicted)))
    assert report["accuracy"] > 0.5, "or the classes would hardly differ"
    for leaf, recall in zip(SHUFFLED.leaves, report["recall"], strict=True):
        of_class = [guess for name, guess in zip(true, predicted, strict=True) if name == leaf]
        assert recall == pytest.approx(of_class.count(leaf) / len(of_class)), leaf
    expected = metrics.confusion_matrix(*([SHUFFLED.leaves.index(n) for n in part] for part in (true, predicted)), 10)
    assert report["confusion"] == expected.tolist()
    # Validation is by name as well: each row has as many images as the class has there.
    whole = datasets.load("digits", "train")
    held = whole.labels[datasets.split(whole.labels, seed=0)[1]]
    rows = notes.epochs[-1][2].sum(1)
    assert {leaf: int(n) for leaf, n in zip(SHUFFLED.leaves, rows, strict=True)} == {
        name: int((held == i).sum()) for i, name in enumerate(whole.class_names)
    }


def test_a_tree_that_does_not_fit_the_data_is_refused():
    with pytest.raises(TreeError, match="does not fit the data set"):
        trainer.train(config(), tree_library.load("cifar10"), Notes())


# What the recorder is told


@pytest.mark.slow
@pytest.mark.parametrize(("batch_size", "reports"), [(8, 10), (128, 9), (400, 3), (100_000, 1)])
def test_reports_come_some_ten_times_an_epoch_where_there_are_as_many_batches(batch_size, reports):
    notes = Notes()
    trainer.train(config(epochs=2, batch_size=batch_size), DIGITS, notes)
    epochs = [epoch for epoch, _ in notes.reports]
    assert len(epochs) == 2 * reports
    assert epochs == sorted(set(epochs))
    assert (epochs[0] > 0, epochs[reports - 1], epochs[-1]) == (True, 1.0, 2.0)
    assert all(math.isfinite(values["train_loss"]) for _, values in notes.reports)
    assert notes.looks == 2 * math.ceil(1150 / batch_size)


def test_the_reported_loss_is_the_mean_over_the_images_since_the_last_report():
    class Counting(flat.CrossEntropy):
        """Its values are 0, 1, 2, ... over the images, whatever the network says."""

        seen = 0
        _joined = TreeLoss._joined

        def of_weighted_indices(self, logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
            start, self.seen = self.seen, self.seen + len(target)
            return torch.arange(start, self.seen).float() + 0 * logits.sum(1)

    data = datasets.load("digits", "train")
    images = DeviceDataset.of(data, DIGITS, torch.device("cpu")).take(np.arange(250))
    network, notes = network_for(data, 10), Notes()
    train_state, wanted = (
        TrainState(network, Counting(DIGITS), torch.optim.Adam(network.parameters())),
        config(batch_size=20),
    )
    trainer.train_epoch(train_state, BatchLoader(images, wanted, 10), wanted, TrainingProgress(), notes)
    ends = [round(epoch * 13) * 20 for epoch, _ in notes.reports]
    assert ends[-1] == 260  # the last batch has but 10
    starts = [0, *ends[:-1]]
    expected = [(start + min(end, 250) - 1) / 2 for start, end in zip(starts, ends, strict=True)]
    assert [values["train_loss"] for _, values in notes.reports] == pytest.approx(expected)


def test_each_epoch_ends_with_figures_and_the_confusion_of_the_validation_part():
    notes = Notes()
    trainer.train(config(epochs=3), DIGITS, notes)
    assert [epoch for epoch, *_ in notes.epochs] == [1, 2, 3]
    for _, values, confusion in notes.epochs:
        assert set(values) == {
            "val_loss",
            "val_accuracy",
            "val_distance",
            "learning_rate",
            "images_per_second",
            "epoch_seconds",
        }
        assert confusion.sum() == 288
        assert values["val_accuracy"] == pytest.approx(confusion.trace() / 288)
        assert values["images_per_second"] * values["epoch_seconds"] >= 1150
    assert notes.epochs[2][1]["val_loss"] < notes.epochs[0][1]["val_loss"]


def test_training_stops_when_the_recorder_asks_for_it(tmp_path):
    notes = Notes(stop_after=9 + 3)  # in the middle of the second epoch
    with pytest.raises(Cancelled):
        trainer.train(config(epochs=5), DIGITS, notes, tmp_path)
    assert [epoch for epoch, *_ in notes.epochs] == [1]
    assert notes.looks == 13
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint.safetensors"]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_no_number_stops_the_run_with_a_sentence(monkeypatch, value):
    monkeypatch.setattr(flat.CrossEntropy, "_joined", lambda self, logits, *_: logits.sum() * 0 + value)
    notes = Notes()
    with pytest.raises(ConfigError) as caught:
        trainer.train(config(learning_rate=0.5), DIGITS, notes)
    assert str(caught.value) == (f"The training loss became {value} in epoch 1; lower the learning rate (it is 0.5).")
    assert notes.reports == []


# Augmentation, and which epoch counts


def test_validation_and_test_images_are_never_augmented(monkeypatch):
    """What the network is shown when it is evaluated are the images as they are, each once and in order."""
    shown: list[torch.Tensor] = []
    really = Normalizer.forward

    def forward(self: Normalizer, images: torch.Tensor) -> torch.Tensor:
        if not self.training:
            shown.append(images.clone())
        return really(self, images)

    monkeypatch.setattr(Normalizer, "forward", forward)
    trainer.train(config(flip=True, crop=2, cutout=4, mixup=0.5, label_smoothing=0.1), DIGITS, Notes())
    whole, test = datasets.load("digits", "train"), datasets.load("digits", "test")
    validation = whole.images[datasets.split(whole.labels, seed=0)[1]]
    assert torch.equal(torch.cat(shown), torch.cat([validation, test.images]))


def test_training_images_are_augmented_where_it_is_asked_for(monkeypatch):
    """So that the test before could fail."""
    shown: list[torch.Tensor] = []
    really = TrainState.step

    def step(self, images, targets):
        shown.append(images)
        return really(self, images, targets)

    monkeypatch.setattr(TrainState, "step", step)
    trainer.train(config(crop=2), DIGITS, Notes())
    known = {image.numpy().tobytes() for image in datasets.load("digits", "train").images}
    changed = sum(image.numpy().tobytes() not in known for batch in shown for image in batch)
    assert changed > 0.8 * sum(map(len, shown))


ALL_AT_ONCE = {
    "flip": True, "crop": 1, "cutout": 2, "mixup": 0.4, "label_smoothing": 0.1, "batch_size": 200, "epochs": 4,
    "optimizer": "sgd", "learning_rate": 0.1, "schedule": "one-cycle", "weight_decay": 1e-3, "precision": "bfloat16",
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("stop", [0, 8, 17])
def test_a_stopped_run_with_everything_on_goes_on_bit_for_bit(tmp_path, stop):
    wanted = config(**ALL_AT_ONCE)
    report = trainer.train(wanted, DIGITS, Notes(), tmp_path / "whole")
    with pytest.raises(Cancelled):
        trainer.train(wanted, DIGITS, Notes(stop_after=stop), tmp_path / "stopped")
    assert trainer.train(wanted, DIGITS, Notes(), tmp_path / "stopped") == report
    expected, found = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "stopped"))
    for name, tensor in expected.items():
        assert torch.equal(found[name], tensor), name


@pytest.mark.slow
@pytest.mark.parametrize("select", ["val_accuracy", "val_loss", "val_distance", "last"])
def test_the_epoch_that_is_tested_is_the_best_one_of_validation(tmp_path, monkeypatch, select):
    """With a rate so high that later epochs are often worse; each epoch's weights are kept by hand."""
    kept: dict[int, dict[str, torch.Tensor]] = {}
    really = trainer.train_epoch

    def train_epoch(train_state, loader, wanted, position, *rest):
        rate = really(train_state, loader, wanted, position, *rest)
        kept[position.epoch] = {name: value.clone() for name, value in train_state.network.state_dict().items()}
        return rate

    monkeypatch.setattr(trainer, "train_epoch", train_epoch)
    notes = Notes()
    report = trainer.train(config(epochs=8, learning_rate=0.01, select=select), DIGITS, notes, tmp_path)
    by_epoch = {epoch: values for epoch, values, _ in notes.epochs}
    if select == "last":
        best = 8
    else:
        sign = 1 if select == "val_accuracy" else -1
        best = max(by_epoch, key=lambda epoch: (sign * by_epoch[epoch][select], -epoch))
        assert len({values[select] for values in by_epoch.values()}) > 1
    assert (report["epoch"], report["epochs"]) == (best, 8)
    for name, tensor in load_file(tmp_path / "model.safetensors").items():
        assert torch.equal(tensor, kept[best][name]), name


@pytest.mark.slow
def test_training_ends_when_its_patience_does(tmp_path):
    wanted = config(epochs=60, learning_rate=0.01, patience=3, select="val_loss")
    notes = Notes()
    report = trainer.train(wanted, DIGITS, notes, tmp_path)
    assert report["epochs"] == len(notes.epochs) == report["epoch"] + 3 < 60
    # Stopped after the last epoch and before the test, it has nothing left to train.
    (tmp_path / "model.safetensors").unlink()
    saving = Notes()
    saving.save_every = 1
    trainer.train(wanted, DIGITS, saving, tmp_path / "saving")
    again = Notes()
    assert trainer.train(wanted, DIGITS, again, tmp_path / "saving") == report
    assert again.began == [float(report["epochs"])]
    assert again.epochs == []


def test_the_test_outputs_are_kept_and_give_the_reported_figures_again(tmp_path):
    report = trainer.train(config(epochs=3, loss="hierarchical"), SHUFFLED, Notes(), tmp_path)
    kept = outputs.read(tmp_path)
    assert kept is not None
    assert (kept.classes, kept.data, kept.epoch) == (SHUFFLED.leaves, "digits", report["epoch"])
    assert kept.probabilities.shape == (359, 10)
    assert np.allclose(kept.probabilities.sum(1, dtype=np.float64), 1, atol=2e-3)
    labels = datasets.load("digits", "test").labels
    assert [kept.classes[i] for i in kept.target] == [str(label) for label in labels.tolist()]
    counts = metrics.confusion_matrix(kept.target, kept.probabilities.argmax(1), 10)
    assert counts.tolist() == report["confusion"]
    assert report["log_loss"] == pytest.approx(-kept.log_probs()[np.arange(359), kept.target].mean(), abs=1e-3)


# That it learns


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["cross-entropy", "hierarchical"])
def test_digits_are_learned_in_15_epochs(loss):
    notes = Notes()
    report = trainer.train(config(epochs=15, loss=loss), DIGITS, notes)
    assert notes.epochs[-1][1]["val_accuracy"] > 0.9
    assert report["accuracy"] > 0.9


@pytest.mark.slow
@pytest.mark.real_data
def test_lenet_learns_cifar10_in_an_epoch(real_data_folder, monkeypatch):
    monkeypatch.setenv("HIERAPP_DATA", str(real_data_folder))
    notes = Notes()
    report = trainer.train(config(data="cifar10", tree="cifar10", device="auto"), tree_library.load("cifar10"), notes)
    assert notes.epochs[0][1]["val_accuracy"] > 0.45
    assert report["accuracy"] > 0.45
    assert (notes.epochs[0][2].sum(), report["samples"]) == (10_000, 10_000)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA device")
@pytest.mark.parametrize("loss", ["cross-entropy", "hierarchical", "hierarchical-convex", "simloss"])
def test_digits_are_learned_on_cuda(loss, tmp_path):
    notes = Notes()
    report = trainer.train(config(epochs=15, loss=loss, device="cuda"), DIGITS, notes, tmp_path)
    assert report["accuracy"] > 0.85
    assert np.array(report["confusion"]).sum() == 359
    assert {tensor.device.type for tensor in load_file(tmp_path / "model.safetensors").values()} == {"cpu"}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA device")
@pytest.mark.parametrize("loss", ["cross-entropy", "hierarchical", "conditional", "hxe", "simloss", "level-wise"])
def test_the_same_seed_gives_the_same_weights_where_it_is_asked_for_on_cuda(loss, tmp_path):
    wanted = config(epochs=2, loss=loss, device="cuda", deterministic="on")
    for name in "ab":
        trainer.train(wanted, DIGITS, Notes(), tmp_path / name)
    first, again = (load_file(tmp_path / name / "model.safetensors") for name in "ab")
    for name, tensor in first.items():
        assert torch.equal(tensor, again[name]), name


@pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA device")
def test_everything_at_once_goes_on_after_a_stop_on_cuda(tmp_path):
    wanted = config(**{**ALL_AT_ONCE, "device": "cuda"})
    with pytest.raises(Cancelled):
        trainer.train(wanted, DIGITS, Notes(stop_after=8), tmp_path)
    report = trainer.train(wanted, DIGITS, Notes(), tmp_path)
    assert report["epochs"] == 4
    assert outputs.read(tmp_path) is not None


def test_logit_adjustment_takes_the_class_counts_of_the_training_part(monkeypatch):
    given = []
    set_prior = LogitAdjustment.set_prior
    monkeypatch.setattr(LogitAdjustment, "set_prior", lambda self, prior: (given.append(prior), set_prior(self, prior)))
    notes = Notes()
    trainer.train(config(loss="conditional", options={"tau": 1.0}), DIGITS, notes)
    ((counts,), (_, _, confusion)) = given, notes.epochs[0]
    data = datasets.load("digits", "train")
    whole = [(data.labels == data.class_names.index(leaf)).sum() for leaf in DIGITS.leaves]
    assert np.array_equal(counts, whole - confusion.sum(1))  # the others were held out for validation
