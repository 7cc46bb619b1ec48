"""The list of drafts, and drafts in the trash."""

import os

import pytest

from hierapp import LabelTree
from hierapp.errors import StoreError, TreeError
from hierapp.trees import draft_library, drafts
from hierapp.trees.drafts import Draft

TREE = LabelTree.from_edges([("root", "cat"), ("root", "dog")])


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HIERAPP_HOME", str(tmp_path))


def begun(title, data=None, changed=None):
    draft = Draft.begin(TREE, title, data)
    if changed is not None:
        os.utime(drafts.folder() / f"{draft.id}.jsonl", (changed, changed))
    return draft


def test_there_are_none_without_a_folder():
    assert draft_library.entries() == []


def test_the_last_changed_is_first_and_what_is_no_draft_is_skipped():
    begun("Old", changed=1_000)
    new = begun("New *and* long " + "x" * 500, "cifar10", changed=2_000)
    for name, content in (("0123456789ab", ""), ("0123456789ac", "\n[1]"), ("0123456789ad", '\n{"title": "x"}')):
        (drafts.folder() / f"{name}.jsonl").write_text(content)
    os.mkfifo(drafts.folder() / "0123456789ae.jsonl")
    found = draft_library.entries()
    assert [entry.title for entry in found] == [new.title, "Old"]
    assert (found[0].id, found[0].data, found[0].changed) == (new.id, "cifar10", 2_000)


def test_a_deleted_draft_is_restored_with_its_history():
    draft = begun("Mine")
    draft.do("rename", {"node": "cat", "name": "lynx"})
    item = draft_library.delete(draft.id)
    assert (item.word, item.title) == (f"draft:{draft.id}", "Mine")
    assert draft_library.entries() == []
    draft_library.restore(item)
    assert Draft.load(draft.id).states == draft.states
    with pytest.raises(StoreError, match="not in the trash"):
        draft_library.restore(item)


def test_an_edit_in_an_open_window_is_not_lost_by_a_deletion_elsewhere():
    draft = begun("Mine")
    item = draft_library.delete(draft.id)
    draft.do("rename", {"node": "cat", "name": "lynx"})
    with pytest.raises(StoreError, match="another draft"):
        draft_library.restore(item)
    assert Draft.load(draft.id).tree.leaves == ("lynx", "dog")


@pytest.mark.parametrize("name", ["0123456789ab", "../trees/mine", "", "x" * 300])
def test_what_is_no_draft_is_not_deleted(name):
    with pytest.raises(TreeError, match="There is no draft"):
        draft_library.delete(name)
