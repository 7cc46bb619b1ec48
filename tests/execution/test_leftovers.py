"""What killed processes leave in the home and the data folder goes at the next start; nothing of living ones does."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hierapp import LabelTree
from hierapp.execution import leftovers
from hierapp.runs import Store, backup
from hierapp.trees import library as tree_library

# Each begins something in a process of its own, and stops in the middle of it.
STOP = """
import sys, time
from pathlib import Path
from hierapp.runs import backup
from hierapp.utils import files, archives
from hierapp.data import download, mirrors
from hierapp.trees import LabelTree, library

def stop(*arguments, **named):
    print("half", flush=True)
    time.sleep(600)

def place(content, file, *more):
    with files.staged(file) as side:
        files.write_new(content, side, 0o600)
        stop()
"""
WORK = {
    "restore": "archives._fill = stop; backup.restore(Path(sys.argv[1], 'b.zip'), Path(sys.argv[1], 'home'))",
    "backup": "backup._add = stop; backup.backup(Path(sys.argv[1], 'home', 'trees', 'new.zip'))",
    "download": "mirrors._by_torchvision = stop; download.get('cifar10')",
    "keep": "files.place = place; library.keep(LabelTree(['r', 'a'], [-1, 0]), 'mine')",
}


@contextmanager
def halfway(what: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    code = [sys.executable, "-c", STOP + WORK[what], str(folder)]
    with subprocess.Popen(code, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == b"half\n"
            yield process
        finally:
            process.kill()


def parts_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.name.endswith(".part") and path.name.startswith(".")]


@pytest.mark.slow
@pytest.mark.parametrize("what", WORK)
def test_what_a_killed_process_left_goes_and_what_a_living_one_writes_stays(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    monkeypatch.setenv("HIERAPP_HOME", str(home))
    monkeypatch.setenv("HIERAPP_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(sys, "argv", ["test"])
    tree_library.keep(LabelTree(["root", "leaf"], [-1, 0]), "there")
    if what == "restore":
        backup.backup(tmp_path / "b.zip")
        tree_library.own("there").path.unlink()
        tree_library.own_folder().rmdir()
    with halfway(what, tmp_path) as process:
        assert parts_in(tmp_path) != []
        before = parts_in(tmp_path)
        assert leftovers.clean(Store()) == []
        assert parts_in(tmp_path) == before
        process.kill()
        process.wait()
        assert set(leftovers.clean(Store())) <= set(before)
    assert parts_in(tmp_path) == []
    if what == "restore":
        backup.restore(tmp_path / "b.zip")
    assert tree_library.own("there") is not None


@pytest.mark.slow
def test_a_backup_that_was_killed_goes_with_the_next_into_the_same_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HIERAPP_HOME", str(tmp_path / "home"))
    tree_library.keep(LabelTree(["root", "leaf"], [-1, 0]), "there")
    with halfway("backup", tmp_path) as process:
        process.kill()
    assert parts_in(tmp_path) != []
    backup.backup(tmp_path / "home" / "trees" / "new.zip")
    assert parts_in(tmp_path) == []


def test_a_home_that_is_not_there_is_not_created(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HIERAPP_DATA", str(tmp_path / "data"))
    assert leftovers.clean(Store(tmp_path / "none")) == []
    assert list(tmp_path.iterdir()) == []
