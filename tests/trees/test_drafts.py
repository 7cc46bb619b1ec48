"""Drafts: what is done is on the disk, and several windows that edit one draft lose nothing of each other."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from hierapp import LabelTree
from hierapp.errors import StoreError, TreeError
from hierapp.trees import drafts
from hierapp.trees.drafts import Draft

TREE = LabelTree.from_edges(
    [("root", "animal"), ("animal", "pet"), ("pet", "cat"), ("pet", "dog"), ("animal", "frog"), ("root", "truck")]
)


@pytest.fixture
def draft(tmp_path, monkeypatch):
    monkeypatch.setenv("HIERAPP_HOME", str(tmp_path))
    return Draft.begin(TREE, "Mine", "cifar10")


def test_an_edit_that_is_sent_twice_is_done_once(draft):
    first = {"id": 1, "op": "shift", "node": "animal", "by": 1}
    assert draft.ask([first]) == ""
    assert draft.ask([first, {"id": 2, "op": "rename", "node": "cat", "name": "lynx"}]) == ""
    assert draft.tree.leaves == ("truck", "lynx", "dog", "frog")
    assert (draft.done, len(draft.states)) == ({"": 2}, 3)
    again = Draft.load(draft.id)
    assert (again.tree, again.title, again.data, again.done) == (draft.tree, "Mine", "cifar10", {"": 2})


def test_what_cannot_be_done_is_told_and_left_out(draft):
    edits = [{"id": 1, "op": "promote", "nodes": ["truck"]}]
    assert "child of the root" in draft.ask(edits)
    assert (draft.tree, draft.done) == (TREE, {"": 1})
    assert draft.ask([{"op": "undo"}, {"id": "x", "op": "undo"}]) == ""


def test_an_edit_after_undo_forgets_what_was_undone(draft):
    for name in ("a", "b"):
        draft.do("rename", {"node": draft.tree.leaves[0], "name": name})
    draft.do("undo", {})
    draft.do("rename", {"node": "a", "name": "c"})
    assert not draft.can_redo
    assert [state.leaves[0] for state in Draft.load(draft.id).states] == ["cat", "a", "c"]


def test_a_line_that_a_crash_cut_short_loses_nothing_else(draft, tmp_path):
    draft.do("rename", {"node": "cat", "name": "lynx"})
    file = tmp_path / "drafts" / f"{draft.id}.jsonl"
    file.write_text(file.read_text() + '\n{"tree": {"names": ["r", "x"], "par')
    again = Draft.load(draft.id)
    assert again.tree == draft.tree
    again.do("rename", {"node": "lynx", "name": "puma"})
    assert Draft.load(draft.id).tree.leaves[0] == "puma"


def test_names_with_line_breaks_of_any_kind_come_back(draft):
    for name in ("a\u2028b", "a\x85b", "a\x0bb", "a\nb", "a\r\nb"):
        draft.do("rename", {"node": draft.tree.leaves[0], "name": name})
        assert Draft.load(draft.id).states == draft.states


@pytest.mark.parametrize("named", ["", "000000000000", "../../etc/passwd", "x" * 12])
def test_a_draft_that_is_not_there_is_told(named, tmp_path, monkeypatch):
    monkeypatch.setenv("HIERAPP_HOME", str(tmp_path))
    with pytest.raises(TreeError, match="no draft"):
        Draft.load(named)


def test_all_edits_that_fail_are_told_even_if_a_later_one_works(draft):
    said = draft.ask(
        [
            {"id": 1, "op": "promote", "nodes": ["truck"]},
            {"id": 2, "op": "add", "parent": "fish", "name": "carp"},
            {"id": 3, "op": "rename", "node": "cat", "name": "lynx"},
        ]
    )
    assert "child of the root" in said
    assert "no node 'fish'" in said
    assert draft.refused == [1, 2]
    assert "lynx" in draft.tree.leaves


# Several windows


def rename(number: int, node: str, name: str, by: str) -> dict[str, object]:
    return {"id": number, "editor": by, "op": "rename", "node": node, "name": name}


def test_two_windows_lose_nothing_of_each_other(draft):
    first, second = Draft.load(draft.id), Draft.load(draft.id)
    edits = [rename(1, "cat", "lynx", "one"), rename(2, "dog", "wolf", "one"), rename(3, "frog", "toad", "one")]
    assert first.ask(edits) == ""
    assert second.ask([rename(1, "truck", "lorry", "two")]) == drafts.REBASED
    assert second.tree.leaves == ("lynx", "wolf", "toad", "lorry")
    assert first.refresh()
    assert not first.refresh()
    assert first.tree == second.tree == Draft.load(draft.id).tree
    assert first.ask([*edits, rename(4, "animal", "beast", "one")]) == ""
    assert Draft.load(draft.id).done == {"": 0, "one": 4, "two": 1}
    assert "beast" in Draft.load(draft.id).tree.nodes


def test_an_edit_that_no_longer_fits_is_refused_and_told(draft):
    first, second = Draft.load(draft.id), Draft.load(draft.id)
    first.ask([rename(1, "cat", "lynx", "one")])
    assert second.ask([rename(1, "cat", "puma", "two")]) == (
        "There is no node 'cat' in this tree; it may have been renamed or removed."
    )
    assert (second.refused, second.tree) == ([1], first.tree)


def test_what_was_not_seen_is_not_undone(draft):
    first, second = Draft.load(draft.id), Draft.load(draft.id)
    second.ask([rename(1, "truck", "lorry", "two")])
    first.ask([rename(1, "cat", "lynx", "one")])
    said = second.ask([{"id": 2, "editor": "two", "op": "undo"}])
    assert said == (
        "This draft was also changed elsewhere, so nothing was undone; check its current state and try again."
    )
    assert second.tree.leaves == ("lynx", "dog", "frog", "lorry")
    assert second.ask([{"id": 3, "editor": "two", "op": "undo"}]) == ""
    assert second.tree.leaves == ("cat", "dog", "frog", "lorry")


def test_a_window_whose_draft_was_removed_writes_it_anew(draft, tmp_path):
    draft.do("rename", {"node": "cat", "name": "lynx"})
    draft.do("rename", {"node": "dog", "name": "wolf"})
    draft.do("undo", {})
    other, file = Draft.load(draft.id), tmp_path / "drafts" / f"{draft.id}.jsonl"
    file.unlink()
    assert not draft.refresh()
    draft.do("rename", {"node": "frog", "name": "toad"})
    again = Draft.load(draft.id)
    assert (again.title, again.data, again.states, again.at) == ("Mine", "cifar10", draft.states, draft.at)
    assert other.refresh()
    assert other.tree == draft.tree
    file.unlink()
    file.touch()
    other.do("rename", {"node": "toad", "name": "newt"})
    assert Draft.load(draft.id).tree.leaves == ("lynx", "dog", "newt", "truck")


def test_a_draft_that_cannot_be_written_is_told_and_the_edit_not_done(draft, monkeypatch):
    def fail(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "open", fail)
    monkeypatch.setattr(drafts.locks, "holding", fail)
    with pytest.raises(StoreError, match=r"The draft cannot be saved in .*\(No space left on device\)"):
        draft.do("rename", {"node": "cat", "name": "lynx"})
    assert draft.tree == TREE


WINDOW = """
import sys
from hierapp.trees.drafts import Draft
draft, by = Draft.load(sys.argv[1]), sys.argv[2]
for number in range(1, 41):
    edit = {"id": number, "editor": by, "op": "add", "parent": "animal", "name": f"{by}-{number}"}
    assert draft.refused == [], draft.ask([edit])
    draft.ask([edit])
    assert draft.refused == []
