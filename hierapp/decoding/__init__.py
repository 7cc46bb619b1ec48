"""Decoders from class probabilities to predicted nodes: `decoders` uses torch, `explain` shows the steps in numpy."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hierapp.decoding.decoders import decode
else:
    from hierapp.utils.lazy import names_on_first_use

    __getattr__ = names_on_first_use(__name__, {"decoders": ["decode"]})

__all__ = ["decode", "explain"]
