"""The networks by name: those of the folder `shipped`, of the library timm, and a user's own."""

from __future__ import annotations

import re
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

from hierapp.data.dataset import Kind
from hierapp.errors import ConfigError, short
from hierapp.training.models import own, shipped, timm_names
from hierapp.training.models.entry import ModelEntry, Shape
from hierapp.utils import extras

if TYPE_CHECKING:
    from torch import nn

TIMM = "timm:"  # the prefix of networks of the library timm
OFFERED = f"{TIMM}tf_efficientnet_lite0"  # in the form; its weights come with the extra
DEFAULT: dict[Kind, str] = {"images": "lenet", "features": "linear", "segmentation": "unet"}
WORDS: dict[Kind, str] = {"images": "images", "features": "features", "segmentation": "images with label maps"}


def _found() -> dict[str, ModelEntry]:
    modules = [import_module(f"{shipped.__name__}.{each.name}") for each in iter_modules(shipped.__path__)]
    entries = sorted((module.MODEL for module in modules), key=lambda entry: (entry.order, entry.name))
    return {entry.name: entry for entry in entries}


# Every network of the folder `shipped`.
MODELS: dict[str, ModelEntry] = _found()


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
    if ":" not in name:
        raise ConfigError(
            f"Unknown model {short(name)}; choose one of {', '.join(MODELS)}, one of timm as"
            " timm:NAME, or your own as module:factory."
        )
    return own.entry(name)


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


def require(name: str) -> None:
    """Check that the package of a network is installed, and has it if that is timm; nothing is imported.

    Raises:
        MissingPackageError: if timm is not installed.
        ConfigError: if Python finds no such package, timm has no such network, or the name is not valid.

    >>> require("torchvision.ops:MLP")
    """
    find(name)
    if is_timm(name):
        extras.require("timm", f"The model {name}")
        timm_names.check(name.removeprefix(TIMM))
    elif is_own(name):
        own.require(name)


def table(kind: Kind) -> str:
    """Return the table of the networks of a kind in the documentation, as Markdown."""
    entries = of_kind(kind)
    counted = any(entry.parameters for entry in entries.values())
    rows = ["| name | architecture | parameters with 10 outputs at 32 × 32 |", "| --- | --- | ---: |"]
    rows = rows if counted else ["| name | architecture |", "| --- | --- |"]
    for name, entry in entries.items():
        default = " (default)" if name == DEFAULT[kind] else ""
        size = f" {entry.parameters / 1e6:.3g} million |" if counted else ""
        rows.append(f"| `{name}`{default} | {entry.summary} |{size}")
    return "\n".join(rows)


def _of_timm(name: str) -> ModelEntry:
    known = name.removeprefix(TIMM)
    if not re.fullmatch(r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)?", known):
        raise ConfigError(f"Expected the model {short(name)} in the form timm:NAME, as in {OFFERED}.")

    def build(shape: Shape, num_outputs: int) -> nn.Module:
        raise ConfigError(f"The model {name} is built by hierapp.training.networks.")

    return ModelEntry(name, f"{known} (timm)", "a network of timm, with weights from ImageNet", build, 20)
