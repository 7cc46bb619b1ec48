"""Delete, Undo and the trash on the Runs page."""

from __future__ import annotations

import pytest

from hierapp.runs import trash
from tests.app.conftest import add_run, texts

pytestmark = pytest.mark.slow


@pytest.fixture
def two(store):
    return [add_run(store), add_run(store)]


def labels(page):
    return [button.label for button in page.button]


def test_a_run_is_deleted_and_undone(two, open_page, store):
    page = open_page("runs", runs=two)
    page.button(key="delete-2").click().run()
    assert [run.id for run in store.runs()] == ["1"]
    page.run()
    assert "Run 2 is in the trash." in texts(page)
    assert page.session_state["runs"] == ["1"]
    page.button(key="undo").click().run()
    assert [run.id for run in store.runs()] == ["1", "2"]
    assert sorted(page.session_state["runs"]) == ["1", "2"]
    assert "in the trash" not in texts(page)


def test_the_last_runs_are_deleted_and_restored_from_the_trash(two, open_page, store):
    page = open_page("runs", runs=two)
    page.button(key="delete-all").click().run()
    page.run()
    assert store.runs() == []
    assert "There are no runs yet" in page.info[0].value
    page = open_page("runs")
    page.button(key="restore-1").click().run()
    assert [run.id for run in store.runs()] == ["1"]
    assert not page.exception


def test_emptying_the_trash_must_be_confirmed(two, open_page, store):
    page = open_page("runs", runs=two)
    page.button(key="delete-1").click().run()
    page.run()
    assert page.button(key="empty-trash").disabled
    page.checkbox(key="empty-sure").check().run()
    page.button(key="empty-trash").click().run()
    assert [run.id for run in store.runs(deleted=None)] == ["2"]
    assert not [key for key in labels(page) if key.startswith("Restore")]


def test_a_run_that_another_user_deleted_is_no_longer_shown(two, open_page, store):
    page = open_page("runs", runs=two)
    trash.delete(store, ["2"])
    page.run()
    assert not page.exception
    assert page.session_state["runs"] == ["1"]


def test_running_runs_cannot_be_deleted(open_page, store):
    page = open_page("runs", runs=add_run(store, "running"))
    assert not [label for label in labels(page) if label.startswith("Delete")]