"""


@pytest.mark.slow
def test_three_processes_that_edit_one_draft_at_once_lose_nothing(draft):
    windows = [subprocess.Popen([sys.executable, "-c", WINDOW, draft.id, by]) for by in "abc"]
    assert [window.wait() for window in windows] == [0, 0, 0]
    again = Draft.load(draft.id)
    assert {f"{by}-{number}" for by in "abc" for number in range(1, 41)} <= set(again.tree.leaves)
    assert len(again.states) == 121


def test_a_draft_of_version_0_1_0_is_read_and_goes_on(tmp_path, monkeypatch):
    monkeypatch.setenv("HIERAPP_HOME", str(tmp_path))
    (tmp_path / "drafts").mkdir()
    state = {"names": ["r", "a", "b"], "parents": [-1, 0, 0]}
    lines = [{"title": "Old", "data": None}, {"tree": state, "done": 0}, {"tree": state, "done": 7}]
    text = "".join(f"\n{json.dumps(line)}" for line in lines)
    (tmp_path / "drafts" / "0123456789ab.jsonl").write_text(text)
    draft = Draft.load("0123456789ab")
    assert (draft.title, draft.tree.leaves, draft.done) == ("Old", ("a", "b"), {"": 7})
    assert draft.ask([rename(1, "a", "c", "new")]) == ""
    assert Draft.load("0123456789ab").tree.leaves == ("c", "b")
