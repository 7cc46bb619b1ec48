"""The modules that `reproduce.py` in bundles of hierapp 0.1.0 imports, under the names that they had then."""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType

MOVED = {
    "compute": "hierapp.training.device",
    "config": "hierapp.training.config",
    "similarity_csv": "hierapp.similarities.formats",
}


def module(name: str) -> ModuleType:
    """The module that was `hierapp.name`; all of them are found by `import` from then on."""
    for old, new in MOVED.items():
        sys.modules.setdefault(f"hierapp.{old}", import_module(new))
    return sys.modules[f"hierapp.{name}"]
