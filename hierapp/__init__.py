"""hierapp: label trees and the losses that learn from them.

    from hierapp import LabelTree, make_loss

The names below are imported on first use, so that what needs no torch starts without it.
"""

from typing import TYPE_CHECKING, Any

from hierapp.errors import TreeError
from hierapp.trees import LabelTree

if TYPE_CHECKING:
    from hierapp.losses import make_loss

__version__ = "0.1.0"
__all__ = ["LabelTree", "TreeError", "make_loss"]


def __getattr__(name: str) -> Any:
    if name == "make_loss":
        from hierapp.losses import make_loss

        return make_loss
    raise AttributeError(f"module 'hierapp' has no attribute {name!r}")
