"""What version 0.1.0 wrote opens: a backup of its store, the folder itself, and a bundle with its script.

The five runs are of digits: cross-entropy and hierarchical with two seeds, and simloss with a kept similarity. A tree
and a draft are kept beside them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import hierapp
from hierapp.analysis import groups
from hierapp.cli import main as cli
from hierapp.paths import project_folder
from hierapp.runs import Store, backup, selectors
from hierapp.similarities import library as similarity_library
from hierapp.training import predictions
from hierapp.trees import library as tree_library
from hierapp.trees.drafts import Draft

HERE = Path(__file__).resolve().parent
ACCURACY = [0.2200557103064067, 0.30919220055710306, 0.2924791086350975, 0.2395543175487465, 0.10027855153203342]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The old store's folder as it was."""
    with zipfile.ZipFile(HERE / "store-0.1.0.zip") as archive:
        archive.extractall(tmp_path / "home")
    monkeypatch.setenv("HIERAPP_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HIERAPP_DATA", str(tmp_path / "data"))
    monkeypatch.syspath_prepend(HERE)  # tiny_nets, the network of these runs
    return tmp_path / "home"


def test_the_old_store_opens(home):
    store = Store(home)
    runs = store.runs()
    assert [run.state for run in runs] == ["finished"] * 5
    assert [run.config.loss for run in runs] == [*["cross-entropy", "hierarchical"] * 2, "simloss"]
    assert [run.test["accuracy"] for run in runs] == ACCURACY
    assert {run.config.model for run in runs} == {"tiny_nets:linear"}
    assert (runs[0].tags, runs[0].own_note) == (("baseline",), "made by 0.1.0")
    assert selectors.chosen(store, ["tag:baseline", "4-5"]) == ["1", "4", "5"]
    zero, one = (runs[4].tree.leaves.index(digit) for digit in "01")
    assert runs[4].similarity[zero, one] == pytest.approx(0.6)
    assert len(store.metrics(["1"])["1"]["val_accuracy"]) == 2
    assert store.confusion("1", "test").sum() == predictions.read(runs[0].folder).target.size == 359
    assert len(groups.groups(runs)) == 3
    assert hierapp.load_runs()["accuracy"].tolist() == ACCURACY


def test_what_was_kept_beside_the_runs_is_there(home):
    assert tree_library.load("mine") == tree_library.load("digits")
    assert similarity_library.load("mine").matrix.shape == (10, 10)
    (draft,) = (home / "drafts").iterdir()
    assert Draft.load(draft.stem).tree == tree_library.load("digits")


def test_the_old_backup_comes_back(home, tmp_path):
    new = tmp_path / "new"
    backup.restore(HERE / "store-0.1.0.zip", new)
    assert [run.test["accuracy"] for run in Store(new).runs()] == ACCURACY


def test_old_runs_are_shown_compared_and_exported(home, tmp_path, capsys):
    assert cli.main(["runs", "--json"]) == 0
    assert [run["id"] for run in json.loads(capsys.readouterr().out)] == ["1", "2", "3", "4", "5"]
    assert cli.main(["show", "2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["test"]["accuracy"] == ACCURACY[1]
    assert cli.main(["compare", "1-4", "--json"]) == 0
    assert "comparisons" in capsys.readouterr().out
    assert cli.main(["export", "1-5", "-o", str(tmp_path / "bundle.zip")]) == 0
    with zipfile.ZipFile(tmp_path / "bundle.zip") as archive:
        assert json.loads(archive.read("runs/1/run.json"))["trained_with"]["hierapp"].startswith("0.1.0")


@pytest.mark.slow
def test_the_script_of_an_old_bundle_trains_its_runs(home, tmp_path):
    with zipfile.ZipFile(HERE / "bundle-0.1.0.zip") as archive:
        archive.extractall(tmp_path / "bundle")
    found = os.pathsep.join([str(project_folder()), str(HERE)])
    for run in ("1", "5"):
        done = subprocess.run(
            [sys.executable, "reproduce.py", "--run", run],
            cwd=tmp_path / "bundle",
            env={**os.environ, "PYTHONPATH": found},
            capture_output=True,
            text=True,
        )
        assert "Traceback" not in done.stderr
        assert "epoch 1" in done.stdout, done.stdout + done.stderr
        # 0: the same bit for bit, which another kind of machine need not give.
        assert done.returncode in (0, 1), done.stdout + done.stderr
