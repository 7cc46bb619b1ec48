"""Nobody but their owner reads what lies in a home, in a backup or in an export."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from hierapp.export import bundle, report
from hierapp.lab import saved_views, views
from hierapp.reproduction import timing
from hierapp.runs import Store, backup
from hierapp.search import journal
from hierapp.similarities import Similarity, library as similarity_library
from hierapp.training import RunConfig
from hierapp.trees import LabelTree, library as tree_library
from hierapp.trees.drafts import Draft
from hierapp.utils import private, processes
from tests.search.conftest import a_plan
from tests.store_states import end, working


@pytest.fixture
def open_umask() -> Iterator[None]:
    """Without care all files would be for everyone to read and write."""
    before = os.umask(0)
    yield
    os.umask(before)


def for_others(folder: Path) -> list[str]:
    """The files and folders that others may read, write or search; data sets and locks are not secret."""
    found = [folder, *folder.rglob("*")]
    return [
        f"{path.relative_to(folder)}: {stat.filemode(path.stat().st_mode)}"
        for path in found
        if path.stat().st_mode & 0o077 and path.name not in ("data", "lock", "launcher.lock")
    ]


@pytest.mark.parametrize("is_there", [False, True], ids=["new home", "home for others"])
def test_all_that_is_written_into_a_home_is_its_owners_alone(
    is_there: bool, open_umask: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "above" / "home"
    if is_there:
        home.mkdir(parents=True)
    monkeypatch.setenv("HIERAPP_HOME", str(home))
    tree, store = tree_library.load("digits"), Store()
    (run,) = store.add([RunConfig.make(data="digits", tree="digits", loss="cross-entropy")], tree)
    store.claim()
    working(store, run).end_epoch(1, {"val_accuracy": 0.5}, np.eye(10, dtype=np.int64))
    end(store, run, "finished", None, {"accuracy": 0.75})
    for leaf in ("a", "b"):
        tree_library.save(LabelTree.from_edges([("root", leaf), ("root", "c")]), "mine")
    similarity_library.keep(Similarity(tree.leaves, np.eye(10)), "mine")
    Draft.begin(tree, "mine").do("rename", {"node": "0", "name": "zero"})
    saved_views.keep(views.start(), "mine")
    journal.begin(store, a_plan()).ask_to_go()
    timing.keep(timing.Timing(batch=1, batches=1, seconds={}), "quick", "digits")
    processes.spawn(["hierapp", "--version"], home / "launcher.log").wait()
    backup.backup(tmp_path / "b.zip")
    bundle.write(store, [run], tmp_path / "bundle.zip")
    report.write(store, [run], tmp_path / "report.html")
    backup.restore(tmp_path / "b.zip", tmp_path / "new")
    assert for_others(home) == ([f".: {stat.filemode(home.stat().st_mode)}"] if is_there else [])
    assert for_others(tmp_path / "new") == []
    assert (
        for_others(tmp_path / "b.zip")
        == for_others(tmp_path / "bundle.zip")
        == for_others(tmp_path / "report.html")
        == []
    )


@pytest.mark.parametrize("for_others", [False, True])
def test_processes_write_for_their_owner_unless_it_is_a_data_set(
    for_others: bool, open_umask: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "written.py").write_text("open('made', 'w').close()")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert processes.spawn(["written"], tmp_path / "log", for_others=for_others).wait() == 0
    assert (tmp_path / "made").stat().st_mode & 0o777 == (0o666 if for_others else 0o600)


def test_protect_reaches_all_below(open_umask: None, tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c").touch()
    private.protect(tmp_path / "a")
    assert for_others(tmp_path / "a") == []
