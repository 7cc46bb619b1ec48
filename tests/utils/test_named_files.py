"""Files that are kept by name: several processes that keep one name at once lose nothing and are told no error."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from hierapp import LabelTree, paths
from hierapp.errors import StoreError
from hierapp.lab import saved_views, views
from hierapp.similarities import library as similarity_library
from hierapp.trees import library as tree_library
from hierapp.utils import files, named_files

SESSIONS, ROUNDS = 3, 100

# A session: for each line of its input it does one thing, and says what became of it.
SESSION = """
import json, sys
import numpy as np
from hierapp import LabelTree
from hierapp.errors import HierappError
from hierapp.lab import saved_views, views
from hierapp.similarities import Similarity, library as similarity_library
from hierapp.trees import library as tree_library

def tree(leaf):
    return LabelTree.from_edges([("root", leaf), ("root", "other")])

DO = {
    "keep": lambda name, leaf: tree_library.keep(tree(leaf), name),
    "save": lambda name, leaf: tree_library.save(tree(leaf), name),
    "delete": lambda name, leaf: tree_library.delete(name),
    "similarity": lambda name, leaf: similarity_library.keep(Similarity((leaf, "other"), np.eye(2)), name),
    "view": lambda name, leaf: saved_views.keep(views.start(), name, leaf),
}
print("ready", flush=True)
for line in sys.stdin:
    what, *arguments = json.loads(line)
    try:
        kept = DO[what](*arguments)
        print(json.dumps({"name": kept.name if kept else None}), flush=True)
    except HierappError as error:
        print(json.dumps({"error": str(error)}), flush=True)
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HIERAPP_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@contextmanager
def sessions() -> Iterator[list[subprocess.Popen[str]]]:
    with ExitStack() as stack:
        made = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", SESSION], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
                )
            )
            for _ in range(SESSIONS)
        ]
        for each in made:
            assert each.stdout is not None
            assert each.stdout.readline() == "ready\n"
        yield made
        for each in made:
            assert each.stdin is not None
            each.stdin.close()


def at_once(made: list[subprocess.Popen[str]], *what: tuple[str, ...]) -> list[dict[str, str]]:
    """Let each session do one thing, all at once; return what they say."""
    for each, does in zip(made, what, strict=True):
        assert each.stdin is not None
        each.stdin.write(json.dumps(does) + "\n")
        each.stdin.flush()
    return [json.loads(each.stdout.readline()) for each in made if each.stdout is not None]


def own_trees() -> dict[str, LabelTree]:
    """All trees of the home, current ones and versions, by their paths."""
    found = [entry for entry in tree_library.entries() if not entry.shipped]
    found += [version for entry in list(found) for version in tree_library.versions(entry.name)]
    return {str(entry.path): tree_library.load(str(entry.path)) for entry in found}


def parts_left(home: Path) -> list[Path]:
    return [path for path in home.rglob("*") if path.name.endswith(".part")]


@pytest.mark.slow
@pytest.mark.parametrize("what", ["keep", "similarity", "view"])
def test_three_sessions_that_keep_one_name_at_once_keep_all(what: str, home: Path) -> None:
    rounds = ROUNDS if what == "keep" else ROUNDS // 4
    kept: dict[str, str] = {}  # by the name that the session was told
    with sessions() as made:
        for number in range(rounds):
            leaves = [f"leaf-{number}-{session}" for session in range(SESSIONS)]
            said = at_once(made, *((what, f"name-{number}", leaf) for leaf in leaves))
            assert [each for each in said if "error" in each] == []
            kept |= {each["name"]: leaf for each, leaf in zip(said, leaves, strict=True)}
    if what == "keep":
        found = {name: tree_library.load(name).leaves[0] for name in kept}
    elif what == "similarity":
        found = {name: similarity_library.load(name).classes[0] for name in kept}
    else:
        found = {entry.name: entry.title for entry in saved_views.entries()}
    assert len(kept) == SESSIONS * rounds
    assert found == kept
    assert parts_left(home) == []


