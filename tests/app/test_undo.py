"""Undo of a deletion on the pages of trees, similarities and searches, and the trash on the Runs page."""

import pytest

from hierapp.search import journal
from hierapp.trees import library as tree_library
from tests.app.conftest import add_run, texts
from tests.search.conftest import begun

pytestmark = pytest.mark.slow


def test_a_deleted_tree_is_restored_on_its_page_or_from_the_trash(open_page, store):
    add_run(store)
    tree_library.keep(tree_library.load("digits"), "mine")
    page = open_page("trees", tree="mine")
    next(button for button in page.button if button.label == "Delete it").click().run()
    assert tree_library.own("mine") is None
    assert "mine is in the trash" in texts(page)
    page.button(key="undo-tree-button").click().run()
    assert tree_library.own("mine") is not None
    assert "in the trash" not in texts(page)
    tree_library.delete("mine")
    runs = open_page("runs")
    next(button for button in runs.button if button.label == "Restore tree mine").click().run()
    assert tree_library.own("mine") is not None
    assert not runs.exception


def test_a_deleted_search_is_restored_with_its_runs(open_page, store):
    begun(store)
    page = open_page("search", search="lr")
    page.button(key="delete-search").click().run()
    page.run()
    assert journal.names(store) == []
    assert "lr is in the trash" in texts(page)
    page.button(key="undo-search-button").click().run()
    assert journal.names(store) == ["lr"]
    assert not page.exception
