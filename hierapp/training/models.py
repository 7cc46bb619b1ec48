"""Networks by name. The registry does not import torch; each builder does."""

from __future__ import annotations

import importlib
import importlib.util
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hierapp.data.dataset import Kind
from hierapp.errors import ConfigError, short
from hierapp.utils import extras

if TYPE_CHECKING:
    from torch import nn

Shape = tuple[int, ...]  # (H, W, C) of images, or (F,) of features
Build = Callable[..., "nn.Module"]  # called with the shape, the number of outputs, and the entry's options by name
TIMM = "timm:"  # the prefix of networks of the library timm
OFFERED = f"{TIMM}tf_efficientnet_lite0"  # in the form; its weights come with the extra
DEFAULT: dict[Kind, str] = {"images": "lenet", "features": "linear", "segmentation": "unet"}
WORDS: dict[Kind, str] = {"images": "images", "features": "features", "segmentation": "images with label maps"}


@dataclass(frozen=True)
class ModelEntry:
    """A network.

    Attributes:
        title, summary: texts shown to users.
        build: `build(shape, num_outputs)` with the shape as (H, W, C), pixels and channels, or (F,) for features.
        speed: images per second in training at 32 x 32 pixels, or rows of 1,024 features, in float32 on two CPU cores,
            used to estimate durations before a run has finished on this machine; measured by `benchmarks/growth.py`.
        kind: what the network reads; None for any of these. Those for "segmentation" return logits [B, C, H, W].
        reads_path: whether only the logits on the true paths are computed in training, see `PathHead`.
        options: fields of `RunConfig` that are given to `build` by name.
    """

    title: str
    summary: str
    build: Build
    speed: float
    kind: Kind | None = "images"
    reads_path: bool = False
    options: tuple[str, ...] = ()


def lenet(image_shape: Shape, num_outputs: int) -> nn.Module:
    """Build the paper's LeNet: 3 convolutions of 16, 32 and 64 filters with max pooling and ReLU, and 2 dense layers.

    Pooling comes before ReLU: both orders give the same values, but ReLU then has a quarter of the work.

    Args:
        image_shape: (H, W, C); each side at least 8, because it is halved three times.
        num_outputs: number of logits.

    >>> import torch
    >>> lenet((32, 32, 3), 18)(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 18])
    """
    return _plain("lenet", [(16,), (32,), (64,)], [512], image_shape, num_outputs)


def cnn6(image_shape: Shape, num_outputs: int) -> nn.Module:
    """Build the larger network of Loss in Layers (table 1, where it is called ResNet).

    It has 6 convolutions of 32, 64, 128, 128, 256 and 256 filters, max pooling after every second one, ReLU, and 3
    dense layers of 1,024, 512 and num_outputs units.

    Args:
        image_shape: (H, W, C); each side at least 8, because it is halved three times.
        num_outputs: number of logits.

    >>> import torch
    >>> cnn6((8, 8, 1), 10)(torch.zeros(2, 1, 8, 8)).shape
    torch.Size([2, 10])
    """
    return _plain("cnn6", [(32, 64), (128, 128), (256, 256)], [1024, 512], image_shape, num_outputs)


def resnet20(image_shape: Shape, num_outputs: int) -> nn.Module:
    """Build the small residual network for 32 x 32 images of He et al. (2016), section 4.2.

    It has a convolution, 9 blocks of two convolutions with 16, 32 and 64 filters, the mean over the image and one dense
    layer; 0.27 million weights. In a block that halves the image the shortcut is a 1 x 1 convolution.

    >>> import torch
    >>> resnet20((32, 32, 3), 10)(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """
    from torch import nn

    stem = [nn.Conv2d(image_shape[2], 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(inplace=True)]
    stages = [_stage(before, filters, blocks=3) for before, filters in ((16, 16), (16, 32), (32, 64))]
    network = nn.Sequential(*stem, *stages, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, num_outputs))
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return network


def resnet18(image_shape: Shape, num_outputs: int) -> nn.Module:
    """Build torchvision's ResNet-18 with the usual stem for CIFAR: a 3 x 3 convolution of stride 1, no pooling.

    >>> import torch
    >>> resnet18((32, 32, 1), 100)(torch.zeros(2, 1, 32, 32)).shape
    torch.Size([2, 100])
    """
    from torch import nn
    from torchvision.models import resnet

    network: nn.Module = resnet.resnet18(num_classes=num_outputs)
    network.conv1 = nn.Conv2d(image_shape[2], 64, 3, padding=1, bias=False)
    nn.init.kaiming_normal_(network.conv1.weight, mode="fan_out", nonlinearity="relu")
    network.maxpool = nn.Identity()
    return network


