"""Lazy re-exports: a package offers names and imports their modules on first use."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any


def names_on_first_use(package: str, names: Mapping[str, Sequence[str]]) -> Callable[[str], Any]:
    """Return a `__getattr__` for a package (PEP 562), so that code that needs no torch or pandas starts without them.

    Args:
        package: the `__name__` of the package.
        names: for each module of the package, the names it provides.

    Returns:
        The function. It raises a MissingPackageError if a module needs an extra that is not installed.
    """
    modules = {name: module for module, each in names.items() for name in each}

    def find(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        try:
            module = import_module(f"{package}.{modules[name]}")
        except ModuleNotFoundError as error:
            from hierapp.utils import extras

            if (missing := extras.explained(error)) is None:
                raise
            raise missing from None
        return getattr(module, name)

    return find
