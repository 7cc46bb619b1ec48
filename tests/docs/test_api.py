"""The API reference has every public name of the library."""

from __future__ import annotations

import importlib
import inspect
import re

import pytest

from tests.docs import pages

REFERENCE = "\n".join(file.read_text(encoding="utf-8") for file in (pages.DOCS / "api").glob("*.md"))
ENTRIES = re.findall(r"^::: (\S+)$", REFERENCE, re.MULTILINE)


@pytest.mark.parametrize("package", ["trees", "losses", "decoding", "metrics", "stats", "similarities"])
def test_public_names_are_in_the_reference(package):
    module = importlib.import_module(f"hierapp.{package}")
    objects = {name: getattr(module, name, None) for name in module.__all__}
    public = [name for name, each in objects.items() if inspect.isclass(each) or inspect.isfunction(each)]
    assert public
    assert [name for name in public if f"hierapp.{package}.{name}" not in ENTRIES] == []


@pytest.mark.parametrize("entry", ENTRIES)
def test_entries_exist_and_are_described(entry):
    try:
        found = importlib.import_module(entry)
    except ModuleNotFoundError:
        package, name = entry.rsplit(".", 1)
        found = getattr(importlib.import_module(package), name)
    assert inspect.getdoc(found)
