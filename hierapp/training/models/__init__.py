"""Networks by name; a network is one file of the folder `shipped`. Nothing here imports torch until one is built."""

from hierapp.training.models.entry import ModelEntry, Shape
from hierapp.training.models.registry import (
    DEFAULT,
    MODELS,
    OFFERED,
    TIMM,
    WORDS,
    find,
    is_own,
    is_timm,
    of_kind,
    require,
    require_kind,
)

__all__ = [
    "DEFAULT",
    "MODELS",
    "OFFERED",
    "TIMM",
    "WORDS",
    "ModelEntry",
    "Shape",
    "find",
    "is_own",
    "is_timm",
    "of_kind",
    "require",
    "require_kind",
]
