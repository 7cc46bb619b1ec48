"""The columns of the table of runs."""

import dataclasses

from hierapp.analysis import run_frame, run_rows


def test_rows_show_numbers_durations_and_tags(listed_runs):
    frame = run_frame.frame(run_rows.rows(listed_runs, "nothing"))
    assert frame["run"].tolist() == [6, 5, 4, 3, 2, 1]
    assert frame["duration"].tolist() == ["", "0:00:50", "0:00:40", "0:00:30", "0:00:20", "0:00:10"]
    assert frame["tags"].tolist()[0] == "#paper #mine"
    assert frame["test accuracy"].tolist()[1:] == [0.5, 0.4, 0.3, 0.2, 0.1]


def test_a_configuration_has_means_and_a_search_has_none(listed_runs):
    (*_, mean) = run_frame.frame(run_rows.rows(listed_runs, "configurations"))["test accuracy"]
    assert round(mean, 6) == 0.15
    search = run_frame.frame(run_rows.rows(listed_runs)).iloc[1]
    assert search[["test accuracy", "seed", "run"]].isna().all()
    assert search[["state", "configuration", "data"]].tolist() == ["3 finished", run_frame.SEVERAL, "digits"]


def test_columns_that_say_nothing_are_left_out_at_first(listed_runs):
    alike = run_frame.frame(run_rows.rows(listed_runs[:2]))
    every = run_frame.frame(run_rows.rows(listed_runs))
    assert "seed" in run_frame.usual_columns(alike, is_going=False)
    assert not {"configuration", "tags", "note", "progress", "data"} & set(run_frame.usual_columns(alike, False))
    assert {"configuration", "tags", "note", "owner", "progress"} <= set(run_frame.usual_columns(every, True))


def test_what_changes_of_a_run_is_shown(listed_runs):
    rows = run_rows.rows(listed_runs[:1])
    before = run_frame.frame(rows)
    tagged = [dataclasses.replace(row, runs=(dataclasses.replace(row.runs[0], tags=("new",)),)) for row in rows]
    assert [before["tags"][0], run_frame.frame(tagged)["tags"][0]] == ["", "#new"]


def test_metrics_of_ordered_classes_are_shown_where_a_run_has_them(listed_runs):
    run = listed_runs[0]
    exact = dataclasses.replace(run, test={"accuracy": 1.0, "mean_absolute_error": 0.0, "within_one_class": 1.0})
    of_ages, of_others = (run_frame.frame(run_rows.rows([each], "nothing")) for each in (exact, run))
    assert of_ages["mean absolute error"].tolist() == [0.0]
    shown = run_frame.usual_columns(of_ages, is_going=False)
    assert {"mean absolute error", "within one class"} <= set(shown)
    assert "within two classes" not in shown
    assert "mean absolute error" not in run_frame.usual_columns(of_others, is_going=False)
