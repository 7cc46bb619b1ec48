"""Deleted files and folders stay in the trash until it is emptied."""

import pytest

from hierapp.errors import StoreError
from hierapp.utils import trash_folder


@pytest.fixture
def trash(tmp_path):
    return tmp_path / "trash"


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_is_deleted_comes_back_unchanged(kind, trash, tmp_path):
    source = tmp_path / "mine"
    if kind == "folder":
        source.mkdir()
    inner = source / "inner" if kind == "folder" else source
    inner.write_text("content")
    item = trash_folder.put(trash, kind, "mine", source, "a@b.c", tree="oak")
    assert not source.exists()
    assert trash_folder.contents(trash) == [item]
    assert (item.word, item.owner, item.more) == (f"{kind}:mine", "a@b.c", {"tree": "oak"})
    source.mkdir() if kind == "folder" else source.write_text("other")
    with pytest.raises(StoreError, match="another"):
        trash_folder.restore(item, source)
    assert trash_folder.contents(trash) == [item]
    source.rmdir() if kind == "folder" else source.unlink()
    trash_folder.restore(item, source)
    assert inner.read_text() == "content"
    assert trash_folder.contents(trash) == []
    with pytest.raises(StoreError, match="not in the trash"):
        trash_folder.restore(item, tmp_path / "elsewhere")


def test_what_is_no_item_is_left_out_and_a_deletion_that_fails_leaves_nothing(trash, tmp_path):
    assert trash_folder.contents(trash) == []
    with pytest.raises(FileNotFoundError):
        trash_folder.put(trash, "file", "gone", tmp_path / "gone")
    assert list(trash.iterdir()) == []
    (trash / "foreign").write_text("no item")
    (trash / "empty").mkdir()
    assert trash_folder.contents(trash) == []


def test_emptying_removes_for_good(trash, tmp_path):
    (tmp_path / "mine").write_text("content")
    trash_folder.remove(trash_folder.put(trash, "file", "mine", tmp_path / "mine"))
    assert list(trash.iterdir()) == []
