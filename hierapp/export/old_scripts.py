"""The modules that `reproduce.py` in bundles of hierapp 0.1.0 imports, under their former names."""

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
    """Return the module that was `hierapp.name`; from then on, `import` finds all of them."""
    for old, new in MOVED.items():
        sys.modules.setdefault(f"hierapp.{old}", import_module(new))
    return sys.modules[f"hierapp.{name}"]
