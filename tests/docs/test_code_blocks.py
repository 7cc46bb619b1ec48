"""Every Python code block of the documentation runs, the blocks of a page one after another."""

from __future__ import annotations

import doctest
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hierapp.data import registry as datasets
from hierapp.export import bundle
from hierapp.runs import Store
from hierapp.trees import library
from tests.docs import pages
from tests.finished_runs import add_finished

LIBRARY = "docs/library.md"  # below
PAGES = [name for name in pages.NAMES if pages.blocks(name, "python") and name != LIBRARY]
TRAINS = {"docs/tutorials/researcher.md"}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty home of a user, which is the current folder, and one thread."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("HIERAPP_HOME", str(tmp_path / ".hierapp"))
    monkeypatch.setenv("HIERAPP_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield tmp_path
    torch.set_num_threads(threads)


def nothing(home: Path) -> dict[str, Any]:
    return {}


def own_loop(home: Path) -> dict[str, Any]:
    tree = library.load("digits")
    targets = np.array(tree.positions_of(datasets.find("digits").class_names))[datasets.arrays("digits", "test")[1]]
    probabilities = np.eye(10)[targets] * 0.9 + 0.01
    values = {"loss": 0.5, "accuracy": 0.9}
    return {"tree": tree, "targets": targets, "predictions": targets, "probabilities": probabilities, **values}


def fitted_model(home: Path) -> dict[str, Any]:
    class Model:
        classes_ = ("cat", "dog")

        def predict_proba(self, x: np.ndarray) -> np.ndarray:
            return np.full((len(x), 2), 0.5)

    return {"np": np, "model": Model(), "X": np.zeros((3, 4)), "y": np.array(["cat", "dog", "cat"])}


def finished_run(home: Path) -> dict[str, Any]:
    add_finished(Store())
    return {}


def unpacked_bundle(home: Path) -> dict[str, Any]:
    bundle.write(Store(), [add_finished(Store())], home / "runs.zip")
    with zipfile.ZipFile(home / "runs.zip") as archive:
        archive.extractall(home)
    return {}


def started_search(home: Path) -> dict[str, Any]:
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    folder = home / "..." / "searches" / "NAME"
    folder.mkdir(parents=True)
    optuna.create_study(storage=JournalStorage(JournalFileBackend(str(folder / "journal.log"))), study_name="NAME")
    return {}


# What a page presumes: the files that it reads are made, and the names that it uses are returned.
PRESUMED: dict[str, Callable[[Path], dict[str, Any]]] = {
    "docs/export.md": unpacked_bundle,
    "docs/predictions.md": fitted_model,
    "docs/search.md": started_search,
    "docs/tracking.md": own_loop,
    "docs/training.md": finished_run,
}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if name in TRAINS else []) for name in PAGES]
)
def test_blocks_run(name, home):
    names = PRESUMED.get(name, nothing)(home)
    for number, code in enumerate(pages.blocks(name, "python"), start=1):
        if code.startswith(">>>"):
            runner = doctest.DocTestRunner(verbose=False)
            test = doctest.DocTestParser().get_doctest(code, names, name, name, 0)
            assert runner.run(test).failed == 0, f"{name}, block {number}"
        else:
            exec(compile(code, f"{name}, block {number}", "exec"), names)


def test_what_pages_presume_is_of_pages_with_code():
    assert PRESUMED.keys() | TRAINS <= set(PAGES)


@pytest.mark.slow
def test_the_training_loop_of_the_library_page_learns(home, capsys):
    (home / "trees").symlink_to(pages.TOP / "trees")
    loop, trees = pages.blocks(LIBRARY, "python")
    exec(compile(loop, LIBRARY, "exec"), {})
    accuracy, predicted = capsys.readouterr().out.split()
    assert float(accuracy) > 0.85
    assert predicted in set("0123456789")
    exec(compile(trees, LIBRARY, "exec"), {})
    assert capsys.readouterr().out.split("\n")[1] == "100"
