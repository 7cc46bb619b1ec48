"""The names in the notes on upgrading: new ones exist, old ones do not, and the store has the version that is given."""

from __future__ import annotations

import importlib
import importlib.util
import re

import pytest

from hierapp.runs.schema import SCHEMA_VERSION
from tests.docs import pages

TEXT = pages.text("docs/upgrading.md")
ROWS = re.findall(r"^\| (`hierapp\..*?) \| (.*?) \|$", TEXT, re.MULTILINE)


@pytest.mark.parametrize(("old", "new"), ROWS)
def test_new_modules_exist(old, new):
    modules = re.findall(r"`(hierapp\.[\w.]+)`", new)
    assert modules
    for module in modules:
        assert importlib.import_module(module)
    package, _, names = new.partition(":")
    for name in re.findall(r"`(\w+)`", names.partition(";")[0]):
        exec(f"from {package.strip('`')} import {name}", {})


def test_old_modules_are_gone():
    old = {module for cell, _ in ROWS for module in re.findall(r"`(hierapp\.[\w.]+)`", cell)}
    now = {module for _, cell in ROWS for module in re.findall(r"`(hierapp\.[\w.]+)`", cell)}
    assert len(old) > 20
    kept = {name for name in old - now if importlib.util.find_spec(name) is not None}
    assert kept <= {"hierapp.export"}  # a package now


def test_the_version_of_the_store_is_the_present_one():
    assert f"it is migrated to version {SCHEMA_VERSION} when" in TEXT
