"""Names that a package hands on without importing the modules that have them before they are used."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any


def names_on_first_use(package: str, names: Mapping[str, Sequence[str]]) -> Callable[[str], Any]:
    """A package's `__getattr__` (PEP 562), so that what needs no torch or pandas starts without them.

    Args:
        package: the package's `__name__`.
        names: for each module of the package the names that are taken from it.

    Returns:
        The function. It raises a MissingPackageError where a module needs an extra that is not installed.
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
