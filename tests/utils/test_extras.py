"""What is said where an extra is not installed."""

from __future__ import annotations

import tomllib

import pytest

import hierapp
from hierapp import paths
from hierapp.errors import HierappError, MissingPackageError
from hierapp.utils import extras, lazy


def test_extras_are_those_of_the_package():
    project = tomllib.loads((paths.project_folder() / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert set(extras.MODULES) < set(project["optional-dependencies"])
    for extra in extras.MODULES:
        file = extras.how_to_install(extra).split()[3]
        assert (paths.project_folder() / file).is_file()


def test_installed_package_is_told_to_install_the_extra(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(paths, "is_installed", lambda: True)
    assert extras.how_to_install("ray") == "pip install 'hierapp[ray]'"


def test_require_names_the_missing_module(monkeypatch: pytest.MonkeyPatch):
    extras.require("app", "The app")
    monkeypatch.setattr(extras, "find_spec", lambda module: None if module == "plotly" else object())
    with pytest.raises(MissingPackageError) as told:
        extras.require("app", "The app")
    assert told.value.name == "plotly"
    assert isinstance(told.value, HierappError)


def test_explained_names_the_extra_of_a_module_and_leaves_other_modules():
    found = extras.explained(ModuleNotFoundError(name="pandas.core"))
    assert found is not None
    assert found.name == "pandas"
    assert extras.explained(found) is found
    assert extras.explained(ModuleNotFoundError(name="hierapp.nothing")) is None
    assert extras.explained(ModuleNotFoundError()) is None


def test_lazy_name_raises_what_is_missing_as_a_sentence(monkeypatch: pytest.MonkeyPatch):
    def absent(name: str) -> None:
        raise ModuleNotFoundError(name=missing)

    monkeypatch.setattr(lazy, "import_module", absent)
    find = lazy.names_on_first_use("hierapp", {"analysis.tables": ["load_runs"]})
    missing = "pandas"
    with pytest.raises(MissingPackageError):
        find("load_runs")
    missing = "elsewhere"
    with pytest.raises(ModuleNotFoundError) as told:
        find("load_runs")
    assert not isinstance(told.value, MissingPackageError)
    with pytest.raises(AttributeError):
        _ = hierapp.nothing
