"""A user's network, named as "module:factory"."""

from __future__ import annotations

import importlib
import importlib.util
from typing import TYPE_CHECKING

from hierapp.errors import ConfigError, short
from hierapp.training.models.entry import ModelEntry, Shape

if TYPE_CHECKING:
    from torch import nn

SPEED = 8_500  # as LeNet; unknown


def entry(name: str) -> ModelEntry:
    """Return the entry of a network "module:factory"; only its `build` imports the module.

    Raises:
        ConfigError: if the name is not of this form.
    """
    module, _, factory = name.partition(":")
    if not factory.isidentifier() or not all(part.isidentifier() for part in module.split(".")):
        raise ConfigError(f"Expected the model {short(name)} in the form module:factory, as in my_nets.small:build.")

    def build(shape: Shape, num_outputs: int) -> nn.Module:
        return _built(name, shape, num_outputs)

    return ModelEntry(name, name, "a network of your own", build, SPEED, None)


def require(name: str) -> None:
    """Check that Python finds the package of a network, which is not imported.

    Raises:
        ConfigError: if it does not.
    """
    package = name.partition(":")[0].partition(".")[0]
    if not _is_there(package):
        raise ConfigError(
            f"There is no module {package!r} for the model {short(name)}; put it where Python can import it, for"
            " example on PYTHONPATH."
        )


def _is_there(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except (ImportError, ValueError):
        return False


def _built(name: str, shape: Shape, num_outputs: int) -> nn.Module:
    from torch import nn

    module, _, factory = name.partition(":")
    try:
        found = getattr(importlib.import_module(module), factory)
    except Exception as error:
        raise ConfigError(
            f"The model {name!r} cannot be imported ({type(error).__name__}: {error}); fix the module."
        ) from error
    made = found(shape, num_outputs)
    if not isinstance(made, nn.Module):
        raise ConfigError(
            f"The model {name!r} returned a {type(made).__name__}; called with (H, W, C) or (F,) and the number of "
            "outputs, it must return a torch.nn.Module."
        )
    return made