@pytest.mark.slow
@pytest.mark.parametrize("what", ["keep", "similarity", "view"])
def test_three_sessions_that_keep_the_same_keep_it_once(what: str) -> None:
    with sessions() as made:
        for number in range(ROUNDS // 4):
            kept = at_once(made, *((what, f"name-{number}", "leaf") for _ in range(SESSIONS)))
            assert kept == [{"name": f"name-{number}"}] * SESSIONS


@pytest.mark.slow
def test_three_sessions_that_save_one_name_at_once_keep_all_as_versions(home: Path) -> None:
    with sessions() as made:
        for number in range(60):
            saved = at_once(made, *(("save", "mine", f"leaf-{number}-{session}") for session in range(SESSIONS)))
            assert saved == [{"name": "mine"}] * SESSIONS
    leaves = Counter(tree.leaves[0] for tree in own_trees().values())
    assert leaves == {f"leaf-{number}-{session}": 1 for number in range(60) for session in range(SESSIONS)}
    assert parts_left(home) == []


@pytest.mark.slow
def test_a_tree_that_is_saved_kept_and_deleted_at_once_is_among_the_versions() -> None:
    with sessions() as made:
        for number in range(60):
            does = (("save", "mine", f"a-{number}"), ("keep", "mine", f"b-{number}"), ("delete", "mine", ""))
            told = [said["error"] for said in at_once(made, *does) if "error" in said]
            assert told in ([], ["There is no tree 'mine' among your saved trees; only saved trees can be deleted."])
    tree_library.save(LabelTree.from_edges([("root", "last"), ("root", "other")]), "mine")
    leaves = {tree.leaves[0] for tree in own_trees().values()}
    assert leaves >= {f"{letter}-{number}" for number in range(60) for letter in "ab"}


def test_a_file_that_another_process_places_meanwhile_is_not_replaced(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = (LabelTree.from_edges([("root", leaf), ("root", "other")]) for leaf in ("ours", "theirs"))
    place = files.place

    def late(content: bytes, file: Path) -> None:
        monkeypatch.setattr(files, "place", place)
        theirs.save(file)
        place(content, file)

    monkeypatch.setattr(files, "place", late)
    assert tree_library.keep(ours, "pets").name == "pets-2"
    assert (tree_library.load("pets"), tree_library.load("pets-2")) == (theirs, ours)


def test_a_tree_of_somebody_else_is_not_replaced_even_if_it_came_meanwhile() -> None:
    ours, theirs = (LabelTree.from_edges([("root", leaf), ("root", "other")]) for leaf in ("ours", "theirs"))
    tree_library.keep(theirs, "pets", owner="eve@x.edu")
    kept = tree_library.save(ours, "pets", owner="bob@x.edu", may_replace=lambda owner: owner == "bob@x.edu")
    assert (kept.name, kept.owner) == ("pets-2", "bob@x.edu")
    assert tree_library.load("pets") == theirs
    assert tree_library.save(ours, "pets", owner="ada@x.edu").owner == "eve@x.edu"


def test_a_link_that_leads_nowhere_takes_its_name(home: Path) -> None:
    folder = tree_library.own_folder()
    folder.mkdir(parents=True)
    (folder / "pets.json").symlink_to(home / "gone.json")
    assert tree_library.keep(LabelTree.from_edges([("r", "a"), ("r", "b")]), "pets").name == "pets-2"


def test_an_included_file_and_a_reserved_name_are_passed_over(home: Path) -> None:
    found = similarity_library.load("cifar10-names")
    assert similarity_library.keep(found, "tree").name == "tree-2"
    assert similarity_library.keep(found, "cifar10-names").shipped
    assert paths.shipped_similarities() == similarity_library.keep(found, "cifar10-names").path.parent


def test_a_folder_that_cannot_be_written_is_told(home: Path) -> None:
    home.write_text("a file")
    with pytest.raises(StoreError, match=r"^The view cannot be saved in .*views \(.+\); make"):
        saved_views.keep(views.start(), "mine")
    with pytest.raises(StoreError, match=r"^The pet cannot be saved in "), named_files.writing(home / "x", "pet"):
        pass