def linear(shape: Shape, num_outputs: int) -> nn.Module:
    """Build one linear layer, for features of a network that is trained already.

    >>> import torch
    >>> linear((384,), 20)(torch.zeros(2, 384)).shape
    torch.Size([2, 20])
    """
    from torch import nn

    return nn.Linear(shape[0], num_outputs)


def mlp(shape: Shape, num_outputs: int) -> nn.Module:
    """Build a perceptron with one hidden layer of 512 units and ReLU.

    >>> import torch
    >>> mlp((8,), 20)(torch.zeros(2, 8)).shape
    torch.Size([2, 20])
    """
    from torch import nn

    return nn.Sequential(nn.Linear(shape[0], 512), nn.ReLU(), nn.Linear(512, num_outputs))


def unet(shape: Shape, num_outputs: int, unet_width: int = 16) -> nn.Module:
    """Build a small U-Net for label maps."""
    from hierapp.training import segmentation_networks

    return segmentation_networks.unet(shape, num_outputs, unet_width)


def lraspp(shape: Shape, num_outputs: int) -> nn.Module:
    """Build torchvision's lraspp_mobilenet_v3_large for label maps, with random weights."""
    from hierapp.training import segmentation_networks

    return segmentation_networks.lraspp(shape, num_outputs)


def deeplabv3(shape: Shape, num_outputs: int) -> nn.Module:
    """Build torchvision's deeplabv3_mobilenet_v3_large for label maps, with random weights."""
    from hierapp.training import segmentation_networks

    return segmentation_networks.deeplabv3(shape, num_outputs)


