"""The rows of the table of runs: folds, order, and the choice of rows."""

import pytest

from hierapp.analysis import run_rows
from hierapp.analysis.run_frame import value_of


def keys(rows):
    return [row.key for row in rows]


def test_a_search_is_one_row_and_the_newest_comes_first(listed_runs):
    rows = run_rows.rows(listed_runs)
    assert keys(rows) == ["6", "batch search:rates", "2", "1"]
    assert rows[1].title == "search rates, 3 runs"
    assert [run.id for run in rows[1].runs] == ["5", "4", "3"]


def test_the_runs_of_an_open_fold_follow_it(listed_runs):
    rows = run_rows.rows(listed_runs, opened=["batch search:rates", "gone"])
    assert keys(rows) == ["6", "batch search:rates", "5", "4", "3", "2", "1"]
    assert [row.inside for row in rows[2:5]] == ["batch search:rates"] * 3


def test_seeds_of_a_configuration_are_one_row_whose_key_stays_when_seeds_are_added(listed_runs):
    rows = run_rows.rows(listed_runs, "configurations")
    assert keys(rows) == ["6", "5", "4", "3", "like 1"]
    assert rows[-1].title == "hxe, 2 seeds"


@pytest.mark.parametrize(
    ("column", "descending", "order"),
    [
        ("test accuracy", True, ["5", "4", "3", "2", "1", "6"]),
        ("test accuracy", False, ["1", "2", "3", "4", "5", "6"]),
        ("seed", True, ["6", "2", "5", "4", "3", "1"]),
        ("name", False, ["6", "2", "1", "5", "4", "3"]),
        ("duration", False, ["1", "2", "3", "4", "5", "6"]),
    ],
)
def test_rows_are_sorted_by_a_column_and_those_without_a_value_come_last(listed_runs, column, descending, order):
    assert keys(run_rows.rows(listed_runs, "nothing", sort=value_of(column), descending=descending)) == order


ROWS = {"fold": ["4", "3"], "4": ["4"], "3": ["3"], "2": ["2"], "1": ["1"]}


@pytest.mark.parametrize(
    ("chosen", "now", "then"),
    [
        (["1", "9"], {"1", "2"}, ["1", "9", "2"]),  # run 9 is not listed
        (["1", "9"], set(), ["9"]),
        (["1"], {"1", "fold"}, ["1", "4", "3"]),
        (["4", "3"], {"4", "3"}, []),  # the fold is no longer chosen
        (["4", "3"], {"fold", "3"}, ["3"]),
        ([], {"fold", "4", "3", "2", "1"}, ["4", "3", "2", "1"]),
    ],
)
def test_the_chosen_runs_follow_the_rows_that_are_turned(chosen, now, then):
    before = {key for key, runs in ROWS.items() if set(runs) <= set(chosen)}
    assert run_rows.rechosen(ROWS, before, now, chosen) == then


def test_a_fold_is_chosen_if_all_its_runs_are(listed_runs):
    rows = run_rows.runs_of(run_rows.rows(listed_runs, opened=["batch search:rates"]))
    assert run_rows.positions(rows, {"5", "4", "1"}) == [2, 3, 6]
    assert run_rows.positions(rows, {"5", "4", "3"}) == [1, 2, 3, 4]
