"""Loss functions: `registry` lists them without importing torch, `base` has the base classes, each family has a file.

`make_loss` imports the class that it needs.
"""

from typing import TYPE_CHECKING, Any

from hierapp.losses.registry import LOSSES, check_options, find, judge, make_loss
from hierapp.losses.spec import LossSpec
from hierapp.utils.options import Option, OptionValue

if TYPE_CHECKING:
    from hierapp.losses.path_head import PathHead

__all__ = [
    "LOSSES",
    "LossSpec",
    "Option",
    "OptionValue",
    "PathHead",
    "base",
    "check_options",
    "equivalence",
    "find",
    "judge",
    "make_loss",
    "propriety",
    "reference",
]


def __getattr__(name: str) -> Any:
    """Import what needs torch when it is first used."""
    if name == "PathHead":
        from hierapp.losses.path_head import PathHead

        return PathHead
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