def _plain(
    name: str, stages: list[tuple[int, ...]], dense: list[int], image_shape: Shape, num_outputs: int
) -> nn.Module:
    """Build stages of 3 x 3 convolutions, each with a final pooling that halves the image, then dense layers; ReLU."""
    from torch import nn

    height, width, channels = image_shape
    least = 2 ** len(stages)
    if min(height, width) < least:
        raise ConfigError(
            f"The model {name} needs images of at least {least} x {least} pixels but got {height} x {width}."
        )
    layers: list[nn.Module] = []
    for stage in stages:
        for place, filters in enumerate(stage, start=1):
            layers.append(nn.Conv2d(channels, filters, kernel_size=3, padding=1))
            layers += [nn.MaxPool2d(2), nn.ReLU()] if place == len(stage) else [nn.ReLU()]
            channels = filters
    layers.append(nn.Flatten())
    width_before = channels * (height // least) * (width // least)
    for size in dense:
        layers += [nn.Linear(width_before, size), nn.ReLU()]
        width_before = size
    return nn.Sequential(*layers, nn.Linear(width_before, num_outputs))


def _stage(before: int, filters: int, blocks: int) -> nn.Module:
    """Build residual blocks, the first of which halves the image if the number of filters changes."""
    from torch import nn
    from torchvision.models.resnet import BasicBlock

    shortcut = None
    if before != filters:
        shortcut = nn.Sequential(nn.Conv2d(before, filters, 1, stride=2, bias=False), nn.BatchNorm2d(filters))
    first = BasicBlock(before, filters, stride=1 if shortcut is None else 2, downsample=shortcut)
    return nn.Sequential(first, *(BasicBlock(filters, filters) for _ in range(blocks - 1)))


MODELS: dict[str, ModelEntry] = {
    "lenet": ModelEntry("LeNet", "3 convolutions (16, 32, 64), max pooling, ReLU, 2 dense layers.", lenet, 8_500),
    "cnn6": ModelEntry(
        "CNN-6",
        "6 convolutions (32 to 256), max pooling, ReLU, 3 dense layers; the larger network of the paper.",
        cnn6,
        400,
    ),
    "resnet20": ModelEntry("ResNet-20", "A small residual network for 32 x 32 pixels.", resnet20, 900),
    "resnet18": ModelEntry("ResNet-18", "From torchvision, with a stem for small images; best on a GPU.", resnet18, 65),
    "linear": ModelEntry("Linear", "One linear layer over the features.", linear, 120_000, "features"),
    "mlp": ModelEntry("MLP", "One hidden layer of 512 units, ReLU.", mlp, 25_000, "features"),
    "path-head": ModelEntry(
        "Linear, true path only",
        "Computes only the siblings on the true paths, for many classes; for losses of the path family.",
        linear,
        120_000,
        "features",
        reads_path=True,
    ),
    "unet": ModelEntry(
        "U-Net",
        "Three poolings, skip connections; its width is an option.",
        unet,
        930,
        "segmentation",
        options=("unet_width",),
    ),
    "lraspp": ModelEntry(
        "LR-ASPP", "torchvision's lraspp_mobilenet_v3_large, with random weights.", lraspp, 2_600, "segmentation"
    ),
    "deeplabv3": ModelEntry(
        "DeepLabV3", "torchvision's deeplabv3_mobilenet_v3_large, with random weights.", deeplabv3, 800, "segmentation"
    ),
}


def of_kind(kind: Kind) -> dict[str, ModelEntry]:
    """Return the networks for images, for features or for label maps, by name."""
    return {name: entry for name, entry in MODELS.items() if entry.kind == kind}


def find(name: str) -> ModelEntry:
    """Return the registry's entry, a network of timm as "timm:NAME", or a user's network as "module:factory".

    The factory is called like `build`, with (H, W, C) or (F,) and the number of outputs. Only `build` looks for its
    module: a name may come from the address of a page, and looking for a submodule imports its packages.

    Raises:
        ConfigError: if the name is unknown (the message lists the names), or is not of the form "module:factory".

    >>> find("torchvision.ops:MLP").title
    'torchvision.ops:MLP'
    """
    if name in MODELS:
        return MODELS[name]
    if is_timm(name):
        return _of_timm(name)
    module, colon, factory = name.partition(":")
    if not colon:
        raise ConfigError(
            f"Unknown model {short(name)}; choose one of {', '.join(MODELS)}, one of timm as"
            " timm:NAME, or your own as module:factory."
        )
    if not factory.isidentifier() or not all(part.isidentifier() for part in module.split(".")):
        raise ConfigError(f"Expected the model {short(name)} in the form module:factory, as in my_nets.small:build.")
    return ModelEntry(
        name, "A network of your own.", lambda *shape: _imported(name)(*shape), MODELS["lenet"].speed, None
    )


def require_kind(name: str, kind: Kind) -> None:
    """Check that a network is for data sets of a kind.

    Raises:
        ConfigError: if it does not; the message lists those that do.

    >>> require_kind("linear", "features")
    """
    entry = find(name)
    if entry.kind not in (None, kind):
        raise ConfigError(
            f"The model {name} is for {WORDS[entry.kind]}, but the data set consists of {WORDS[kind]}; choose one of"
            f" {', '.join(of_kind(kind))}, or your own as module:factory."
        )


def is_own(name: str) -> bool:
    """Return whether the name refers to a user's code."""
    return name not in MODELS and not is_timm(name)


def is_timm(name: str) -> bool:
    """Return whether the name is that of a network of the library timm."""
    return name.startswith(TIMM)


def _of_timm(name: str) -> ModelEntry:
    known = name.removeprefix(TIMM)
    if not re.fullmatch(r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)?", known):
        raise ConfigError(f"Expected the model {short(name)} in the form timm:NAME, as in {OFFERED}.")

    def build(shape: Shape, num_outputs: int) -> nn.Module:
        raise ConfigError(f"The model {name} is built by hierapp.training.networks.")

    return ModelEntry(f"{known} (timm)", "A network of the library timm, with weights from ImageNet.", build, 20)


def require(name: str) -> None:
    """Check that the package of a network is installed; nothing is imported.

    Raises:
        MissingPackageError: if timm is not installed.
        ConfigError: if Python finds no such package, or the name is not valid.

    >>> require("torchvision.ops:MLP")
    """
    find(name)
    if is_timm(name):
        extras.require("timm", f"The model {name}")
    package = name.partition(":")[0].partition(".")[0]
    if is_own(name) and not _is_there(package):
        raise ConfigError(
            f"There is no module {package!r} for the model {short(name)}; put it where Python can import it, for"
            " example on PYTHONPATH."
        )


def _is_there(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except (ImportError, ValueError):
        return False


def _imported(name: str) -> Build:
    module, _, factory = name.partition(":")
    try:
        found = getattr(importlib.import_module(module), factory)
    except Exception as error:
        raise ConfigError(
            f"The model {name!r} cannot be imported ({type(error).__name__}: {error}); fix the module."
        ) from error

    def build(shape: Shape, num_outputs: int) -> nn.Module:
        from torch import nn

        made = found(shape, num_outputs)
        if not isinstance(made, nn.Module):
            raise ConfigError(
                f"The model {name!r} returned a {type(made).__name__}; called with (H, W, C) or (F,) and the number of "
                "outputs, it must return a torch.nn.Module."
            )
        return made

    return build
