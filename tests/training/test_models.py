"""The networks: what they are made of, and one's own by name."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import nn

from hierapp import execution
from hierapp.errors import ConfigError
from hierapp.runs import Store
from hierapp.training import RunConfig, models
from hierapp.trees import library as tree_library


def weights(network: nn.Module) -> int:
    return sum(weight.numel() for weight in network.parameters())


def convolutions(network: nn.Module) -> list[int]:
    return [layer.out_channels for layer in network.modules() if isinstance(layer, nn.Conv2d)]


@pytest.mark.parametrize("name", models.of_kind("images"))
@pytest.mark.parametrize(
    ("shape", "outputs"), [((32, 32, 3), 18), ((28, 28, 1), 10), ((8, 8, 1), 100), ((40, 33, 3), 2)]
)
def test_each_takes_any_image_and_any_width_of_head(name, shape, outputs):
    height, width, channels = shape
    network = models.find(name).build(shape, outputs)
    assert network(torch.zeros(2, channels, height, width)).shape == (2, outputs)


def build(name: str) -> nn.Module:
    return models.find(name).build((32, 32, 3), 10)


@pytest.mark.parametrize("name", {**models.of_kind("images"), **models.of_kind("segmentation")})
def test_the_number_of_parameters_is_the_documented_one(name):
    assert weights(build(name)) == pytest.approx(models.MODELS[name].parameters, rel=0.02)


def test_they_are_what_their_sources_say():
    assert convolutions(build("lenet")) == [16, 32, 64]
    assert convolutions(build("cnn6")) == [32, 64, 128, 128, 256, 256]
    assert [layer.out_features for layer in build("cnn6") if isinstance(layer, nn.Linear)] == [1024, 512, 10]
    # He et al. (2016), table 6: 0.27 million for 20 layers; the shortcuts add some.
    assert 0.27e6 < weights(build("resnet20")) < 0.28e6
    assert len(convolutions(build("resnet20"))) == 19 + 2
    # 11.17 million is the usual count of the ResNet-18 for CIFAR-10.
    assert weights(build("resnet18")) == 11_173_962


@pytest.mark.parametrize("name", ["lenet", "cnn6"])
def test_images_that_are_too_small_are_refused(name):
    with pytest.raises(ConfigError, match=f"The model {name} needs images of at least 8 x 8 pixels but got 7 x 9"):
        models.find(name).build((7, 9, 3), 10)


MODULE = """
from torch import nn

def build(image_shape, num_outputs):
    height, width, channels = image_shape
    return nn.Sequential(nn.Flatten(), nn.Linear(height * width * channels, num_outputs))

def wrong(image_shape, num_outputs):
    return "no network"
"""


@pytest.fixture
def own_module(tmp_path, monkeypatch):
    (tmp_path / "my_nets.py").write_text(MODULE)
    (tmp_path / "broken_nets.py").write_text("import nothing_of_that_name")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    sys.modules.pop("my_nets", None)


def test_ones_own_network_is_built_by_its_factory(own_module):
    assert models.find("my_nets:build").build((4, 5, 1), 3)(torch.zeros(2, 1, 4, 5)).shape == (2, 3)
    assert models.is_own("my_nets:build")
    assert not models.is_own("lenet")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("my_nets:wrong", "returned a str"),
        ("my_nets:absent", "cannot be imported (AttributeError"),
        ("broken_nets:build", "cannot be imported (ModuleNotFoundError"),
    ],
)
def test_a_factory_that_does_not_work_is_told_in_a_sentence(own_module, name, words):
    entry = models.find(name)
    with pytest.raises(ConfigError) as caught:
        entry.build((8, 8, 1), 10)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("alexnet", "choose one of lenet"),
        ("my nets:build", "in the form module:factory"),
        ("os:system('x')", "in the form module:factory"),
        (":build", "in the form module:factory"),
    ],
)
def test_a_name_that_is_none_is_refused(name, words):
    with pytest.raises(ConfigError) as caught:
        models.find(name)
    assert words in str(caught.value)


@pytest.fixture
def own_package(tmp_path, monkeypatch):
    """A package that says so when it is imported; the file that then exists."""
    (tmp_path / "noisy_nets").mkdir()
    said = tmp_path / "imported"
    (tmp_path / "noisy_nets" / "__init__.py").write_text(f"open({str(said)!r}, 'w').close()")
    (tmp_path / "noisy_nets" / "small.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield said
    for name in ("noisy_nets", "noisy_nets.small"):
        sys.modules.pop(name, None)


def test_a_name_imports_nothing_until_the_network_is_built(own_package):
    RunConfig.make(data="digits", tree="digits", loss="simloss", model="noisy_nets.small:build")
    models.require("noisy_nets.small:build")
    assert not own_package.exists()
    models.find("noisy_nets.small:build").build((4, 5, 1), 3)
    assert own_package.exists()


@pytest.mark.parametrize("name", ["no_such_module:build", "no_such_module.b:c", "__main__:build"])
def test_a_network_whose_package_is_not_installed_is_refused_when_runs_are_queued(name, tmp_path, monkeypatch):
    monkeypatch.setenv("HIERAPP_HOME", str(tmp_path))
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", None)
    config = RunConfig.make(data="digits", tree="digits", loss="simloss", model=name)
    with pytest.raises(ConfigError, match="There is no module"):
        execution.submit(Store(tmp_path), [config], tree_library.load("digits"))


def test_the_names_of_timm_are_read_without_importing_it():
    pytest.importorskip("timm")
    code = """if True:
    import sys
    from hierapp.training.models import timm_names
    found = timm_names.names()
    assert "timm" not in sys.modules and "torch" not in sys.modules
    import timm
    assert set(timm.list_models()) <= found
    assert all(timm.is_model(name) for name in found)
    """
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)


@pytest.mark.parametrize("name", ["timm:resnet18", "timm:resnet18.a1_in1k", "timm:resnet18.no_such_tag"])
def test_a_network_that_timm_has_may_be_queued(name):
    pytest.importorskip("timm")
    models.require(name)


def test_a_network_that_timm_does_not_have_is_refused_with_similar_names():
    pytest.importorskip("timm")
    with pytest.raises(ConfigError, match="resnet18"):
        models.require("timm:resnet81")


def test_naming_a_network_of_ones_own_imports_nothing(own_module):
    models.find("my_nets:build")
    assert "my_nets" not in sys.modules
    code = "import sys; from hierapp.training import models; models.find('resnet18'); print('torch' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "False"
