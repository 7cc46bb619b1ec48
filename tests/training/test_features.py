"""Training on rows of features: normalization, heads, coarse labels, predictions."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from hierapp import LabelTree, losses
from hierapp.data import download, registry as datasets
from hierapp.data.dataset import File
from hierapp.data.image_set import ImageSet
from hierapp.errors import Cancelled, ConfigError, DatasetError
from hierapp.training import RunConfig, checkpoints, models, networks, trainer
from hierapp.training.batches import DeviceDataset
from hierapp.training.evaluation import TrainState, _joined, evaluate
from hierapp.training.heads import FeatureNormalizer
from hierapp.training.predict import predict
from hierapp.training.predictions import stored
from hierapp.trees import library as tree_library
from tests.data.imports.rows.test_labels import TREE, mixed
from tests.feature_rows import arrays, npz, own
from tests.training.test_trainer import Notes


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HIERAPP_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HIERAPP_DATA", str(tmp_path / "data"))
    return tmp_path


@pytest.fixture
def some(home):
    return own(npz(home / "some.npz"), "some")


@pytest.fixture
def coarse(home):
    TREE.save(home / "tree.json")
    return own(npz(home / "coarse.npz", labels=mixed(), classes=None), "coarse", tree=str(home / "tree.json"))


def config(data: str, loss: str = "conditional", **values: object) -> RunConfig:
    usual = {"epochs": 4, "batch_size": 16, "learning_rate": 0.05, "precision": "float32"}
    return RunConfig.make(data=data, tree=datasets.find(data).default_tree, loss=loss, **{**usual, **values})


def trained(run: RunConfig, folder: Path | None = None) -> dict:
    return trainer.train(run, tree_library.load(run.tree), Notes(), folder)


def test_a_run_on_ordered_classes_has_their_metrics(home):
    ages = np.repeat([3.0, 5.0, 9.0], 30)
    features = ages[:, None] + np.random.default_rng(0).normal(size=(90, 4))
    own(
        npz(home / "ages.npz", features=features, labels=ages, classes=None, test=None, texts=None),
        "ages",
        ordinal=True,
    )
    test = trained(config("ages", loss="cross-entropy"))
    counts = np.array(test["confusion"])  # leaves in their order
    away = np.abs(np.subtract.outer([3, 5, 9], [3, 5, 9]))
    assert test["mean_absolute_error"] == pytest.approx((counts * away).sum() / counts.sum())
    assert test["within_two_classes"] == 1


def test_each_column_is_normalized_and_a_constant_one_stays_finite():
    features = torch.tensor([[1.0, 5.0, 1e4], [3.0, 5.0, 1.1e4], [2.0, 5.0, 1.2e4]]).half()
    found = FeatureNormalizer(features)(features)
    expected = (features.double() - features.double().mean(0)) / features.double().std(0, unbiased=False)
    torch.testing.assert_close(found[:, [0, 2]], expected[:, [0, 2]].float())
    assert found[:, 1].tolist() == [0, 0, 0]


@pytest.mark.parametrize("model", models.of_kind("features"))
def test_each_head_learns_and_its_outputs_can_be_computed_again(some, tmp_path, model):
    run = config("some", model=model)
    test = trained(run, tmp_path / "run")
    assert test["accuracy"] > 0.8
    found = stored(tmp_path / "run")
    features, labels = datasets.arrays("some", "test")
    assert np.array_equal(found.target, labels)
    again = predict(tmp_path / "run", run, tree_library.load(run.tree), features)
    np.testing.assert_allclose(np.exp(again), found.probabilities, atol=2e-3)


def test_the_path_head_is_the_linear_head(some, tmp_path):
    weights = []
    for model in ("linear", "path-head"):
        trained(config("some", model=model, epochs=2), tmp_path / model)
        weights.append(list(load_file(tmp_path / model / "model.safetensors").values()))
    for one, other in zip(*weights, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_a_loss_that_reads_more_than_the_path_is_refused_for_the_path_head(some):
    with pytest.raises(ConfigError, match="PathHead"):
        trained(config("some", "cross-entropy", model="path-head"))


def test_models_and_options_follow_the_kind_of_the_data(some):
    assert config("some").model == "linear"
    assert RunConfig.make(data="digits", tree="digits", loss="conditional").model == "lenet"
    with pytest.raises(ConfigError, match="lenet is for images"):
        config("some", model="lenet")
    with pytest.raises(ConfigError, match="linear is for features"):
        RunConfig.make(data="digits", tree="digits", loss="conditional", model="linear")
    with pytest.raises(ConfigError, match="flip does not apply"):
        config("some", flip=True)


def test_mixup_and_smoothing_work_on_features(some):
    assert trained(config("some", "cross-entropy", mixup=0.2, label_smoothing=0.1))["accuracy"] > 0.7


def test_a_run_on_features_resumes_from_its_checkpoint(some, tmp_path):
    whole = trained(config("some"), tmp_path / "whole")
    assert not list((tmp_path / "whole").glob("checkpoint*"))
    run = config("some")
    tree = tree_library.load(run.tree)
    with pytest.raises(Cancelled):
        trainer.train(run, tree, Notes(stop_after=7), tmp_path / "cut")
    assert (tmp_path / "cut" / checkpoints.FILE).exists()
    assert trainer.train(run, tree, Notes(), tmp_path / "cut") == whole


@pytest.mark.parametrize("loss", losses.LOSSES)
def test_every_loss_trains_on_coarse_labels(coarse, loss):
    test = trained(config("coarse", loss, epochs=2, learning_rate=0.02))
    _, labels = datasets.arrays("coarse", "test")
    count = int((labels >= len(coarse.class_names)).sum())
    assert (test["coarse_samples"], test["samples"]) == (count, len(labels) - count)
    assert 0 <= test["coarse_accuracy"] <= 1


def test_coarse_rows_count_in_the_loss_and_in_their_own_accuracy_only():
    logits = torch.tensor([[4.0, 0, 0, 0], [0, 4.0, 0, 0], [0, 0, 4.0, 0], [0, 0, 0, 4.0]])
    labels = torch.tensor([0, 4, 4, 5])  # cat; animal, predicted dog; animal, predicted car; thing, predicted cup
    part = ImageSet(logits, labels, TREE.leaves, coarse_names=("animal", "thing"))
    loss = losses.make_loss("cross-entropy", TREE, index="node")
    network = torch.nn.Sequential(torch.nn.Identity(), torch.nn.Linear(4, 4, bias=False))
    torch.nn.init.eye_(network[1].weight)
    state = TrainState(network, loss, torch.optim.SGD(network.parameters()))
    found = evaluate(state, DeviceDataset.of(part, TREE, torch.device("cpu")), keep=True)
    assert (found.accuracy, found.coarse, found.coarse_accuracy) == (1.0, 3, pytest.approx(2 / 3))
    assert found.confusion.sum() == 1
    assert found.target.tolist() == [0]
    p = logits.softmax(1)
    by_hand = -torch.stack([p[0, 0], p[1, :2].sum(), p[2, :2].sum(), p[3, 2:].sum()]).log().mean()
    assert found.loss == pytest.approx(float(by_hand), rel=1e-5)


def test_smoothing_of_coarse_labels_is_refused(coarse):
    with pytest.raises(ConfigError, match="coarse labels"):
        config("coarse", label_smoothing=0.1)


def test_a_network_of_ones_own_is_given_the_number_of_features(home, monkeypatch):
    (home / "my_heads.py").write_text(
        "from torch import nn\n\ndef build(shape, outputs):\n    return nn.Linear(*shape, outputs)\n"
    )
    monkeypatch.syspath_prepend(str(home))
    tree = LabelTree.from_edges([("root", "a"), ("root", "b")])
    network = networks.build(
        RunConfig.make(data="digits", tree="digits", loss="cross-entropy", model="my_heads:build"),
        (5,),
        losses.make_loss("cross-entropy", tree),
    )
    assert network(torch.zeros(3, 5)).shape == (3, 2)


def test_abalone_is_read_from_its_published_file_with_standardized_columns(home, monkeypatch):
    rows = [
        ",".join(map(str, ("MFI"[k % 3], k / 9, k % 7, k % 4, k % 11, k * 7 % 5, k % 13, k % 6, k % 4 + 1)))
        for k in range(40)
    ]
    content = "\n".join(rows).encode()
    file = File("abalone/abalone.data", len(content), hashlib.md5(content).hexdigest())
    entry = replace(datasets.DATASETS["abalone"], files=(file,), archives=(file,), train_size=32, test_size=8)
    monkeypatch.setitem(datasets.DATASETS, "abalone", entry)
    assert datasets.status("abalone").state == "absent"
    (home / "data" / "abalone").mkdir(parents=True)
    (home / "data" / "abalone" / "abalone.data").write_bytes(content)
    features, labels = datasets.arrays("abalone", "train")
    assert features.dtype == np.float32
    np.testing.assert_allclose(features[:, 3].std(), 1, rtol=1e-6)
    assert np.isfinite(features).all()
    assert set(labels.tolist()) == {0, 1, 2, 3}
    assert RunConfig.make(data="abalone", tree="abalone", loss="simloss").model == "linear"


def test_newsgroups_say_how_to_get_them_and_are_read_from_the_file(home, monkeypatch):
    status = datasets.status("20newsgroups")
    assert status.state == "absent"
    assert "20newsgroups-minilm.npz" in status.detail
    with pytest.raises(DatasetError, match=r"cannot be downloaded; .*20newsgroups-minilm\.npz"):
        download.get("20newsgroups")
    given = arrays()
    path = home / "data" / "20newsgroups" / "20newsgroups-minilm.npz"
    content = npz(path).read_bytes()
    file = File("20newsgroups/20newsgroups-minilm.npz", len(content), hashlib.md5(content).hexdigest())
    entry = replace(datasets.DATASETS["20newsgroups"], files=(file,), train_size=60, test_size=20, features=6)
    monkeypatch.setitem(datasets.DATASETS, "20newsgroups", entry)
    features, labels = datasets.arrays("20newsgroups", "test")
    assert np.array_equal(features, given["features"][given["test"]])
    assert np.array_equal(labels, given["labels"][given["test"]])
    assert tree_library.load("20newsgroups").positions_of(entry.class_names).shape == (20,)


def test_kept_parts_are_joined_in_their_order_and_forgotten() -> None:
    parts = [(torch.rand(rows, 3), torch.zeros(rows)) for rows in (2, 1, 4)]
    whole = torch.cat([each for each, _ in parts])
    assert torch.equal(_joined(parts), whole)
    assert parts == []
