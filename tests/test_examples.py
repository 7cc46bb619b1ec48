"""Every script of examples/ runs and trains something."""

import importlib.util
import runpy
import sys

import pytest
import torch

from hierapp.data import registry as datasets
from hierapp.paths import project_folder

FOLDER = project_folder() / "examples"


@pytest.fixture(autouse=True)
def calm(monkeypatch):
    """Examples import one another, as scripts do, and use one thread."""
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.setattr(sys, "argv", ["example"])
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def example(name):
    return runpy.run_path(str(FOLDER / f"{name}.py"), run_name="example")["main"]


def needs(*packages):
    missing = [package for package in packages if importlib.util.find_spec(package) is None]
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}")


@pytest.mark.slow
def test_coarse_labels_help():
    found = example("coarse_labels")()
    assert found["fine and coarse labels"] > found["fine labels only"] > 0.5


@pytest.mark.slow
def test_mixup_with_half_precision_in_a_compiled_step():
    assert example("mixup_amp_compile")(["--epochs", "4", "--backend", "eager"]) > 0.7


def test_segmentation():
    found = example("segmentation")()
    assert found["samples"] == 5 * 8 * 22 * 22
    assert found["accuracy"] > 0.9


def test_every_decoder_evaluates_stored_predictions():
    found = example("stored_predictions")()
    assert found["leaf"]["accuracy"] > 0.6
    assert found["climb"]["correct"] > 0.8
    assert {"min-risk", "threshold", "hf-beta"} < set(found)


def test_metrics_over_batches():
    found = example("metrics_over_batches")()
    assert {each["samples"] for each in found} == {len(datasets.load("digits", "test").labels)}
    assert found[-1]["accuracy"] > 0.7


@pytest.mark.slow
@needs("timm")
def test_timm():
    assert example("timm_model")(["--steps", "20"]) > 0.3


@pytest.mark.slow
@needs("lightning")
@pytest.mark.filterwarnings("default:::lightning", "default::FutureWarning")  # of its use of torch
def test_lightning():
    assert example("lightning_module")(epochs=2) > 0.6


@pytest.mark.slow
@needs("transformers", "accelerate")
def test_hugging_face():
    assert example("hugging_face_trainer")(epochs=2) > 0.6
