"""Training on images with label maps: batches, networks, losses of pixels, evaluation, stored maps, resuming."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from hierapp import LabelTree, losses
from hierapp.data import registry as datasets
from hierapp.data.image_set import ImageSet
from hierapp.errors import Cancelled, ConfigError, DatasetError, StoreError
from hierapp.export import bundle
from hierapp.metrics import report
from hierapp.metrics.iou import iou_report
from hierapp.runs import Store
from hierapp.training import RunConfig, map_predictions, models, networks, trainer
from hierapp.training.batches import IGNORED, BatchLoader, DeviceDataset
from hierapp.training.class_weights import median_frequency
from hierapp.training.evaluation import TrainState, evaluate
from hierapp.training.form_fields import changed_fields
from hierapp.training.predict import predict
from hierapp.training.predictions import stored
from hierapp.trees import generators, library as tree_library
from tests.label_maps import CLASSES, HEIGHT, WIDTH, add_finished, own
from tests.training.test_resume import Ended, Rows
from tests.training.test_trainer import Notes

TREE = LabelTree.from_edges(
    [("root", "far"), ("far", "sky"), ("root", "near"), ("near", "road"), ("near", "car"), ("near", "person")]
)


@pytest.fixture(scope="module")
def streets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("streets")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HIERAPP_HOME", str(folder / "home"))
        patch.setenv("HIERAPP_DATA", str(folder / "data"))
        own(folder)
    return folder


@pytest.fixture(autouse=True)
def home(streets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HIERAPP_HOME", str(streets / "home"))
    monkeypatch.setenv("HIERAPP_DATA", str(streets / "data"))


def config(loss: str = "cross-entropy", **values: object) -> RunConfig:
    usual = {"epochs": 2, "batch_size": 4, "learning_rate": 0.01, "unet_width": 4, "precision": "float32"}
    usual = {**usual, "data": "streets", "tree": "streets", "device": "cpu"}
    if values.get("model", "unet") != "unet":
        del usual["unet_width"]
    return RunConfig.make(loss=loss, **{**usual, **values})


def part(name: datasets.Part = "train") -> DeviceDataset:
    return DeviceDataset.of(datasets.load("streets", name), TREE, torch.device("cpu"))


def state(loss: str = "cross-entropy", **shared: object) -> TrainState:
    made = losses.make_loss(loss, TREE, **shared).to(torch.float32)
    torch.manual_seed(0)
    network = networks.build(config(loss), (HEIGHT, WIDTH, 3), made, part().images)
    return TrainState(network, made, torch.optim.SGD(network.parameters(), 0.1))


def test_usual_values_of_label_maps() -> None:
    usual = RunConfig.make(data="streets", tree="streets", loss="conditional")
    assert (usual.model, usual.batch_size, usual.select) == ("unet", 8, "val_mean_iou")


@pytest.mark.parametrize(
    "values",
    [
        {"model": "lenet"},
        {"mixup": 0.2},
        {"cutout": 4},
        {"label_smoothing": 0.1},
        {"data": "digits", "tree": "digits", "model": "unet"},
        {"data": "digits", "tree": "digits", "model": "lenet", "select": "val_mean_iou"},
        {"data": "digits", "tree": "digits", "model": "lenet", "select": "val_loss", "pixel_probabilities": True},
        {"model": "lraspp", "unet_width": 8},
    ],
)
def test_what_does_not_fit_label_maps(values: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        config(**values)


def test_targets_are_leaves_and_void_is_ignored() -> None:
    found = part()
    labels = datasets.arrays("streets", "train")[1][:3]
    expected = np.full(labels.shape, IGNORED)
    for label, name in enumerate(CLASSES):
        expected[labels == label] = TREE.leaves.index(name)
    assert found.leaves.dtype == torch.uint8
    assert (found.targets(slice(0, 3)).numpy() == expected).all()
    assert found.count(4).tolist() == [int((found.leaves == leaf).sum()) for leaf in range(4)]


def test_images_and_maps_move_together() -> None:
    # Images that show their own labels: what is moved to a pixel is then known there.
    maps = part().leaves
    shown = DeviceDataset(maps[..., None].repeat(1, 1, 1, 3), maps)
    loader = BatchLoader(shown, config(flip=True, crop=3), 4)
    moved = 0
    for images, targets in loader.epoch(1):
        seen = images[..., 0].long()
        inside = targets != IGNORED
        assert (seen[inside] == targets[inside]).all()
        assert ((seen[~inside] == 0) | (seen[~inside] == 255)).all()  # black beyond the edge, or void
        moved += int((~inside).sum())
    assert moved > len(maps) * WIDTH  # beyond the edge is void, too


@pytest.mark.parametrize("name", ["cross-entropy", "hierarchical-convex", "conditional", "level-wise", "simloss"])
def test_the_value_of_a_batch_is_the_mean_over_labeled_pixels(name: str) -> None:
    made = state(name)
    images, targets = next(BatchLoader(part(), config(name), 4).epoch(1))
    rows = made.logits(images).movedim(1, -1).reshape(-1, made.loss.num_outputs)
    flat = targets.flatten()
    known = flat != IGNORED
    expected = made.loss(rows[known], flat[known])
    assert torch.allclose(made.value(images, targets), expected, rtol=1e-4)


def test_class_weights_count_in_the_mean() -> None:
    weights = median_frequency(part(), TREE)
    made = state(weight=weights)
    made.network.eval()
    images, targets = next(BatchLoader(part(), config(), 4).epoch(1))
    expected = nn.functional.cross_entropy(made.logits(images), targets, torch.tensor(weights).float())
    assert torch.allclose(made.value(images, targets), expected, rtol=1e-5)


def test_a_batch_without_labels_has_no_gradient() -> None:
    made = state()
    images = part().images[:2]
    value = made.value(images, torch.full((2, HEIGHT, WIDTH), IGNORED))
    value.backward()
    assert value.item() == 0
    assert all(weight.grad is None or (weight.grad == 0).all() for weight in made.network.parameters())


def test_median_frequency_by_its_definition() -> None:
    maps = part().leaves.numpy()
    frequencies = []
    for leaf in range(4):
        own_pixels = [(each == leaf).sum() for each in maps]
        around = sum((each < 4).sum() for each in maps if (each == leaf).any())
        frequencies.append(sum(own_pixels) / around)
    assert median_frequency(part(), TREE) == pytest.approx(np.median(frequencies) / frequencies)


@pytest.mark.parametrize("model", ["unet", "lraspp", "deeplabv3", "tests.training.test_segmentation:tiny"])
@pytest.mark.parametrize("channels", [1, 3])
def test_networks_return_logits_of_every_pixel(model: str, channels: int) -> None:
    made = losses.make_loss("conditional", TREE)
    network = networks.build(config("conditional", model=model), (HEIGHT, WIDTH, channels), made)
    images = torch.zeros(1, HEIGHT, WIDTH, channels, dtype=torch.uint8)
    assert network.train()(images).shape == (1, len(TREE.nodes) - 1, HEIGHT, WIDTH)


def tiny(shape: tuple[int, ...], num_outputs: int) -> nn.Module:
    return nn.Conv2d(shape[2], num_outputs, 3, padding=1)


def test_width_of_the_u_net() -> None:
    def weights(width: int) -> int:
        network = models.MODELS["unet"].build((HEIGHT, WIDTH, 3), 4, unet_width=width)
        return sum(weight.numel() for weight in network.parameters())

    assert weights(4) < weights(8) < weights(16)


def test_evaluation_batch_by_batch_is_that_of_all_pixels() -> None:
    made, test = state("conditional"), part("test")
    whole, parts = evaluate(made, test, keep=True), evaluate(made, test, batch=1)
    assert (whole.confusion != parts.confusion).nnz == 0
    assert parts.loss == pytest.approx(whole.loss, rel=1e-5)
    assert whole.log_probs is not None
    assert whole.target is not None
    own_logs = whole.log_probs.gather(1, whole.target[:, None])
    assert parts.log_loss == pytest.approx(-own_logs.mean().item(), rel=1e-5)
    assert whole.confusion.sum() == int((test.leaves < 4).sum())


def test_a_run_learns_and_stores_its_maps(tmp_path: Path) -> None:
    notes = Notes()
    run = config("conditional", epochs=6, flip=True, class_weights="median-frequency", pixel_probabilities=True)
    test = trainer.train(run, TREE, notes, tmp_path)
    counts = np.array(test["confusion"])
    expected = {**report(counts, TREE), **iou_report(counts, TREE)}
    assert {name: test[name] for name in expected} == expected
    assert test["mean_iou"] > 0.4
    assert 0 < test["log_loss"] < 2
    about = map_predictions.about(tmp_path)
    assert (about.classes, about.data, about.epoch) == (TREE.leaves, "streets", test["epoch"])
    leaves = part("test").leaves.numpy()
    maps = np.stack([map_predictions.read(tmp_path, row) for row in range(6)])
    assert maps.dtype == np.uint8
    known = leaves < 4
    assert (np.bincount(leaves[known] * 4 + maps[known], minlength=16).reshape(4, 4) == counts).all()
    probabilities = map_predictions.read(tmp_path, 5, map_predictions.PROBABILITIES)
    assert (probabilities.dtype, probabilities.shape) == (np.float16, (4, HEIGHT, WIDTH))
    images = datasets.arrays("streets", "test")[0]
    again = predict(tmp_path, run, TREE, images)
    assert (again.argmax(1) == maps).all()
    with pytest.raises(StoreError):
        map_predictions.read(tmp_path, 6)


def test_without_a_folder_nothing_is_written() -> None:
    assert trainer.train(config(epochs=1), TREE, Notes())["samples"] > 0


def test_a_share_of_the_images(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    monkeypatch.setattr(trainer._Run, "fit", lambda self: sizes.append((len(self.loader.part), len(self.validation))))
    monkeypatch.setattr(trainer._Run, "test", lambda self: {})
    for share in (1.0, 0.25):
        trainer.train(config(train_share=share), TREE, Notes())
    assert sizes == [(13, 3), (3, 3)]


@pytest.mark.parametrize("end", [2, 4, 7])
def test_a_resumed_run_is_equal_bit_by_bit(tmp_path: Path, end: int) -> None:
    run = config("hierarchical-convex", flip=True, crop=2, optimizer="adam")
    whole = trainer.train(run, TREE, Notes(), tmp_path / "whole")
    with pytest.raises(Ended):
        trainer.train(run, TREE, Rows({}, end), tmp_path / "resumed")
    resumed = trainer.train(run, TREE, Notes(), tmp_path / "resumed")
    one, other = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "resumed"))
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert resumed == whole


def test_a_run_can_be_cancelled(tmp_path: Path) -> None:
    notes = Notes()
    notes.should_stop = lambda: True  # type: ignore[method-assign]
    with pytest.raises(Cancelled):
        trainer.train(config(), TREE, notes, tmp_path)


def test_coarse_labels_in_maps() -> None:
    whole = datasets.load("streets", "train")
    maps = whole.labels.clone()
    maps[:, :2] = 4  # "near" in place of sky
    coarse = replace(whole, labels=maps, coarse_names=("near",))
    test = trainer.train(config("conditional", epochs=1), TREE, Notes(), load=lambda _, name: coarse)
    assert test["coarse_samples"] == len(maps) * 2 * WIDTH
    assert 0 <= test["coarse_accuracy"] <= 1


def test_maps_that_do_not_fit_their_images() -> None:
    images = torch.zeros(2, HEIGHT, WIDTH, 3, dtype=torch.uint8)
    with pytest.raises(DatasetError):
        ImageSet(images, torch.zeros(2, HEIGHT, 3, dtype=torch.uint8), CLASSES)
    with pytest.raises(DatasetError, match="0 to 3"):
        ImageSet(images, torch.full((2, HEIGHT, WIDTH), 9, dtype=torch.uint8), CLASSES)


def test_the_tree_of_the_data_set_is_loaded() -> None:
    assert set(tree_library.load("streets").leaves) == set(CLASSES)


def test_a_run_on_maps_is_exported_with_them_and_has_a_tree_of_its_weights(tmp_path: Path) -> None:
    store = Store(tmp_path)
    run = store.run(add_finished(store, "conditional"))
    with zipfile.ZipFile(io.BytesIO(bundle.as_bytes(store, [run.id]))) as packed:
        assert "runs/1/predicted_maps.npz" in packed.namelist()
    assert set(generators.from_classifier(run.folder / "model.safetensors", run.tree).leaves) == set(CLASSES)
    with pytest.raises(StoreError, match="label maps"):
        stored(run.folder)


def test_usual_values_are_not_named_as_changes() -> None:
    usual = RunConfig.make(data="streets", tree="streets", loss="conditional")
    assert changed_fields(usual) == []
    other = RunConfig.make(data="streets", tree="streets", loss="conditional", batch_size=128, unet_width=8)
    assert [field.name for field in changed_fields(other)] == ["batch_size", "unet_width"]
