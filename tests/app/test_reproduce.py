"""The Reproduce page: nothing measured, shipped results, runs of this machine, buttons for those who may."""

from __future__ import annotations

import numpy as np
import pytest

from hierapp.metrics import report as metrics_report
from hierapp.reproduction import planning, results, state, timing
from hierapp.reproduction.figures import FIGURES, find
from hierapp.reproduction.presets import SIZES
from tests.app.conftest import texts
from tests.app.test_access import ACCESS, app_of, fresh, page_of  # noqa: F401 - a fixture
from tests.reproduction import made_up
from tests.store_states import working

QUICK = SIZES["quick"]


@pytest.fixture(autouse=True)
def shipped(tmp_path, monkeypatch):
    """Where results would ship: nothing does."""
    monkeypatch.setattr(results, "shipped_file", lambda size: tmp_path / f"shipped-{size}.json")
    return tmp_path / "shipped-quick.json"


def finish(store, name, data="digits"):
    for planned in planning.plan(find([name]), QUICK, data):
        (run,) = store.add([planned.config], planned.tree)
        attempt = working(store, run)
        attempt.begin("cpu", "0.1.0 (abc)")
        counts = np.full((10, 10), 30 + planned.config.seed, dtype=np.int64) + 700 * np.eye(10, dtype=np.int64)
        for epoch in (1, 2, 3):
            attempt.end_epoch(epoch, {"val_accuracy": 0.2 * epoch, "epoch_seconds": 2.0}, counts // (4 - epoch))
        attempt.finish(3, metrics_report(counts, planned.tree), counts)


def test_before_anything_is_measured_every_figure_says_what_the_report_saw(open_page, store):
    page = open_page("reproduce")
    assert not page.exception
    assert "There are no results of this size for CIFAR-10" in page.info[0].value
    for figure in FIGURES:
        assert figure.question in texts(page)
    assert [each.value for each in page.header] == [figure.title for figure in FIGURES]
    assert not page.dataframe
    assert next(each for each in page.button if each.label == "Run all figures (quick)").disabled  # no CIFAR-10


def test_shipped_results_are_shown_with_where_they_are_from(open_page, store, shipped):
    finish(store, "8", "cifar10")
    made = state.outcome(store, QUICK, "cifar10", "python -m hierapp reproduce")
    made = made.model_copy(update={"made": "2026-01-31", "environment": {"processor": "A Fast One"}})
    results.save(made, shipped)
    with store.database.write() as db:
        db.execute("DELETE FROM runs")
    page = open_page("reproduce")
    assert not page.exception
    words = texts(page)
    assert "shipped results" in words
    assert "2026-01-31" in words.replace("\\", "")
    assert "A Fast One" in words
    assert "this machine]" not in words
    verdicts = page.dataframe[0].value
    assert set(verdicts["from"]) == {"shipped", ""}
    assert (verdicts["here"] == "not measured").any()


def test_runs_of_this_machine_are_judged_as_they_are(open_page, store):
    finish(store, "8")
    page = open_page("reproduce", data="digits")
    assert not page.exception
    assert "this machine]" in texts(page)
    (claim,) = state.result(store, state.statuses(store, find(["8"]), QUICK, "digits")[0], QUICK, "digits").claims[:1]
    assert claim.sentence.split(":")[0].split("(")[0].strip()[:20] in texts(page)
    verdicts = page.dataframe[0].value
    soft = verdicts[verdicts["figure"] == "Figure 8: soft labels"]
    assert set(soft["from"]) == {"this machine"}


def test_a_button_queues_what_a_figure_lacks_once(open_page, store):
    page = open_page("reproduce", data="digits")
    page.button(key="reproduce-8").click().run()
    assert not page.exception
    planned = planning.plan(find(["8"]), QUICK, "digits")
    assert len(store.runs()) == len(planned)
    assert {run.tags for run in store.runs()} == {("paper:quick",)}
    assert "reproduce-8" not in {each.key for each in page.button}
    page.button(key="reproduce-3ab").click().run()
    shared = planning.plan(find(["8", "3a"]), QUICK, "digits")
    assert len(store.runs()) == len(shared)


def test_the_times_are_measured_by_a_process_of_their_own(open_page, store, monkeypatch):
    asked = []
    monkeypatch.setattr("hierapp.utils.processes.spawn", lambda arguments, *rest, **named: asked.append(arguments))
    page = open_page("reproduce", data="digits", size="full")
    page.button(key="reproduce-appendix-a").click().run()
    assert not page.exception
    assert asked == [["hierapp", "reproduce", "appendix-a", "--size", "full", "--data", "digits"]]
    timing.keep(made_up.timing(190, 200), "full", "digits")
    page.run()
    assert "times as fast as the loop" in texts(page)


def test_the_address_says_size_and_data(open_page, store):
    page = open_page("reproduce", data="digits", size="full")
    assert page.selectbox(key="data").value == "digits"
    assert "Run all figures (full)" in {each.label for each in page.button}


def test_a_viewer_sees_and_starts_nothing(store):
    page = page_of("reproduce", "carl@x.edu", data="digits")
    assert not page.exception
    assert all(each.disabled for each in page.button if "Run " in each.label)


def test_limits_are_told_and_nothing_is_queued(store):
    access = {**ACCESS, "limits": {"waiting": 3}}
    page = app_of("bob@x.edu", access, data="digits").switch_page("pages/reproduce/page.py").run()
    page.button(key="reproduce-8").click().run()
    assert not page.exception
    assert "3 runs waiting" in page.error[0].value
    assert store.runs() == []


def test_broken_results_are_told_in_a_sentence(open_page, store, shipped):
    shipped.write_text("{")
    page = open_page("reproduce")
    assert not page.exception
    assert "does not contain reproduction results" in page.error[0].value
