"""The table of runs on the Runs page: filters, folds, order, choice, and the way to Compare."""

from __future__ import annotations

import pytest

from hierapp.runs import tags
from tests.app.conftest import add_run, chosen_rows, texts

pytestmark = pytest.mark.slow


def listed(page):
    return page.dataframe[0].value["run"].tolist()


def test_runs_are_filtered_sorted_and_found_again_by_the_address(open_page, store):
    for loss, state in (("hxe", "finished"), ("simloss", "failed"), ("hxe", "cancelled")):
        add_run(store, state, loss)
    page = open_page("runs", runs="2")
    assert listed(page) == [3, 2, 1]
    page.multiselect(key="with-loss").set_value(["hxe"]).run()
    page.checkbox(key="ascending").check().run()
    assert listed(page) == [1, 3]
    assert "2 of 3 runs, 1 chosen (1 not listed)" in texts(page)
    page.text_input(key="find").set_value("cancelled").run()
    assert listed(page) == [3]
    assert page.session_state["runs"] == ["2"]
    query = {key: page.query_params[key] for key in ("runs", "with-loss")}
    again = open_page("runs", find="cancelled", **query)  # the browser writes the text into the address
    assert listed(again) == [3]
    assert again.session_state["runs"] == ["2"]
    again.text_input(key="find").set_value("nothing like it").run()
    assert "No run is like this" in texts(again)
    assert not again.exception


def test_a_search_is_folded_and_opened(open_page, store):
    for _ in range(3):
        tags.put(store, add_run(store), ["search:rates"])
    add_run(store)
    page = open_page("runs", runs=["1", "2", "3"])
    assert page.dataframe[0].value["name"].tolist() == ["hierarchical", "search rates, 3 runs"]
    assert chosen_rows(page) == [1]
    page.session_state["opened"] = ["batch search:rates"]
    page.run()
    assert len(page.dataframe[0].value) == 5
    page.selectbox(key="fold").set_value("nothing").run()
    assert sorted(listed(page)) == [1, 2, 3, 4]
    assert not page.exception


def test_new_runs_move_the_choice_with_its_rows(open_page, store):
    add_run(store)
    page = open_page("runs")
    assert chosen_rows(page) == [0]
    add_run(store)
    page.run()
    assert listed(page) == [2, 1]
    assert chosen_rows(page) == [1]


def test_chosen_runs_open_on_the_compare_page(open_page, store):
    for loss in ("hxe", "hierarchical", "simloss"):
        add_run(store, loss=loss)
    page = open_page("runs", runs=["1", "3"])
    page.button(key="compare").click().run()
    assert page.title[0].value == "Compare"
    assert page.multiselect(key="groups").value == ["1", "3"]
    assert not page.exception


def test_without_a_chosen_run_the_page_says_so(open_page, store):
    add_run(store)
    page = open_page("runs")
    page.session_state["runs"] = []
    page.run()
    assert "No run is chosen" in texts(page)
    assert page.button(key="compare").disabled
    assert not page.exception


def test_the_listed_runs_are_chosen_by_a_button_and_none_by_another(open_page, store):
    for loss in ("hxe", "simloss", "hxe"):
        add_run(store, loss=loss)
    page = open_page("runs", runs="2", find="hxe")
    page.button(key="choose-listed").click().run()
    assert page.query_params["runs"] == ["1", "2", "3"]
    assert chosen_rows(page) == [0, 1]
    page.button(key="choose-none").click().run()
    assert "No run is chosen" in texts(page)
    assert chosen_rows(page) == []
    assert not page.exception


def test_cancel_closes_its_menu(open_page, store):
    add_run(store, "queued")
    page = open_page("runs", runs="1")
    page.session_state["cancel-menu"] = True
    page.run()
    page.button(key="cancel-1").click().run()
    assert store.run("1").state == "cancelled"
    assert not page.session_state["cancel-menu"]
